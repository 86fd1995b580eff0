"""What each part adds, over all orders."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelfspace.explaining.shapley import shapley


def table(num_parts: int, seed: int):
    """A game without any rule: a number for each set of parts, two outcomes of each."""
    values = np.random.default_rng(seed).normal(size=(2**num_parts, 2))
    return lambda there: values[there @ (1 << np.arange(num_parts))]


def naive(outcome, num_parts: int) -> np.ndarray:
    orders = list(permutations(range(num_parts)))
    found = np.zeros((num_parts, 2))
    for order in orders:
        there = np.zeros(num_parts, bool)
        before = outcome(there[None])[0]
        for part in order:
            there[part] = True
            after = outcome(there[None])[0]
            found[part] += after - before
            before = after
    return found / len(orders)


@given(num_parts=st.integers(0, 5), seed=st.integers(0, 1000))
def test_as_over_all_orders_one_by_one(num_parts, seed):
    outcome = table(num_parts, seed)
    parts, empty = shapley(outcome, num_parts)
    assert parts == pytest.approx(naive(outcome, num_parts))
    assert empty + parts.sum(axis=0) == pytest.approx(outcome(np.ones((1, num_parts), bool))[0])


@pytest.mark.parametrize("orders", [1, 2, 8])
def test_drawn_orders_sum_to_the_whole_and_come_near(orders):
    outcome = table(9, 3)
    parts, empty = shapley(outcome, 9, orders=orders)
    assert empty + parts.sum(axis=0) == pytest.approx(outcome(np.ones((1, 9), bool))[0])
    exact, _ = shapley(outcome, 9, exact=9)
    many, _ = shapley(outcome, 9, orders=2000)
    assert np.abs(many - exact).max() < 0.15 < np.abs(parts - exact).max()


def test_what_adds_up_by_itself_is_found_from_one_pair_of_orders():
    amounts = np.arange(12.0)
    parts, _ = shapley(lambda there: there @ amounts[:, None], 12, orders=2)
    assert parts[:, 0] == pytest.approx(amounts)


def test_pairs_of_parts_are_shared_by_an_order_and_its_reverse():
    """Of a game of pairs an order and its reverse are exact."""
    outcome = lambda there: (there[:, [0]] & there[:, [1]]) * 4.0 + there[:, [2]]  # noqa: E731
    parts, _ = shapley(lambda there: outcome(there) + 0.0 * there[:, [7]], 8, orders=2)
    assert parts[:3, 0] == pytest.approx([2.0, 2.0, 1.0])


def test_the_same_draws_for_the_same_seed():
    outcome = table(8, 0)
    one, other = shapley(outcome, 8, seed=1)[0], shapley(outcome, 8, seed=1)[0]
    assert np.array_equal(one, other)
    assert not np.allclose(one, shapley(outcome, 8, seed=2)[0])
