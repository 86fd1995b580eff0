"""Chances of a logistic regression on planted log odds."""

import numpy as np
import pytest
from scipy.special import expit, logit

from shelfspace.responding import model as module
from shelfspace.responding.model import Model


def planted(num: int = 20_000, seed: int = 0):
    rng = np.random.default_rng(seed)
    features = {"a: x": rng.normal(3.0, 2.0, num), "a: y": rng.normal(size=num), "b: z": rng.normal(size=num)}
    odds = -4.0 + 0.5 * (features["a: x"] - 3.0) + 1.0 * features["b: z"]
    taken = rng.random(num) < expit(odds)
    features["a: y"][::3] = np.nan
    return features, odds, taken, np.ones(num)


def test_what_was_planted_is_found_and_parts_sum_to_the_log_odds():
    features, odds, taken, weight = planted()
    model = Model.fit(features, taken, weight, strength=1.0, seed=0)
    assert np.corrcoef(model.odds(features), odds)[0, 1] > 0.99
    assert model.chance(features).mean() == pytest.approx(taken.mean(), rel=0.02)
    names, parts = model.parts(features)
    assert names == ["a", "b", "base rate"]
    assert np.allclose(parts.sum(axis=1), logit(model.chance(features)))
    assert Model(**model.to_json()) == model


def test_drawing_from_what_was_not_taken_leaves_chances_right(monkeypatch):
    features, _, taken, weight = planted(60_000)
    whole = Model.fit(features, taken, weight, strength=1.0, seed=0)
    monkeypatch.setattr(module, "MOST", 6_000)
    drawn = Model.fit(features, taken, weight, strength=1.0, seed=0)
    assert drawn.chance(features).mean() == pytest.approx(taken.mean(), rel=0.1)
    assert np.abs(drawn.odds(features) - whole.odds(features)).mean() < 0.15


def test_cases_that_stand_for_many_count_as_many():
    features, _, taken, _ = planted(60_000)
    kept = taken | (np.arange(len(taken)) % 5 == 0)
    some = {name: values[kept] for name, values in features.items()}
    weights = np.where(taken[kept], 1.0, 5.0)
    model = Model.fit(some, taken[kept], weights, strength=1.0, seed=0)
    assert model.chance(features).mean() == pytest.approx(taken.mean(), rel=0.1)


def test_calibration_takes_back_what_is_overstated():
    features, _, taken, weight = planted()
    model = Model.fit(features, taken, weight, strength=1.0, seed=0)
    loud = Model(**(model.to_json() | {"weight": [3 * w for w in model.weight], "base": model.base + 1}))
    again = loud.calibrated(features, taken, weight)
    assert again.slope == pytest.approx(1 / 3, rel=0.1)
    assert np.abs(again.chance(features) - model.chance(features)).max() < 0.05
    names, parts = again.parts(features)
    assert np.allclose(parts.sum(axis=1), again.odds(features))
    assert names[-1] == "base rate"


def test_a_model_that_is_wrong_later_says_the_same_of_all():
    features, _, taken, weight = planted()
    model = Model.fit(features, taken, weight, strength=1.0, seed=0)
    backwards = Model(**(model.to_json() | {"weight": [-w for w in model.weight]}))
    chance = backwards.calibrated(features, taken, weight).chance(features)
    assert np.allclose(chance, taken.mean())


def test_a_feature_that_never_changes_or_is_never_known_says_nothing():
    features, _, taken, weight = planted()
    features |= {"c: same": np.full(len(taken), 7.0), "d: unknown": np.full(len(taken), np.nan)}
    model = Model.fit(features, taken, weight, strength=1.0, seed=0)
    names, parts = model.parts(features)
    assert np.allclose(parts[:, names.index("c")], 0)
    assert np.allclose(parts[:, names.index("d")], 0)


def test_without_features_all_are_given_the_share():
    model = Model.constant(np.array([True]), np.ones(1))
    assert model.chance({"any: thing": np.zeros(3)}).tolist() == pytest.approx([0.75] * 3)
    assert model.parts({"any: thing": np.zeros(2)})[0] == ["base rate"]
