import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelfspace.errors import JobError
from shelfspace.pairs.drawing import Deck

WEIGHTS = st.lists(st.floats(0.0, 5.0), min_size=1, max_size=30).filter(lambda weights: sum(weights) > 0.1)


@given(WEIGHTS, st.integers(0, 9))
def test_a_round_holds_each_as_often_as_its_share_to_a_whole(weights, seed):
    weights = np.array(weights)
    found = np.bincount(Deck(weights, seed=seed).deal(len(weights)), minlength=len(weights))
    share = weights / weights.sum() * len(weights)
    assert (np.abs(found - share) < 1 + 1e-6).all()


@given(WEIGHTS, st.lists(st.integers(0, 50), max_size=6))
def test_however_it_is_dealt_the_order_is_the_same(weights, sizes):
    whole = Deck(np.array(weights), seed=1).deal(sum(sizes))
    deck = Deck(np.array(weights), seed=1)
    parts = [deck.deal(size) for size in sizes]
    np.testing.assert_array_equal(np.concatenate([np.zeros(0, np.int64), *parts]), whole)
    assert deck.dealt == sum(sizes)


def test_equal_weights_give_permutations_and_each_round_another():
    deck = Deck(np.full(50, 2.0), seed=0)
    rounds = [deck.deal(50) for _ in range(3)]
    assert all(sorted(dealt.tolist()) == list(range(50)) for dealt in rounds)
    assert (rounds[0] != rounds[1]).any()


def test_in_the_long_run_shares_are_those_of_the_weights():
    weights = np.array([0.0, 0.2, 1.0, 3.0])
    found = np.bincount(Deck(weights, seed=2).deal(40_000), minlength=4) / 40_000
    np.testing.assert_allclose(found, weights / weights.sum(), atol=1e-3)


@pytest.mark.parametrize("weights", [[], [0.0, 0.0]])
def test_nothing_to_deal_from_is_told(weights):
    with pytest.raises(JobError, match="no pairs"):
        Deck(np.array(weights), seed=0).deal(1)
