import sys

import pytest

from shelfspace.errors import MissingExtraError
from shelfspace.index import STORES, open_index, without_secrets


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("hnsw?connectivity=32", "hnsw?connectivity=32"),
        ("postgresql://a:s3cret@h:5432/db?table=t", "postgresql://a@h:5432/db?table=t"),
        ("postgresql://a:s3c%40ret@h/db?password=s3cret&table=t", "postgresql://a@h/db?table=t"),
        ("postgresql:///db?host=/run/pg&password=s3cret", "postgresql:///db?host=/run/pg"),
        ("qdrant://:memory:?collection=a", "qdrant://:memory:?collection=a"),
        ("qdrant:///srv/vectors?collection=a", "qdrant:///srv/vectors?collection=a"),
        ("milvus://:s3cret@h:19530/a", "milvus://h:19530/a"),
    ],
)
def test_secrets_are_not_shown(address, shown):
    assert without_secrets(address) == shown


@pytest.mark.parametrize(
    ("scheme", "driver", "install"),
    [
        ("postgresql", "psycopg", "postgres"),
        ("postgresql", "pgvector.psycopg", "postgres"),
        ("qdrant", "qdrant_client", "qdrant"),
        ("milvus", "pymilvus", "milvus"),
    ],
)
def test_a_missing_driver_names_what_installs_it(scheme, driver, install, monkeypatch):
    monkeypatch.delitem(sys.modules, STORES[scheme][0], raising=False)
    monkeypatch.setitem(sys.modules, driver, None)
    with pytest.raises(MissingExtraError, match=rf"pip install 'shelfspace\[{install}\]'"):
        open_index(f"{scheme}://localhost/vectors", 4)
