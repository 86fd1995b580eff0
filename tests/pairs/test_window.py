from typing import ClassVar

import numpy as np
import pytest

from shelfspace.pairs.window import Window
from tests.contracts.pair_source_contract import DUPLICATES, NUM_ITEMS, PairSourceContract, learnt, sources


class TestWindow(PairSourceContract):
    all_marked: ClassVar = {"mask_lift": 0.0}
    varied: ClassVar = (
        {"window": 3},
        {"window": 1, "max_gap": 1.0},
        {"step_half_life": 0.7, "power": 0.4, "half_life": 5.0, "user_power": 0.5},
        {"window": 500, "user_power": 0.0},
    )
    bad: ClassVar = {
        "window": 0,
        "max_gap": -1.0,
        "step_half_life": 0.0,
        "power": -1.0,
        "half_life": 0.0,
        "user_power": -1,
    }

    def make(self, **settings):
        return Window(**settings)

    def law(self, given, settings):
        events = learnt(given.history, power=settings["power"], half_life=2 * settings["half_life"])
        law, total = {}, {}
        for a, one in enumerate(events):
            for b, other in enumerate(events):
                near = abs(a - b) <= settings["window"]
                near &= abs(one["time"] - other["time"]) <= settings["max_gap"]
                if near and one["user"] == other["user"] and one["item"] != other["item"]:
                    part = one["v"] * other["v"] * 2 ** (-abs(a - b) / settings["step_half_life"])
                    key = (one["user"], one["item"], other["item"])
                    law[key] = law.get(key, 0.0) + part
                    total[one["user"]] = total.get(one["user"], 0.0) + part
        pairs = {}
        for (user, one, other), part in law.items():
            part *= total[user] ** (settings["user_power"] - 1)
            pairs[one, other, None] = pairs.get((one, other, None), 0.0) + part
        return pairs


@pytest.mark.parametrize("lift", [0.5, 1.0, 1.5])
def test_positives_are_those_that_came_close_more_often_than_by_chance(lift):
    source = Window(window=2, mask_lift=lift).learn(sources())
    events, times = learnt(sources().history), np.zeros((NUM_ITEMS, NUM_ITEMS))
    for a, one in enumerate(events):
        for b, other in enumerate(events):
            if 0 < abs(a - b) <= 2 and one["user"] == other["user"] and one["item"] != other["item"]:
                times[one["item"], other["item"]] += 1
    of_item = times.sum(axis=1)
    often = (times > 0) & (times * of_item.sum() >= lift * np.outer(of_item, of_item))
    same, items = DUPLICATES[:, None] == DUPLICATES, np.arange(NUM_ITEMS, dtype=np.int32)
    np.testing.assert_array_equal(source.positives().mark(items, items), same @ often @ same | same)
    assert 0 < np.count_nonzero(often) < np.count_nonzero(times)


def test_a_window_beyond_the_longest_history_is_as_long_as_that():
    source = Window(window=10**9).learn(sources())
    assert source.reach < 60
    assert source.window == 10**9
