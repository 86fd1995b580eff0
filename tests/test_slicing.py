"""Kinds of query."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shelfspace.evaluation.slices import user_slices
from shelfspace.shop.history import History
from shelfspace.slicing import BY_LENGTH, Slice, measured


@given(st.lists(st.integers(0, 30), min_size=1, max_size=8), st.booleans())
def test_what_slices_go_by(lengths, asked_later):
    user = np.repeat(np.arange(len(lengths)), lengths)
    time = np.random.default_rng(0).random(len(user)) * 50
    now = 60.0 if asked_later else None
    queries = History.of(user, user * 0, time, num_users=len(lengths), num_items=1, now=now)
    assert measured(queries, "events").tolist() == lengths
    for age, length, u in zip(measured(queries, "age"), lengths, range(len(lengths)), strict=True):
        if not length:
            assert np.isnan(age)
        else:
            assert age == (60.0 - time[user == u].max() if asked_later else 0.0)
    held = np.stack([part.holds(queries) for part in BY_LENGTH])
    assert (held.sum(axis=0) == 1).all(), "every query is in one slice by length"
    assert (np.stack(list(user_slices(queries).values())) == held).all()


def test_a_query_without_history_is_in_no_slice_by_age():
    nobody = History.of([], [], num_users=1, num_items=1, now=3.0)
    assert not Slice("age", 0.0, np.inf).holds(nobody)[0]


def test_names():
    assert [part.name for part in BY_LENGTH] == ["cold users", "history 1–4", "history 5–19", "history 20+"]
    assert Slice("age", 0.0, 30.0).name == "last event within 30"
    assert Slice("age", 30.0, np.inf).name == "last event 30 or longer ago"
