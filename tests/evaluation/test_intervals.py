import numpy as np
import pytest

from shelfspace.evaluation import intervals as bootstrap
from shelfspace.evaluation.intervals import interval, intervals, paired_difference


def test_agrees_with_the_normal_interval_of_a_mean():
    values = np.random.default_rng(0).normal(3.0, 2.0, 4000)
    found = interval(values)
    error = 1.96 * values.std() / np.sqrt(4000)
    assert found.value == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - error, abs=error / 8)
    assert found.high == pytest.approx(values.mean() + error, abs=error / 8)


def test_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(1)
    found = [interval(rng.exponential(1.0, 150), resamples=300, seed=n) for n in range(200)]
    assert 0.89 <= np.mean([f.low <= 1.0 <= f.high for f in found]) <= 0.985


def test_pairs_see_a_difference_that_intervals_overlap_on():
    rng = np.random.default_rng(2)
    one = rng.random(500)
    other = one - 0.01 + rng.normal(0, 0.02, 500)
    assert interval(one).low < interval(other).high
    assert paired_difference(one, other).low > 0
    assert paired_difference(one, one).to_json() == {"value": 0.0, "low": 0.0, "high": 0.0}


def test_seeded_whatever_the_blocks_and_nan_is_no_case(monkeypatch):
    values = np.random.default_rng(3).random(90)
    holes = np.append(values, [np.nan] * 10)
    whole = intervals({"a": holes, "b": np.full(100, np.nan)}, seed=5)
    assert whole["a"].value == pytest.approx(values.mean())
    assert np.isnan(whole["b"].low)
    monkeypatch.setattr(bootstrap, "_CELLS", 700)
    assert intervals({"a": holes}, seed=5)["a"].low == pytest.approx(whole["a"].low)
    assert interval(holes, seed=6).low != whole["a"].low
    assert intervals({}) == {}
