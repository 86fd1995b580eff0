"""Baskets: counted as a loop over sets would."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelfspace.bundling.baskets import Baskets
from shelfspace.errors import DataError
from shelfspace.shop.history import History

BASKETS = st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=6), min_size=1, max_size=12)


def history_of(baskets, *, clock="calendar", kind=None, **more):
    item = [i for held in baskets for i in held]
    group = [b for b, held in enumerate(baskets) for _ in held]
    time = [float(len(baskets) - b) for b, held in enumerate(baskets) for _ in held]
    weight = None if kind is None else [1.0 + 4.0 * k for k in kind]
    return History.of(
        np.zeros(len(item), int), item, time, basket=group, kind=kind, weight=weight,
        num_users=1, num_items=6, clock=clock, **more,
    )  # fmt: skip


@given(BASKETS, st.lists(st.integers(0, 5), min_size=1, max_size=3, unique=True))
def test_counts_are_those_of_a_loop(baskets, rows):
    found = Baskets.of(history_of(baskets))
    sets = [set(held) for held in baskets][::-1]  # the last written is the earliest
    assert [set(np.flatnonzero(row).tolist()) for row in found.members.toarray()] == sets
    assert found.sold.tolist() == [sum(i in held for held in sets) for i in range(6)]
    weight = np.arange(1.0, len(rows) + 1)
    expected = [
        sum(w for held in sets for r, w in zip(rows, weight, strict=True) if {i, r} <= held) for i in range(6)
    ]
    np.testing.assert_allclose(found.together(rows, weight), expected)
    whole = [n for n, held in enumerate(sets) if set(rows) <= held]
    assert found.holding(rows).tolist() == whole
    assert found.counts(found.holding(rows)).tolist() == [sum(i in sets[n] for n in whole) for i in range(6)]


def test_only_the_kind_that_counts_most_is_bought():
    found = Baskets.of(history_of([[0, 1, 2], [3, 4]], kind=[0, 1, 1, 0, 1]))
    assert found.sold.tolist() == [0, 1, 1, 0, 1, 0]


def test_without_baskets_sessions_are_and_without_times_nothing_is():
    history = history_of([[0], [1], [2]])
    alone = replace(history, basket=np.full(3, -1, np.int32))
    assert Baskets.of(alone).source == "sessions"
    assert len(Baskets.of(alone)) == 3  # a day apart
    close = replace(alone, time=np.array([1.0, 1.01, 1.3]))
    assert Baskets.of(close).together([2]).tolist() == [0, 1, 1, 0, 0, 0]
    for clock in ("steps", "none"):
        with pytest.raises(DataError, match="nothing says what was bought together: map `basket_id`"):
            Baskets.of(replace(alone, clock=clock))
    with pytest.raises(DataError, match="nothing says"):
        Baskets.of(alone.keep(np.zeros(3, bool)))


def test_between_is_by_when_they_begun():
    found = Baskets.of(history_of([[0], [1], [2, 3]]))
    assert found.between(1.0, 3.0).sold.tolist() == [0, 1, 1, 1, 0, 0]
