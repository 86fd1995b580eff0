"""Rules against counts by hand, and their intervals against baskets drawn again."""

import numpy as np
import pytest

from shelfspace.bundling.rules import Rules


def test_support_confidence_and_lift_by_hand():
    rules = Rules.of([6, 0], 10, [20, 5], 100)
    assert rules.support.tolist() == [6, 0]
    assert rules.confidence.tolist() == [0.6, 0.0]
    assert rules.lift[0] == pytest.approx(3.0)
    assert rules.low[0] < 3.0 < rules.high[0]
    assert np.isnan([rules.lift[1], rules.low[1], rules.high[1]]).all()
    nothing = Rules.of([0.0], 0, [0.0], 0)
    assert nothing.confidence.tolist() == [0.0]


def test_the_interval_holds_the_true_lift_as_often_as_it_says():
    rng = np.random.default_rng(0)
    cells = np.array([0.04, 0.06, 0.11, 0.79])  # both, left only, right only, neither
    true = cells[0] / ((cells[0] + cells[1]) * (cells[0] + cells[2]))
    drawn = rng.multinomial(1000, cells, size=4000)
    both, left, right = drawn[:, 0], drawn[:, 0] + drawn[:, 1], drawn[:, 0] + drawn[:, 2]
    rules = Rules.of(both, left, right, 1000)
    held = np.mean((rules.low <= true) & (true <= rules.high))
    assert 0.935 < held < 0.965


def test_what_is_always_together_has_no_interval_below_what_is_certain():
    rules = Rules.of([100.0], 100, [100.0], 100)
    assert (rules.low[0], rules.lift[0], rules.high[0]) == pytest.approx((1.0, 1.0, 1.0))
