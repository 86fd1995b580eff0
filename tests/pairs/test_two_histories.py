from typing import ClassVar

import numpy as np
import pytest

from shelfspace.errors import ConfigError
from shelfspace.pairs.two_histories import TwoHistories, most_taken_with
from shelfspace.shop.history import History
from tests.contracts.pair_source_contract import NUM_ITEMS, PairSourceContract, sources
from tests.pairs.test_next_item import TestNextItem


class TestTwoHistories(PairSourceContract):
    kind = "history"
    varied: ClassVar = ({}, {"half_life": 4.0, "user_power": 0.5})
    bad: ClassVar = {"ways": ["crops"], "cropped": 1.5, "altered": -0.1, "half_life": 0.0, "user_power": -1.0}

    def make(self, **settings):
        return TwoHistories(**settings)

    def law(self, given, settings):
        return TestNextItem().law(given, {"power": 1.0, "max_gap": np.inf, **settings})


def test_each_is_its_own_partner():
    pairs = TwoHistories().learn(sources()).draw(np.random.default_rng(0), 50)
    np.testing.assert_array_equal(pairs.anchor, pairs.partner)
    np.testing.assert_array_equal(pairs.stop, pairs.partner_stop)
    other = pairs.partners()
    assert (other.partner, other.partner_stop) == (None, None)


def test_the_nearest_item_is_counted_by_hand():
    history = History.of(
        [0, 0, 0, 1, 1, 2, 2], [1, 2, 3, 1, 2, 3, 4], np.arange(7.0), num_users=3, num_items=NUM_ITEMS
    )
    near = most_taken_with(type(sources())(history, sources().catalogue))
    counts = {(1, 2): 2, (1, 3): 1, (2, 3): 1, (3, 4): 1}
    total = {i: sum(c for pair, c in counts.items() if i in pair) for i in (1, 2, 3, 4)}
    for item in (1, 2, 3, 4):
        cosine = {
            (set(pair) - {item}).pop(): c / np.sqrt(total[pair[0]] * total[pair[1]])
            for pair, c in counts.items()
            if item in pair
        }
        assert near[item] == max(cosine, key=cosine.get)
    assert near[0] == -1


def test_without_ways_nothing_is_altered():
    source = TwoHistories(ways=[]).learn(sources())
    assert source.alter("runs", np.random.default_rng(0)) == "runs"


def test_a_misspelt_way_is_told_with_the_nearest():
    with pytest.raises(ConfigError, match="reorder"):
        TwoHistories(ways=["reordr"])
