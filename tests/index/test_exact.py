import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from shelfspace.errors import ConfigError
from shelfspace.index import Exact, open_index, topk
from tests.contracts.index_contract import IndexContract, naive


class TestExact(IndexContract):
    address = "exact"


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_equal_scores_are_ordered_by_row_however_blocks_are_cut(data):
    """Whole numbers: scores are exact and most of them tie."""
    rng = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    size, k, lines = (
        data.draw(st.integers(1, 700)),
        data.draw(st.integers(1, 12)),
        data.draw(st.integers(1, 20)),
    )
    vectors = rng.integers(-2, 3, (size, 3)).astype(np.float32)
    queries = rng.integers(-2, 3, (lines, 3)).astype(np.float32)
    allowed, seen = (
        rng.random(size) < data.draw(st.sampled_from([0.1, 0.7, 1.0])),
        rng.random((lines, size)) < 0.2,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(topk, "QUERY_BLOCK", data.draw(st.integers(1, 9)))
        patch.setattr(topk, "ITEM_BLOCK", data.draw(st.integers(1, 300)))
        found = topk.top_k(queries, vectors, k, allowed=allowed, exclude=sparse.csr_array(seen), threads=2)
    rows, scores = naive(vectors, queries, k, seen | ~allowed)
    np.testing.assert_array_equal(found[0], rows)
    np.testing.assert_array_equal(found[1], scores.astype(np.float32))


def test_many_blocks_and_threads_agree_with_one():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(40_000, 8)).astype(np.float32)
    queries = rng.normal(size=(600, 8)).astype(np.float32)
    one, two = topk.top_k(queries, vectors, 10), topk.top_k(queries, vectors, 10, threads=2)
    np.testing.assert_array_equal(one[0], two[0])
    rows, scores = naive(vectors, queries[:50], 10, np.zeros((50, 40_000), bool))
    np.testing.assert_array_equal(one[0][:50], rows)
    np.testing.assert_allclose(one[1][:50], scores, rtol=1e-5)


def test_a_loaded_index_maps_its_vectors(tmp_path):
    index = Exact(4)
    index.add([0, 1], np.eye(4)[:2])
    index.save(tmp_path)
    index.load(tmp_path)
    assert isinstance(index.vectors, np.memmap)
    index.remove([0])
    assert index.search(np.eye(4)[:1], 1)[0].tolist() == [[1]]


def test_addresses():
    assert open_index("exact?threads=1", 4).dim == 4
    with pytest.raises(ConfigError, match="did you mean 'exact'"):
        open_index("exakt", 4)
    with pytest.raises(ConfigError, match="did you mean 'connectivity'"):
        open_index("hnsw?conectivity=32", 4)
    with pytest.raises(ConfigError, match="connectivity = 'many'"):
        open_index("hnsw?connectivity=many", 4)
    with pytest.raises(ConfigError, match="did you mean 'qdrant'"):
        open_index("qdrand://localhost", 4)
    with pytest.raises(ConfigError, match="dim"):
        open_index("exact", 0)


def test_it_is_saved_where_it_was_loaded_from(tmp_path):
    index = Exact(2)
    index.add([0, 1], [[1.0, 0.0], [0.0, 1.0]])
    index.save(tmp_path)
    again = Exact(2)
    again.load(tmp_path)
    again.save(tmp_path)
    assert again.vectors.tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["present.npy", "vectors.npy"]
