import numpy as np
import pytest

from shelfspace.errors import ConfigError
from shelfspace.index import milvus, open_index
from tests.contracts.index_contract import DIM, RemoteContract, vectors


class TestMilvus(RemoteContract):
    recall = 0.95
    nowhere = "milvus://127.0.0.1:1/items"

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _served(cls, tmp_path_factory):
        cls.address = f"milvus://{tmp_path_factory.mktemp('milvus')}/vectors.db?collection=items"


def test_a_file_keeps_the_vectors(tmp_path):
    address = f"milvus://{tmp_path}/vectors.db?collection=items"
    index = open_index(address, DIM)
    index.add(np.arange(20), vectors(20))
    index.save(tmp_path / "index")
    milvus._client(f"milvus://{tmp_path}/vectors.db", False, "").close()
    milvus._client.cache_clear()
    again = open_index(address, DIM)
    again.load(tmp_path / "index")
    assert again.search(vectors(20)[4:5], 1)[0].tolist() == [[4]]


def test_addresses():
    with pytest.raises(ConfigError, match=r"end in \.db"):
        open_index("milvus:///vectors", 4)
    with pytest.raises(ConfigError, match="MILVUS_TOKEN") as told:
        open_index("milvus://root:hunter2@localhost/items", 4)
    assert "hunter2" not in str(told.value)
