"""A pair among its rivals."""

from itertools import permutations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shelfspace.matching.blocking import Pairs, pairs_of
from shelfspace.matching.rivals import NAMES, assigned, best_rivals, rivalry


def two_sided(size: int, others: int, seed: int) -> tuple[Pairs, np.ndarray]:
    """Some of the pairs between the first `size` listings and the `others` after them, each with a score."""
    rng = np.random.default_rng(seed)
    there = rng.random((size, others)) < 0.7
    left, right = np.nonzero(there)
    return pairs_of(np.column_stack([left, right + size])), rng.random(int(there.sum())) + 0.01


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 200))
def test_the_assignment_has_the_largest_sum(size: int, others: int, seed: int):
    pairs, score = two_sided(size, others, seed)
    table = np.zeros((size, others + size))  # a row of its own for who stays alone
    table[pairs.left, pairs.right - size] = score
    best = max(table[range(size), list(order)].sum() for order in permutations(range(others + size), size))
    chosen = assigned(pairs, score)
    assert np.isclose(score[chosen].sum(), best, atol=1e-6)
    assert len(np.unique(pairs.left[chosen])) == chosen.sum() == len(np.unique(pairs.right[chosen]))


def test_a_pair_that_scores_nothing_is_not_assigned():
    pairs = pairs_of(np.array([[0, 2], [1, 3]]))
    assert assigned(pairs, np.array([0.0, 0.5])).tolist() == [False, True]
    assert assigned(pairs_of(np.zeros((0, 2))), np.zeros(0)).tolist() == []


def test_in_one_catalogue_the_best_of_both_are_chosen():
    pairs = pairs_of(np.array([[0, 1], [1, 2], [3, 4]]))
    assert assigned(pairs, np.array([0.9, 0.8, 0.3])).tolist() == [True, False, True]


def test_rank_margin_and_rival_are_told_for_each_side():
    pairs = pairs_of(np.array([[0, 5], [0, 6], [1, 5]]))
    table = rivalry(pairs, np.array([0.9, 0.5, 0.7]))
    rows = [dict(zip(NAMES, row, strict=True)) for row in table.tolist()]
    np.testing.assert_allclose([row["rank, left"] for row in rows], [0, 1, 0])
    np.testing.assert_allclose([row["margin, left"] for row in rows], [0.4, -0.4, 0.7], rtol=1e-6)
    np.testing.assert_allclose([row["rival, right"] for row in rows], [0.7, 0.0, 0.9], rtol=1e-6)
    # two pairs of 0.5 and 0.7 are more than one of 0.9
    assert [row["assigned"] for row in rows] == [0, 1, 1]


def test_rivals_are_the_best_that_were_not_chosen():
    pairs = pairs_of(np.array([[0, 5], [0, 6], [1, 5]]))
    chosen = np.array([True, False, False])
    assert sorted(best_rivals(pairs, np.array([0.9, 0.5, 0.7]), chosen).tolist()) == [0.5, 0.7]
