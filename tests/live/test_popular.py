"""Popularity that moves is what counting anew would give."""

from copy import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfspace.linear.popularity import Popularity
from shelfspace.live.popular import Moving
from shelfspace.shop.history import History

NUM_ITEMS, NUM_USERS = 7, 4

EVENTS = st.lists(
    st.tuples(st.integers(0, NUM_USERS - 1), st.integers(0, NUM_ITEMS - 1), st.floats(0, 50)), max_size=30
)


def history(events: list[tuple[int, int, float]], now: float) -> History:
    user, item, time = zip(*events, strict=True) if events else ((), (), ())
    return History.of(user, item, time, num_users=NUM_USERS, num_items=NUM_ITEMS, now=now)


@pytest.mark.parametrize("once", [True, False])
@settings(max_examples=60)
@given(base=EVENTS, later=EVENTS)
def test_events_one_by_one_give_what_a_fit_gives(once: bool, base: list, later: list):
    part = Popularity(half_life=7.0, long_half_life=60.0, trend=0.5, once=once)
    later = sorted(((user, item, 50 + time) for user, item, time in later), key=lambda event: event[2])
    fitted = copy(part).fit(history(base, 50.0), catalogue=None)  # type: ignore[arg-type]
    moving = Moving.of(fitted, history(base, 50.0))
    seen: dict[tuple[int, int], float] = {}
    for user, item, time in base:
        seen[user, item] = max(time, seen.get((user, item), 0.0))
    for user, item, time in later:
        moving.add(item, time, 1.0, seen.get((user, item)))
        seen[user, item] = time
    moving.renew(NUM_ITEMS)
    whole = copy(part).fit(history([*base, *later], 100.0), catalogue=None)  # type: ignore[arg-type]
    np.testing.assert_allclose(moving.part.popularity, whole.popularity, rtol=1e-4, atol=1e-4)


def test_years_later_counts_are_numbers_still():
    part = Popularity(half_life=7.0).fit(history([(0, 0, 1.0)], 1.0), catalogue=None)  # type: ignore[arg-type]
    moving = Moving.of(part, history([(0, 0, 1.0)], 1.0))
    moving.add(3, 20_000.0, 1.0, None)
    moving.add(9, 20_001.0, 1.0, None)
    moving.renew(10)
    assert np.isfinite(part.popularity).all()
    assert part.popularity.argmax() in (3, 9)
