import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy import sparse

from shelfspace.errors import ConfigError
from shelfspace.index import HNSW, Exact, open_index
from shelfspace.linear.vectors import ItemVectors
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import History
from shelfspace.shop.ids import Ids
from tests.contracts.index_contract import IndexContract, unit


class TestHNSW(IndexContract):
    address = "hnsw"
    recall = 0.95


class TestHNSWInHalfPrecision(IndexContract):
    address = "hnsw?precision=bfloat16"
    recall = 0.95


def test_recall_against_exact_where_the_graph_is_asked():
    rng = np.random.default_rng(0)
    vectors = unit(rng.normal(size=(200, 32))[rng.integers(0, 200, 8000)] + 0.6 * rng.normal(size=(8000, 32)))
    graph, exact = HNSW(32, threads=1), Exact(32)  # of several threads no two graphs are the same
    for index in (graph, exact):
        index.add(np.arange(8000), vectors)
        index.remove(np.arange(0, 8000, 5))
    allowed = rng.random(8000) < 0.5
    for some in (None, allowed):
        rows, scores = graph.search(vectors[:300], 10, allowed=some)
        wanted, best = exact.search(vectors[:300], 10, allowed=some)
        assert np.mean([len(set(a) & set(b)) / 10 for a, b in zip(rows, wanted, strict=True)]) > 0.95
        np.testing.assert_allclose(scores[:, 0], best[:, 0], atol=0.05)


def test_a_loaded_graph_is_mapped_until_it_is_changed(tmp_path):
    vectors = unit(np.random.default_rng(1).normal(size=(3000, 8)))
    made = HNSW(8, threads=1)
    made.add(np.arange(3000), vectors)
    made.save(tmp_path)
    whole = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    changed, other = HNSW(8, threads=1), HNSW(8, threads=1)
    for index in (changed, other):
        index.load(tmp_path)
        for one, same in zip(index.search(vectors[:50], 10), made.search(vectors[:50], 10), strict=True):
            np.testing.assert_array_equal(one, same)
    changed.remove([0, 1])
    changed.add([3000, 1], vectors[:2])
    assert changed.search(vectors[:2], 1)[0].tolist() == [[3000], [1]]
    assert (len(changed), len(other)) == (3000, 3000)
    assert other.search(vectors[:2], 1)[0].tolist() == [[0], [1]]
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == whole
    del other
    changed.save(tmp_path / "again")
    index.load(tmp_path / "again")
    assert index.search(vectors[:2], 1)[0].tolist() == [[3000], [1]]


def test_one_query_gets_what_many_get():
    rng = np.random.default_rng(2)
    vectors = unit(rng.normal(size=(6000, 16)))
    index = HNSW(16, threads=1)
    index.add(np.arange(6000), vectors)
    index.remove(np.arange(0, 6000, 7))
    seen = sparse.csr_array(rng.random((40, 6000)) < 0.01)
    for allowed in (None, np.ones(6000, bool), rng.random(6000) < 0.4, rng.random(5000) < 0.4):
        for exclude in (None, seen):
            rows, scores = index.search(vectors[:40], 10, allowed=allowed, exclude=exclude)
            for n in range(40):
                some = exclude[[n]] if exclude is not None else None
                one, best = index.search(vectors[n : n + 1], 10, allowed=allowed, exclude=some)
                np.testing.assert_array_equal(one[0], rows[n])
                np.testing.assert_allclose(best[0], scores[n], atol=1e-6)


def test_settings():
    index = open_index("hnsw?connectivity=32&expansion_search=128", 8)
    assert isinstance(index, HNSW)
    assert (index.connectivity, index.expansion_search) == (32, 128)
    with pytest.raises(ConfigError, match="precision = 'float16'"):
        open_index("hnsw?precision=float16", 8)
    with pytest.raises(ConfigError, match="at least 2"):
        open_index("hnsw?connectivity=1", 8)


def test_recall_on_the_item_vectors_of_a_real_shop(data):
    events = pq.read_table(data / "amazon-beauty" / "events.parquet", columns=["user_id", "item_id"])
    items = pq.read_table(data / "amazon-beauty" / "items.parquet", columns=["item_id", "title", "category"])
    ids, users = (
        Ids(items["item_id"].combine_chunks(), "item"),
        events["user_id"].combine_chunks().dictionary_encode(),
    )
    size = len(ids)
    past = History.of(
        users.indices,
        ids.rows(events["item_id"]),
        num_users=len(users.dictionary),
        num_items=size,
        clock="none",
    )
    shop = Catalogue(
        ids, items.drop_columns("item_id"), np.full(size, -np.inf), np.arange(size, dtype=np.int32)
    )
    vectors = ItemVectors(embedding_dim=64).learn(past, shop).vectors
    graph, exact = HNSW(64), Exact(64)
    for index in (graph, exact):
        index.add(np.arange(size), vectors)
    rows, scores = graph.search(vectors[::5], 10)
    wanted, best = exact.search(vectors[::5], 10)
    assert np.mean([len(set(a) & set(b)) / 10 for a, b in zip(rows, wanted, strict=True)]) >= 0.95
    same = rows == wanted
    np.testing.assert_allclose(scores[same], best[same], atol=1e-5)
