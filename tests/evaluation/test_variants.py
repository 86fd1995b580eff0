"""Rates of two variants: against other formulas, and whether intervals hold what they say."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from shelfspace.errors import InputError
from shelfspace.evaluation.variants import Rate, difference, mismatch, rate, wilson

USERS = 300
EXPERIMENTS = 1500
TAIL = {"even": None, "heavy": 2.0}


@given(st.integers(1, 5000), st.floats(0.0, 1.0))
def test_wilson_is_scipys(trials, share):
    successes = round(share * trials)
    found = wilson(successes, trials)
    other = stats.binomtest(successes, trials).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((other.low, other.high), abs=1e-12)
    assert 0.0 <= found.low <= found.value <= found.high <= 1.0


def test_one_trial_a_user_is_wilsons_own():
    bought = np.arange(200) < 30
    found = rate(bought, np.ones(200))
    assert found.interval == wilson(30, 200)
    assert found.num_users == 200


def test_the_error_is_that_of_leaving_each_user_out_in_plain_loops():
    rng = np.random.default_rng(0)
    s = rng.integers(1, 9, 60)
    c = rng.binomial(s, 0.3)
    found = rate(c, s)
    share = sum(c.tolist()) / sum(s.tolist())
    left = [(sum(c) - one) / (sum(s) - shown) for one, shown in zip(c.tolist(), s.tolist(), strict=True)]
    variance = sum((value - share) ** 2 for value in left)
    assert found.value == pytest.approx(share)
    assert found.error == pytest.approx(math.sqrt(variance), rel=1e-9)
    drawn = rng.integers(0, 60, (20_000, 60))
    assert found.error == pytest.approx((c[drawn].sum(1) / s[drawn].sum(1)).std(), rel=0.06)


def test_the_same_lists_of_fewer_users_say_less():
    many = rate([1.0, 0.0] * 500, [1.0] * 1000)
    few = rate([10.0, 0.0] * 50, [10.0] * 100)
    assert few.value == many.value == 0.5
    assert few.high - few.low > 3 * (many.high - many.low)


def drawn(
    rng: np.random.Generator, tail: float | None, share: float, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw users who differ in how much they see and in how they like to click."""
    shown = 1 + rng.poisson(3, size) if tail is None else np.minimum(400, np.ceil(rng.pareto(tail, size)))
    shown = np.maximum(1, shown).astype(np.int64)
    return rng.binomial(shown, rng.beta(2 * share, 2 * (1 - share), size)), shown


@pytest.mark.parametrize("tail", TAIL.values(), ids=TAIL)
@pytest.mark.parametrize("share", [0.05, 0.3])
def test_intervals_hold_the_truth_as_often_as_they_say(tail, share):
    rng = np.random.default_rng(3)
    held, apart = 0, 0
    for _ in range(EXPERIMENTS):
        a, b = (rate(*drawn(rng, tail, share, USERS)) for _ in range(2))
        held += (a.low <= share <= a.high) + (b.low <= share <= b.high)
        found = difference(a, b)
        apart += found.low <= 0.0 <= found.high
    assert 0.93 <= held / (2 * EXPERIMENTS) <= 0.97
    assert 0.93 <= apart / EXPERIMENTS <= 0.97


def test_a_true_difference_is_held_and_found_as_often_as_the_power_says():
    rng = np.random.default_rng(4)
    held, found = 0, 0
    a = [rate(rng.random(2500) < 0.10, np.ones(2500)) for _ in range(EXPERIMENTS)]
    b = [rate(rng.random(2500) < 0.125, np.ones(2500)) for _ in range(EXPERIMENTS)]
    detectable = np.mean([difference(x, y).detectable for x, y in zip(a, b, strict=True)])
    for x, y in zip(a, b, strict=True):
        said = difference(x, y)
        held += said.low <= 0.025 <= said.high
        found += said.low > 0.0
    assert detectable == pytest.approx(0.025, rel=0.05)
    assert 0.93 <= held / EXPERIMENTS <= 0.97
    assert 0.76 <= found / EXPERIMENTS <= 0.84


def test_more_users_are_those_that_the_textbook_asks_for():
    a, b = rate(np.arange(1000) < 100, np.ones(1000)), rate(np.arange(1000) < 110, np.ones(1000))
    said = difference(a, b, effect=0.1)
    each = (1.959964 + 0.841621) ** 2 * (0.1 * 0.9 + 0.11 * 0.89) / 0.01**2
    assert said.more_users == pytest.approx(2 * each - 2000, rel=0.002)
    assert difference(a, b, effect=1.0).more_users == 0


@pytest.mark.parametrize(
    ("successes", "trials"),
    [([], []), ([0], [0]), ([3], [5]), ([0, 0], [4, 9]), ([4, 9], [4, 9]), ([1], [1])],
)
def test_few_users_say_little_and_nothing_breaks(successes, trials):
    found = rate(successes, trials)
    said = difference(found, found).to_json()
    if sum(trials):
        assert 0.0 <= found.low <= found.value <= found.high <= 1.0
        assert found.high - found.low > 0.4
        assert said["value"] == 0.0
    else:
        assert math.isnan(found.value)
        assert set(said.values()) == {None}
    assert said["more_users"] is None or said["more_users"] >= 0


def test_counts_that_cannot_be_are_refused():
    for successes, trials in (([2], [1]), ([-1], [1]), ([1], [1, 2])):
        with pytest.raises(InputError, match="no more successes"):
            rate(successes, trials)


def test_a_split_that_chance_would_not_make():
    for a, b, share in ((480, 520, 0.5), (880, 120, 0.1), (3, 9, 0.5)):
        wanted = stats.chisquare([a, b], [(a + b) * (1 - share), (a + b) * share]).pvalue
        assert mismatch(a, b, share) == pytest.approx(wanted, rel=1e-9)
    assert mismatch(0, 0, 0.5) == mismatch(10, 0, 0.0) == mismatch(0, 10, 1.0) == 1.0
    assert mismatch(1, 10, 1.0) == mismatch(10, 1, 0.0) == 0.0


def test_a_rate_tells_its_interval():
    assert Rate(0.5, 0.4, 0.6, 10, 0.05).interval.to_json() == {"value": 0.5, "low": 0.4, "high": 0.6}
