import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelfspace.inputs.pasts import recent
from shelfspace.shop.history import History


def past(lengths, *, now=None, seed=0):
    rng = np.random.default_rng(seed)
    user = np.repeat(np.arange(len(lengths)), lengths)
    item, time = rng.integers(0, 9, len(user)), rng.integers(0, 50, len(user)) / 2.0
    return History.of(user, item, time, num_users=len(lengths), num_items=9, now=now)


def naive(history, row, stop, length, age):
    """The events of one row one by one: item and age, the last one last."""
    events = range(max(history.indptr[row], stop - length), stop)
    if not events:
        return []
    if age == "steps":
        return [(history.item[e], stop - 1 - e) for e in events]
    whole = stop == history.indptr[row + 1]
    at_end = history.now if history.now is not None else history.time[stop - 1]
    moment = at_end if whole else history.time[stop]
    return [(history.item[e], max(0.0, moment - history.time[e])) for e in events]


@given(
    lengths=st.lists(st.integers(0, 6), min_size=1, max_size=5),
    length=st.integers(1, 7),
    age=st.sampled_from(["steps", "days"]),
    now=st.sampled_from([None, 10.0, 30.0]),
    data=st.data(),
)
def test_it_is_the_last_events_before_the_stop(lengths, length, age, now, data):
    history = past(lengths, now=now)
    row = np.array(data.draw(st.lists(st.integers(0, len(lengths) - 1), max_size=6)), np.int64)
    stop = np.array(
        [data.draw(st.integers(int(history.indptr[r]), int(history.indptr[r + 1]))) for r in row], np.int64
    )
    seen = recent(history, row, stop, length, age=age)
    item, ages, mask = seen.item, seen.age, seen.mask
    assert (item.dtype, ages.dtype, mask.dtype) == (np.int64, np.float32, np.bool_)
    assert seen.kind.dtype == np.int64
    assert item.shape == ages.shape == mask.shape
    assert item.shape[1] == max(
        [1, *(min(length, s - history.indptr[r]) for r, s in zip(row, stop, strict=True))]
    )
    for n, (r, s) in enumerate(zip(row, stop, strict=True)):
        expected = naive(history, r, s, length, age)
        start = item.shape[1] - len(expected)
        assert mask[n].tolist() == [False] * start + [True] * len(expected)
        np.testing.assert_allclose(np.stack([item[n], ages[n]], 1)[start:], np.array(expected).reshape(-1, 2))
        assert not item[n, :start].any()
        assert not ages[n, :start].any()


@pytest.mark.parametrize("age", ["steps", "days"])
def test_a_history_without_any_event_is_one_empty_column(age):
    seen = recent(past([0, 0]), np.arange(2), np.zeros(2, np.int64), 5, age=age)
    item, ages, mask = seen.item, seen.age, seen.mask
    assert item.tolist() == [[0], [0]]
    assert ages.tolist() == [[0.0], [0.0]]
    assert not mask.any()


def test_of_thousands_of_events_the_latest_are_read():
    history = past([3000, 1])
    seen = recent(history, np.arange(2), history.indptr[1:], 50)
    item, ages, mask = seen.item, seen.age, seen.mask
    assert item[0].tolist() == history.item[2950:3000].tolist()
    assert ages[0].tolist() == list(range(49, -1, -1))
    assert mask.sum(axis=1).tolist() == [50, 1]


def test_a_length_of_none_reads_nothing():
    history = past([3, 2])
    mask = recent(history, np.arange(2), history.indptr[1:], 0).mask
    assert not mask.any()


def test_an_age_is_never_below_0_though_an_event_be_after_the_moment_of_asking():
    history = past([6], now=-5.0)
    seen = recent(history, np.array([0]), history.indptr[1:], 6, age="days")
    ages, mask = seen.age, seen.mask
    assert mask.all()
    assert not ages.any()
