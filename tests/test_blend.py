"""The weighted sum over the union of candidates."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelfspace.blend import Blend, candidates
from shelfspace.linear.retriever import Reason
from shelfspace.shop.history import History


@dataclass
class Fixed:
    """A retriever whose scores are given."""

    table: np.ndarray

    def score(self, queries):
        return self.table[: len(queries)]

    def reasons(self, query, items):
        return [
            [Reason(0, float(self.table[0, i]) / 2), Reason(-1, float(self.table[0, i]) / 2)] for i in items
        ]


QUERY = History.of([0], [0], num_users=1, num_items=4)


def test_the_union_is_scored_by_every_retriever():
    left, right = np.float32([[9, 8, 1, 0]]), np.float32([[0, 1, 5, 4]])
    blend = Blend(
        {"l": Fixed(left), "r": Fixed(right)}, {"l": 0.5, "r": 2.0}, {"new": {"l": 1.0, "r": 3.0}}, 1
    )
    scores = blend.scores(QUERY, np.ones((1, 4), bool), "new")
    assert scores.tolist() == [[4.5, -np.inf, 30.5, -np.inf]]


def test_only_allowed_items_are_answered_and_a_weight_of_nothing_brings_none():
    table = np.float32([[9, 8, 1, 0]])
    blend = Blend(
        {"l": Fixed(table), "r": Fixed(-table)}, {"l": 1.0, "r": 1.0}, {"new": {"l": 1.0, "r": 0.0}}, 10
    )
    scores = blend.scores(QUERY, np.array([[False, True, True, True]]), "new")
    assert scores.tolist() == [[-np.inf, 8, 1, -np.inf]], "an item that scores 0 is no candidate"


def test_reasons_sum_to_the_score():
    table = np.float32([[9, 8, 1, 3]])
    blend = Blend(
        {"l": Fixed(table), "r": Fixed(table**2)}, {"l": 0.1, "r": 0.2}, {"any": {"l": 0.7, "r": 0.4}}
    )
    scores = blend.scores(QUERY, np.ones((1, 4), bool), "any")
    for item, parts in zip([1, 3], blend.reasons(QUERY, np.int32([1, 3]), "any"), strict=True):
        assert sum(p.amount for p in parts) == pytest.approx(scores[0, item], rel=1e-6)
        assert {p.retriever for p in parts} == {"l", "r"}


@given(
    st.lists(st.lists(st.integers(-2, 4), min_size=6, max_size=6), min_size=1, max_size=4), st.integers(1, 6)
)
def test_candidates_do_not_depend_on_the_order_of_items(rows, num_candidates):
    scores = np.float32(rows)
    order = np.random.default_rng(0).permutation(6)
    allowed = scores != 3
    union = candidates({"x": scores}, allowed, num_candidates)
    assert (union[:, order] == candidates({"x": scores[:, order]}, allowed[:, order], num_candidates)).all()
    assert not (union & ~allowed).any()
    for row, chosen in zip(scores, union, strict=True):
        usable = np.sort(row[(row > 0) & (row != 3)])[::-1]
        assert chosen.sum() >= min(num_candidates, len(usable))
        assert set(usable[:num_candidates].tolist()) <= set(row[chosen].tolist())


@given(st.integers(0, 10_000), st.integers(1, 30), st.sampled_from([5, 40, 700, 1001]))
def test_the_kth_largest_is_that_of_a_sort(seed, k, size):
    rng = np.random.default_rng(seed)
    scores = np.maximum(rng.integers(-3, 40, (3, size)), 0).astype(np.float32)
    union = candidates({"x": scores}, np.ones(scores.shape, bool), k)
    for row, chosen in zip(scores, union, strict=True):
        least = np.sort(row)[::-1][min(k, size) - 1]
        assert (chosen == ((row >= least) & (row > 0))).all()
