from dataclasses import replace
from itertools import pairwise
from typing import ClassVar

import numpy as np

from shelfspace.pairs.next_item import NextItem
from shelfspace.shop.history import History
from tests.contracts.pair_source_contract import NUM_ITEMS, PairSourceContract, learnt, sources
from tests.pairs.test_user_item import tempered


class TestNextItem(PairSourceContract):
    kind = "user"
    varied: ClassVar = (
        {},
        {"power": 0.5, "half_life": 4.0, "user_power": 0.5},
        {"max_gap": 1.0},
        {"max_gap": 0.0},
    )
    bad: ClassVar = {"power": -1.0, "half_life": -3.0, "user_power": float("inf"), "max_gap": -1.0}

    def make(self, **settings):
        return NextItem(**settings)

    def law(self, given, settings):
        events = learnt(given.history, power=settings["power"], half_life=settings["half_life"])
        following = [
            after
            for before, after in pairwise(events)
            if before["user"] == after["user"] and after["time"] - before["time"] <= settings["max_gap"]
        ]
        return tempered(following, settings["user_power"])


def test_there_is_always_something_before():
    given = sources()
    pairs = NextItem().learn(given).draw(np.random.default_rng(0), 1000)
    assert (pairs.stop > given.history.indptr[pairs.anchor]).all()


def test_a_user_of_one_event_teaches_nothing():
    history = History.of([0, 1, 1], [3, 3, 4], num_users=3, num_items=NUM_ITEMS, clock="none")
    source = NextItem().learn(replace(sources(), history=history))
    assert source.event.tolist() == [2]


def test_an_event_that_is_not_learnt_from_is_none_before():
    history = History.of([0, 0], [3, 4], weight=[0.0, 1.0], num_users=1, num_items=NUM_ITEMS, clock="none")
    assert len(NextItem().learn(replace(sources(), history=history))) == 0
