"""What is measured of classifying, against plain recomputation."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from shelfspace.classifying.classifier import Classify
from shelfspace.classifying.labels import NEVER, Classes
from shelfspace.classifying.learning import learnt_from
from shelfspace.evaluation.classified import calibration_error, classified, figures, macro_f1
from tests.classifying.shops import listings

CLASSES = Classes((("a", "x"), ("a", "y"), ("b", "z")))


def test_figures_are_those_counted_by_hand():
    chance = np.array([[0.9, 0.1, 0.0], [0.5, 0.4, 0.1], [0.3, 0.2, 0.5], [0.1, 0.0, 0.9], [0.4, 0.3, 0.3]])
    code = np.array([0, 1, 2, 0, 2])
    found = figures(CLASSES, chance, np.array([0.8, 0.8, 0.8, 0.8, NEVER]), code)
    assert found["accuracy"]["value"] == pytest.approx(2 / 5)
    assert found["coverage"]["value"] == pytest.approx(3 / 5)  # (a, x), a, and (b, z)
    assert found["whole"]["value"] == pytest.approx(2 / 5)
    assert found["precision"]["value"] == pytest.approx(2 / 3)
    assert found["accuracy"]["low"] <= 2 / 5 <= found["accuracy"]["high"]


def test_without_answers_there_is_no_precision():
    found = figures(CLASSES, np.full((4, 3), 1 / 3), np.full(4, NEVER), np.zeros(4, np.int64))
    assert found["precision"] == {"value": None, "low": None, "high": None}
    assert found["coverage"]["value"] == 0.0


def test_macro_f1_is_that_of_scikit_learn_over_true_classes():
    rng = np.random.default_rng(0)
    code, said = rng.integers(5, size=200), rng.integers(7, size=200)
    expected = f1_score(code, said, labels=range(5), average="macro", zero_division=0)
    assert macro_f1(code, said) == pytest.approx(expected)


def test_calibration_error_is_the_weighed_gap_of_bins():
    chance, right = np.array([0.95, 0.95, 0.95, 0.55]), np.array([True, True, False, False])
    assert calibration_error(chance, right) == pytest.approx(3 / 4 * abs(0.95 - 2 / 3) + 1 / 4 * 0.55)
    rng = np.random.default_rng(0)
    told = rng.random(20_000)
    assert calibration_error(told, rng.random(20_000) < told) < 0.02


def test_each_part_of_the_fields_is_measured_on_listings_that_nothing_was_learnt_from():
    learnt = learnt_from(Classify(columns=["category"]), listings(silent=0.3), seed=0)
    about = classified(learnt)["columns"]["category"]
    unseen = learnt.unseen["category"]
    assert about["cases"] == unseen.test.sum()
    assert about["cases"] + about["labels_learnt_from"] == 240
    assert set(about["fields"]) == {
        "as they are",
        "most common class",
        "words",
        "vectors.seen",
        "vectors.seen + words",
    }
    test = np.flatnonzero(unseen.test)
    chance, _ = unseen.fusions.chance(unseen.scored.take(test))
    right = (chance.argmax(axis=1) == unseen.code[test]).mean()
    assert about["fields"]["as they are"]["accuracy"]["value"] == pytest.approx(right)
    assert right > 0.9
    assert about["fields"]["most common class"]["accuracy"]["value"] < 0.5
