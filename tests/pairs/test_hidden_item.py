from collections import defaultdict
from typing import ClassVar

import numpy as np

from shelfspace.pairs.hidden_item import HiddenItem
from tests.contracts.pair_source_contract import PairSourceContract, learnt, sources


class TestHiddenItem(PairSourceContract):
    kind = "hidden"
    varied: ClassVar = (
        {"stretch": 4},
        {"stretch": 3, "hidden": 0.5, "last": 0.0, "half_life": 4.0},
        {"last": 0.5, "power": 0.5},
    )
    bad: ClassVar = {"hidden": 0.0, "last": 1.5, "stretch": 1, "half_life": 0.0, "power": -1.0}

    def make(self, **settings):
        return HiddenItem(**settings)

    def law(self, given, settings):
        """The chance of each event, its stretch drawn by weight: hidden, or hidden since nothing else was."""
        events = defaultdict(list)
        for event in learnt(given.history, power=settings["power"], half_life=settings["half_life"]):
            events[event["user"]].append(event)
        law = {}
        for own in events.values():
            for start in range(0, len(own), settings["stretch"]):
                stretch = own[start : start + settings["stretch"]]
                if len(stretch) < 2:
                    continue
                mass, h = sum(e["v"] for e in stretch), settings["hidden"]
                for event in stretch:
                    chance = (1 - settings["last"]) * (h + (1 - h) ** len(stretch) / len(stretch))
                    chance += settings["last"] * (event is stretch[-1])
                    law[event["user"], event["item"], event["at"]] = mass * chance
        return law


def test_what_is_read_is_the_stretch_around_it():
    given = sources()
    pairs = HiddenItem(stretch=4).learn(given).draw(np.random.default_rng(0), 300)
    first, last = pairs.run.T
    user = given.history.user()
    assert ((first <= pairs.stop) & (pairs.stop < last)).all()
    np.testing.assert_array_equal(user[first], pairs.anchor)
    np.testing.assert_array_equal(user[last - 1], pairs.anchor)
    assert (last - first >= 2).all()


def test_with_certainty_of_the_last_only_the_last_is_hidden():
    pairs = HiddenItem(last=1.0).learn(sources()).draw(np.random.default_rng(0), 100)
    np.testing.assert_array_equal(pairs.stop, pairs.run[:, 1] - 1)
