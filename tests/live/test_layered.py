"""An index with what came later beside it answers as one index of both."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from shelfspace.index import HNSW, Exact, Index
from shelfspace.live.layered import Layered

DIM, NUM_BELOW, NUM_IN_ALL = 5, 30, 40


def vectors(seed: int) -> np.ndarray:
    made = np.random.default_rng(seed).normal(size=(NUM_IN_ALL, DIM)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


@pytest.mark.parametrize("kind", [Exact, HNSW])
@given(
    seed=st.integers(0, 1000),
    changes=st.lists(st.tuples(st.booleans(), st.integers(0, NUM_IN_ALL - 1)), max_size=25),
    k=st.integers(1, NUM_IN_ALL + 3),
)
def test_it_answers_as_one_index(kind: type[Index], seed: int, changes: list, k: int):
    below, whole = kind(DIM), Exact(DIM)
    first = vectors(seed)
    for index in (below, whole):
        index.add(np.arange(NUM_BELOW), first[:NUM_BELOW])
    layered = Layered(below)
    for n, (adds, row) in enumerate(changes):
        for index in (layered, whole):
            if adds:
                index.add([row], vectors(seed + 1 + n)[[row]])
            else:
                index.remove([row])
    assert len(layered) == len(whole)
    rng = np.random.default_rng(seed)
    allowed = rng.random(NUM_IN_ALL) < 0.7
    exclude = sparse.csr_array(rng.random((3, NUM_IN_ALL)) < 0.1)
    queries = vectors(seed + 99)[:3]
    for filters in ({}, {"allowed": allowed}, {"exclude": exclude}, {"allowed": allowed, "exclude": exclude}):
        one, other = layered.search(queries, k, **filters), whole.search(queries, k, **filters)
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_allclose(one[1], other[1], rtol=1e-5)


def test_it_is_not_saved(tmp_path):
    with pytest.raises(TypeError, match="shelfspace update"):
        Layered(Exact(2)).save(tmp_path)
    with pytest.raises(TypeError):
        Layered(Exact(2)).load(tmp_path)
