"""Alarms: when they begin and end, against counts over the whole window."""

import logging
import math
import time
import timeit

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shelfspace as ss
from shelfspace.errors import ConfigError
from shelfspace.service.alarms import BINS, Alarms, Limits, Shift

SMALL = Limits(window=40, least=10, every=1, baseline=20)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


ANSWER = st.tuples(st.lists(st.integers(0, 8), max_size=4), st.one_of(st.none(), st.booleans()))


@settings(max_examples=60)
@given(st.lists(ANSWER, min_size=10, max_size=120))
def test_numbers_are_those_of_the_last_answers_counted_plainly(answers):
    alarms = Alarms(30, SMALL)
    for items, fell_back in answers:
        alarms.answered("recommend", items, None, fell_back=fell_back)
    numbers = alarms.numbers()
    late = [not items for items, _ in answers][-40:]
    assert numbers["empty_share"] == pytest.approx(sum(late) / len(late))
    fell = [flag for _, flag in answers if flag is not None][-40:]
    if len(fell) >= 10:
        assert numbers["fallback_share"] == pytest.approx(sum(fell) / len(fell))
    else:
        assert "fallback_share" not in numbers
    full = [items for items, _ in answers if items][-40:]
    if len(full) >= 10:
        places = sum(map(len, full))
        distinct = len({item for items in full for item in items})
        assert numbers["coverage"] == pytest.approx(distinct / min(30, places))


@settings(max_examples=30)
@given(st.lists(st.floats(-5, 5), min_size=41, max_size=100))
def test_the_shift_is_the_index_recounted_in_float64(scores):
    shift = Shift(20)
    for score in scores:
        shift.add(score)
    first, late = np.array(scores[:20]), np.array(scores[20:][-20:])
    edges = np.unique(np.sort(first)[np.arange(1, BINS) * 20 // BINS])
    p, q = (
        np.bincount(np.searchsorted(edges, x, side="right"), minlength=len(edges) + 1) for x in (first, late)
    )
    p, q = ((x + 0.5) / (20 + 0.5 * len(p)) for x in (p, q))
    assert shift.index() == pytest.approx(((p - q) * np.log(p / q)).sum(), abs=1e-9)
    assert shift.index() >= 0.0


def test_a_shift_is_quiet_where_nothing_moved_and_rings_where_scores_did():
    rng = np.random.default_rng(0)
    for seed in range(20):
        shift = Shift(1000)
        for score in np.random.default_rng(seed).normal(size=2000).tolist():
            shift.add(score)
        assert shift.index() < 0.08
    for score in rng.normal(0.7, 1.0, 1000).tolist():
        shift.add(score)
    assert shift.index() > 0.25
    assert Shift(1000).index() is None


def test_scores_that_are_all_one_do_not_break_it():
    shift = Shift(20)
    for score in [1.0] * 60:
        shift.add(score)
    assert shift.index() == pytest.approx(0.0)
    for score in [0.5] * 20:
        shift.add(score)
    assert shift.index() > 0.25


def test_an_alarm_begins_once_ends_once_and_says_so(caplog):
    clock = Clock()
    alarms = Alarms(100, SMALL, clock=clock)

    def answer(times, fell_back):
        for _ in range(times):
            clock.now += 1
            alarms.answered("recommend", ["a", "b"], 1.0, fell_back=fell_back)

    with caplog.at_level(logging.WARNING, "shelfspace.service"):
        answer(40, fell_back=False)
        assert not alarms.states()["fallback_share"].firing
        answer(20, fell_back=True)
        state = alarms.states()["fallback_share"]
        assert (state.firing, state.since, state.value, state.limit) == (True, 1053.0, 0.5, 0.3)
        assert alarms.numbers()["fallback_share_firing"] == 1.0
        answer(31, fell_back=False)
        assert alarms.states()["fallback_share"].value == pytest.approx(9 / 40)
        assert not alarms.states()["fallback_share"].firing
        answer(40, fell_back=False)
    said = [r.getMessage() for r in caplog.records if "fallback" in r.getMessage()]
    assert said == [
        "alarm fallback_share begins: 0.325, at most 0.3",
        "alarm fallback_share ends: 0.25, at most 0.3",
    ]
    assert all(r.levelno == logging.WARNING for r in caplog.records)


def test_it_does_not_flutter_at_the_limit(caplog):
    alarms = Alarms(100, SMALL)
    with caplog.at_level(logging.WARNING, "shelfspace.service"):
        for n in range(400):
            alarms.answered("similar", [] if n % 20 < 1 + (n // 40) % 2 else ["a"], None)
    assert 1 <= sum("empty_share" in r.getMessage() for r in caplog.records) <= 3


def test_coverage_rings_from_below_and_few_answers_say_nothing():
    alarms = Alarms(10_000, Limits(window=2000, least=100, every=10))
    for _ in range(99):
        alarms.answered("recommend", list(range(10)), None)
    assert "coverage" not in alarms.states()
    for _ in range(900):
        alarms.answered("recommend", list(range(10)), None)
    assert alarms.states()["coverage"].firing
    for n in range(2000):
        alarms.answered("recommend", [n, n + 5000], None)
    assert not alarms.states()["coverage"].firing


def test_tasks_have_scores_of_their_own_and_popular_items_too():
    alarms = Alarms(100, SMALL)
    rng = np.random.default_rng(1)
    for _ in range(400):
        alarms.answered("similar", ["a"], float(rng.normal(0, 1)))
        alarms.answered("recommend", ["a"], float(rng.normal(50, 1)), fell_back=False)
        alarms.answered("recommend", ["a"], float(rng.normal(-50, 1)), fell_back=True)
    quiet = alarms.states()["score_shift"].value
    for _ in range(40):
        alarms.answered("similar", ["a"], 9.0)
    assert alarms.states()["score_shift"].value > max(1.0, quiet)
    alarms.answered("similar", ["a"], math.nan)


def test_another_space_is_learnt_anew():
    alarms = Alarms(100, SMALL)
    for score in [*range(40), *[100] * 20]:
        alarms.answered("similar", ["a"], float(score))
    assert alarms.states()["score_shift"].firing
    alarms.swapped(200)
    for score in list(range(100, 120)) * 2:
        alarms.answered("similar", ["a"], float(score))
    assert not alarms.states()["score_shift"].firing


def test_real_answers_are_told_apart(small_run):
    space = ss.open(small_run)
    alarms = Alarms(len(space.catalogue), Limits(window=20, least=1, every=1, baseline=20))

    def told(task, hits):
        alarms.told(task, hits.table.to_pylist(), hits.notes)

    told("recommend", space.recommend("user-1", k=5))
    told("similar", space.similar("sku-003", k=5))
    assert alarms.numbers()["fallback_share"] == 0.0
    told("recommend", space.recommend("nobody", k=5))
    told("recommend", space.recommend("user-1", k=5, where="price<0"))
    numbers = alarms.numbers()
    assert numbers["fallback_share"] == pytest.approx(1 / 3)
    assert numbers["empty_share"] == pytest.approx(1 / 4)


def test_an_answer_costs_microseconds():
    rng = np.random.default_rng(2)
    answers = [rng.integers(0, 90_000, 10).tolist() for _ in range(2000)]
    alarms = Alarms(90_000, Limits(window=1000))

    def feed():
        for n, items in enumerate(answers):
            alarms.answered("recommend", items, 1.0 / (1 + n), fell_back=False)

    feed()
    assert min(timeit.repeat(feed, number=1, repeat=3, timer=time.process_time)) / len(answers) < 40e-6


@pytest.mark.parametrize("wrong", [{"least": 0}, {"baseline": 5}, {"window": 10}, {"most_empty": -1.0}])
def test_limits_that_cannot_be_are_refused(wrong):
    with pytest.raises(ConfigError):
        Limits(**wrong)
