"""Deletion curves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelfspace.evaluation.faithfulness import area, compared, deleted, deletion_areas


def test_parts_go_one_after_the_other_or_some_at_a_time():
    assert deleted(np.array([2, 0, 1])).tolist() == [
        [True, True, True],
        [True, True, False],
        [False, True, False],
        [False, False, False],
    ]
    assert deleted(np.arange(64), most=8).sum(axis=1).tolist() == [64, 56, 48, 40, 32, 24, 16, 8, 0]
    assert deleted(np.arange(3), most=8).shape == (4, 3)
    assert deleted(np.zeros(0, np.int64)).shape == (1, 0)


def test_the_area_is_that_of_trapezoids():
    assert area(np.array([1.0, 1.0, 1.0])) == 1.0
    assert area(np.array([1.0, 0.0])) == 0.5
    assert area(np.array([1.0, 0.0, 0.0])) == 0.25


@given(st.lists(st.floats(0.01, 10), min_size=2, max_size=8, unique=True))
def test_of_a_sum_its_own_order_is_the_best_and_its_reverse_the_worst(amounts):
    truth = np.array(amounts)
    found = deletion_areas(lambda there: there @ truth, {"own": truth, "other": np.roll(truth, 1)})
    assert found["own"] <= found["other"] + 1e-9
    assert found["own"] <= found["random"] + 1e-9 <= found["own reversed"] + 2e-9
    assert found["own"] + found["own reversed"] == pytest.approx(1.0)


def test_comprehensiveness_and_sufficiency_by_hand():
    truth = np.array([5.0, 3.0, 1.0, 1.0])
    found = deletion_areas(lambda there: there @ truth, {"own": truth})
    assert found["own comprehensiveness"] == pytest.approx(np.mean([0.5, 0.5, 0.8]))
    assert found["own sufficiency"] == pytest.approx(np.mean([0.5, 0.5, 0.2]))


def test_a_score_that_is_not_above_0_does_not_count():
    found = deletion_areas(lambda there: np.zeros(len(there)), {"own": np.array([1.0, 2.0])})
    assert all(np.isnan(value) for value in found.values())
    seen = compared([found, deletion_areas(lambda there: there.sum(axis=1), {"own": np.array([1.0, 2.0])})])
    assert seen["own"].value == pytest.approx(0.5)


def test_differences_are_paired_with_what_is_said():
    rng = np.random.default_rng(0)
    cases = []
    for _ in range(30):
        truth = rng.random(6)
        cases.append(deletion_areas(lambda there, t=truth: there @ t, {"own": truth, "drawn": rng.random(6)}))
    found = compared(cases)
    assert found["own - random"].high < 0 < found["own reversed - random"].low
    assert found["own - random"].value == pytest.approx(found["own"].value - found["random"].value)
    assert found["drawn - random"].low < 0 < found["drawn - random"].high
    assert compared([]) == {}
