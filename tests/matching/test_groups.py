"""Groups from pairs."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shelfspace.matching.blocking import Pairs, pairs_of
from shelfspace.matching.groups import grouped

LEAST = 0.4137
"""No mean of a few even shares: sums and means round differently, and at the border that would decide."""


def naive(chance: dict[tuple[int, int], float], size: int, least: float) -> list[set[int]]:
    """Average link, from the likeliest pair down, every mean taken anew."""
    groups = [{n} for n in range(size)]
    for (a, b), p in sorted(chance.items(), key=lambda pair: -pair[1]):
        one, other = (next(g for g in groups if x in g) for x in (a, b))
        if one is other or p < least:
            continue
        across = [chance.get((min(x, y), max(x, y)), 0.0) for x in one for y in other]
        if np.mean(across) >= least:
            groups = [g for g in groups if g is not one and g is not other] + [one | other]
    return groups


@given(st.integers(2, 8), st.integers(0, 500))
def test_groups_are_those_of_a_naive_average_link(size: int, seed: int):
    rng = np.random.default_rng(seed)
    ends = np.argwhere(np.triu(rng.random((size, size)) < 0.7, 1))
    pairs = pairs_of(ends)
    chance = rng.permutation(len(pairs)) / max(1, len(pairs))
    found = grouped(pairs, chance, size, least=LEAST)
    of = dict(zip(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True), chance.tolist(), strict=True))
    assert {frozenset(np.flatnonzero(found == g).tolist()) for g in np.unique(found)} == {
        frozenset(g) for g in naive(of, size, LEAST)
    }


def test_a_chain_of_near_misses_stays_apart():
    size = 50
    chain = Pairs(np.arange(size - 1), np.arange(1, size))
    found = grouped(chain, np.full(size - 1, 0.9), size)
    assert np.bincount(found).max() == 2


def test_a_whole_family_is_one_group():
    family = pairs_of(np.array([[0, 1], [0, 2], [1, 2], [4, 5]]))
    assert grouped(family, np.array([0.9, 0.8, 0.7, 0.6]), 6).tolist() == [0, 0, 0, 1, 2, 2]


def test_no_pairs_leave_everyone_alone():
    assert grouped(pairs_of(np.zeros((0, 2))), np.zeros(0), 3).tolist() == [0, 1, 2]
