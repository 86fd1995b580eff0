from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psycopg
import pytest

from shelfspace.errors import ConfigError, SpaceError, StoreError
from shelfspace.index import open_index
from tests.contracts.index_contract import DIM, RemoteContract, vectors


class TestPgVector(RemoteContract):
    recall = 0.95
    nowhere = "postgresql://shop:hunter2@127.0.0.1:1/vectors"

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _served(cls, postgres):
        cls.address = _named(postgres, "items")


@pytest.fixture(scope="module")
def large(postgres):
    index = open_index(_named(postgres, "large"), DIM)
    index.add(np.arange(6000), vectors(6000))
    return index


def test_the_graph_is_used_also_beyond_what_it_is_asked_at_once(large, postgres):
    given, queries = vectors(6000), vectors(30, seed=1)
    for k in (10, 1200):
        rows, scores = large.search(queries, k)
        best = -np.sort(-(queries @ given.T), axis=1)[:, :k]
        assert np.mean(scores >= best[:, -1:] - 1e-6) >= 0.95
        assert all(len(set(one)) == k for one in rows)
    (name,) = large.versions()
    with psycopg.connect(postgres, autocommit=True) as to:
        to.execute("SET enable_seqscan = on; SELECT '[1]'::vector")
        query = f"[{','.join(map(str, queries[0]))}]"
        plan = to.execute(f"EXPLAIN SELECT row FROM {name} ORDER BY vector <#> '{query}' LIMIT 10").fetchall()
    assert f"Index Scan using {name}_near" in str(plan)


def test_several_threads_at_once(large):
    queries = vectors(40, seed=2)
    wanted = large.search(queries, 5)[0]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda n: large.search(queries[n : n + 1], 5)[0][0], range(40)))
    np.testing.assert_array_equal(found, wanted)


def test_a_connection_that_was_ended_is_made_again(large, postgres):
    large.search(vectors(1), 1)
    with psycopg.connect(postgres, autocommit=True) as to:
        to.execute(
            "SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
    assert large.search(vectors(1), 1)[0].shape == (1, 1)


def test_addresses():
    address = "postgresql://shop:hunter2@127.0.0.1:1/vectors?sslmode=disable&connect_timeout=2&table=items"
    index = open_index(address, 4)
    assert (index.table, index.shown) == ("items", address.replace(":hunter2", ""))
    with pytest.raises(StoreError) as told:
        index.add([1], np.ones((1, 4)))
    assert "hunter2" not in str(told.value)
    for wrong, said in (
        ("sslmod=disable", "did you mean 'sslmode'"),
        ("connectivity=200", "connectivity from 2 to 100"),
        ("expansion_search=2000", "expansion_search from 1 to 1,000"),
    ):
        with pytest.raises(ConfigError, match=said):
            open_index(f"postgresql://localhost/vectors?{wrong}", 4)
    with pytest.raises(ConfigError, match="at most 2,000 numbers"):
        open_index("postgresql://localhost/vectors", 2001)


def test_a_name_from_a_damaged_file_is_never_asked_for(large, tmp_path):
    large.save(tmp_path)
    path = tmp_path / "store.json"
    path.write_text(path.read_text().replace(large.versions()[0], "x; DROP TABLE y"))
    with pytest.raises(SpaceError, match="cannot name a collection"):
        large.load(tmp_path)


def _named(address, table):
    return f"{address}{'&' if '?' in address else '?'}table={table}"
