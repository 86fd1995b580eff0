from typing import ClassVar

import numpy as np

from shelfspace.pairs.user_item import UserItem
from tests.contracts.pair_source_contract import PairSourceContract, learnt, sources


def tempered(events, user_power):
    total = {}
    for event in events:
        total[event["user"]] = total.get(event["user"], 0.0) + event["v"]
    return {(e["user"], e["item"], e["at"]): e["v"] * total[e["user"]] ** (user_power - 1) for e in events}


class TestUserItem(PairSourceContract):
    kind = "user"
    varied: ClassVar = ({}, {"power": 0.5, "half_life": 4.0, "user_power": 0.5}, {"user_power": 0.0})
    bad: ClassVar = {"power": -1.0, "half_life": 0.0, "user_power": float("nan")}

    def make(self, **settings):
        return UserItem(**settings)

    def law(self, given, settings):
        events = learnt(given.history, power=settings["power"], half_life=settings["half_life"])
        return tempered(events, settings["user_power"])


def test_the_stop_is_the_event_itself_so_that_the_history_ends_before_it():
    given = sources()
    pairs = UserItem().learn(given).draw(np.random.default_rng(0), 500)
    np.testing.assert_array_equal(given.history.item[pairs.stop], pairs.positive)
    np.testing.assert_array_equal(given.history.user()[pairs.stop], pairs.anchor)


def test_plain_events_are_counted_as_they_are():
    history = sources(weight=np.ones(62)).history
    source = UserItem().learn(sources(weight=np.ones(62)))
    past = history.item[history.time <= history.now]
    np.testing.assert_allclose(source.counts, np.bincount(past, minlength=history.num_items))


def test_with_a_power_of_zero_users_of_many_events_are_drawn_as_often_as_others():
    source = UserItem(user_power=0.0).learn(sources())
    often = np.bincount(source.draw(np.random.default_rng(0), 80_000).anchor)
    np.testing.assert_allclose(often[often > 0] / 80_000, 1 / np.count_nonzero(often), rtol=0.05)


def test_an_age_beyond_what_a_number_can_hold_leaves_the_youngest():
    source = UserItem(half_life=1e-3).learn(sources(time=np.append(np.zeros(61), 9.0)))
    pairs = source.draw(np.random.default_rng(0), 5)
    assert np.isfinite(source.counts).all()
    assert set(pairs.stop.tolist()) == {
        int(np.argmax(sources(time=np.append(np.zeros(61), 9.0)).history.time))
    }
