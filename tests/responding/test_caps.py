"""How often a shopper may be shown an offer."""

import numpy as np

from shelfspace.responding.caps import Caps
from shelfspace.responding.learning import Ads
from shelfspace.responding.responses import Shown

CAMPAIGN = np.array([0, 0, 0, 1, -1, -1], np.int32)
LOG = Shown(
    np.array([7, 7, 7, 7, 8, -1], np.int32),
    np.array([0, 0, 3, 1, 4, 5], np.int32),
    np.array([9.0, 10.0, 10.0, 2.0, 10.0, 10.0]),
)


def answer(k: int = 6, user: int = 7, time: float = 10.0, **settings):
    caps = Caps.of(LOG, CAMPAIGN, user, time, Ads(**settings))
    chosen, passed = caps.within(np.arange(6), k)
    return chosen, passed, list(caps.said(passed))


def test_without_caps_all_answer():
    assert answer() == ([0, 1, 2, 3, 4, 5], {}, [])
    assert answer(k=2)[0] == [0, 1]


def test_an_offer_is_not_shown_more_often_than_it_may():
    chosen, passed, said = answer(offer_cap=2)
    assert (chosen, passed) == ([1, 2, 3, 4, 5], {"offer_cap": 1})
    assert said == ["1 offers held back by offer_cap = 2 within cap_span = 7"]
    assert answer(offer_cap=1)[0] == [1, 2, 4, 5]
    assert answer(offer_cap=1, cap_span=8.5)[0] == [2, 4, 5]
    assert answer(offer_cap=1, time=9.5)[0] == [1, 2, 3, 4, 5]


def test_the_answer_itself_counts_for_its_campaign():
    assert answer(campaign_cap=3) == (
        [0, 3, 4, 5],
        {"campaign_cap": 2},
        ["2 offers held back by campaign_cap = 3 within cap_span = 7"],
    )
    assert answer(campaign_cap=1, user=8)[0] == [0, 3, 4, 5]


def test_in_all_no_more_than_there_is_room_for():
    chosen, passed, _ = answer(total_cap=5)
    assert chosen == [0, 1]
    assert passed == {"total_cap": 4}
    assert answer(total_cap=3)[0] == []
    assert answer(total_cap=5, k=2)[1] == {}


def test_nobody_was_shown_nothing():
    assert answer(user=-1, offer_cap=1)[0] == [0, 1, 2, 3, 4, 5]
