from typing import ClassVar

import numpy as np

from shelfspace.pairs.session import Session
from tests.contracts.pair_source_contract import PairSourceContract, learnt, of_groups, sources
from tests.pairs.test_basket import greatest


class TestSession(PairSourceContract):
    all_marked: ClassVar = {"mask_lift": 0.0}
    varied: ClassVar = ({"session_gap": 3.0}, {"power": 0.3, "group_power": 0.5, "session_gap": 0.5}, {})
    bad: ClassVar = {
        "power": -1.0,
        "half_life": 0.0,
        "group_power": -0.1,
        "mask_lift": -1.0,
        "session_gap": 0.0,
    }

    def make(self, **settings):
        return Session(**settings)

    def law(self, given, settings):
        events = learnt(given.history, power=settings["power"], half_life=settings["half_life"])
        number, before = 1000, None
        for event in events:
            if event["basket"] < 0:
                if before is not None and (
                    event["user"] != before["user"]
                    or event["time"] - before["time"] > settings["session_gap"]
                ):
                    number += 1
                event["basket"], before = number, event
        return of_groups(greatest(events, "basket"), settings["group_power"])


def test_sessions_without_a_name_are_cut_by_time_alone():
    unnamed = {"basket": np.full(62, -1)}
    assert len(Session(session_gap=2.0).learn(sources(**unnamed)))
    assert len(Session().learn(sources(**unnamed, time=np.arange(62.0)))) == 0


def test_without_times_only_named_sessions_are_used():
    unnamed = {"clock": "none", "time": np.zeros(62), "now": None}
    assert len(Session().learn(sources(**unnamed, basket=np.full(62, -1)))) == 0
    assert len(Session().learn(sources(**unnamed)))
