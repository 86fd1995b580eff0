"""What a candidate is worth beside those taken, against determinants and maxima computed anew in float64."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelfspace.reranking.arranging import arranged
from shelfspace.reranking.diversity import DPP, MMR


def candidates(seed: int, size: int, dim: int = 4, *, without: int = 0):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(size, dim)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[:without] = 0.0
    return np.sort(rng.random(size))[::-1].copy(), vectors


def naive_mmr(values, vectors, k, d):
    rel = (values - values.min()) / (values.max() - values.min())
    cosines = vectors.astype(np.float64) @ vectors.astype(np.float64).T
    taken: list[int] = []
    while len(taken) < k:
        left = [i for i in range(len(rel)) if i not in taken]
        worth = [(1 - d) * rel[i] - d * (max(cosines[i, j] for j in taken) if taken else 0.0) for i in left]
        taken.append(left[int(np.argmax(worth))])
    return taken


def naive_dpp(values, vectors, k, d):
    rel = (values - values.min()) / (values.max() - values.min())
    kernel = vectors.astype(np.float64) @ vectors.astype(np.float64).T
    np.fill_diagonal(kernel, 1.0)

    def objective(chosen):
        return (1 - d) * rel[chosen].sum() + d * np.linalg.slogdet(kernel[np.ix_(chosen, chosen)])[1]

    taken: list[int] = []
    while len(taken) < k:
        left = [i for i in range(len(rel)) if i not in taken]
        taken.append(left[int(np.argmax([objective([*taken, i]) for i in left]))])
    return taken


@given(
    seed=st.integers(0, 10_000),
    size=st.integers(2, 25),
    k=st.integers(1, 6),
    d=st.sampled_from([0.1, 0.3, 0.5, 0.9, 1.0]),
    without=st.integers(0, 2),
)
def test_mmr_and_dpp_are_those_computed_anew(seed, size, k, d, without):
    values, vectors = candidates(seed, size, dim=8, without=without)
    k = min(k, size)
    for diversify, naive in (("mmr", naive_mmr), ("dpp", naive_dpp)):
        found = arranged(values, k, vectors=vectors, diversity=d, diversify=diversify)
        assert found.order.tolist() == naive(values, vectors, k, d)


def test_without_diversity_the_order_is_that_of_the_values():
    values, vectors = candidates(3, 40)
    for diversify in ("mmr", "dpp"):
        assert arranged(values, 9, vectors=vectors, diversify=diversify).order.tolist() == list(range(9))


def test_the_same_thing_twice_is_taken_once_where_there_is_another():
    vectors = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    values = np.array([1.0, 0.99, 0.5])
    for diversify in ("mmr", "dpp"):
        found = arranged(values, 3, vectors=vectors, diversity=0.5, diversify=diversify)
        assert found.order.tolist() == [0, 2, 1]


def test_more_diversity_makes_lists_less_alike():
    """Where what is worth most is alike, as it is in a shop."""
    values, vectors = candidates(1, 60, dim=6)
    vectors = np.abs(vectors)
    vectors[:20, 0] += 1.0
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)

    def alike(diversify, d):
        some = vectors[arranged(values, 10, vectors=vectors, diversity=d, diversify=diversify).order]
        return (some @ some.T)[np.triu_indices(10, 1)].mean()

    for diversify in ("mmr", "dpp"):
        means = [alike(diversify, d) for d in (0.0, 0.4, 0.8)]
        assert means[0] > means[1] > means[2]


@pytest.mark.parametrize("kind", [MMR, DPP])
def test_more_places_than_dimensions_still_end(kind):
    values, vectors = candidates(2, 12, dim=2)
    worth = kind(values, vectors, 0.5)
    for candidate in range(12):
        assert np.isfinite(worth.values()).all()
        worth.take(candidate)
