"""Figures of chances beside scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score

from shelfspace.evaluation.responded import reliability, responded
from shelfspace.responding.learning import Later


def later(num: int = 3000, seed: int = 0, ties: bool = False) -> Later:
    rng = np.random.default_rng(seed)
    chance = rng.beta(1, 6, num)
    taken = rng.random(num) < chance
    user = rng.integers(-1, 60, num).astype(np.int32)
    worse = rng.permuted(chance)
    given = np.round(chance, 1) * 0.9 + 0.01 if ties else chance
    return Later(user, taken, rng.integers(1, 4, num).astype(float), {"popularity": worse, "default": given})


@pytest.mark.parametrize("ties", [False, True])
def test_figures_are_those_of_scikit_learn(ties: bool):
    cases = later(ties=ties)
    found = responded(cases)
    for name, chance in cases.chance.items():
        model = found["models"][name]
        given = {"sample_weight": cases.weight}
        assert model["auc"]["value"] == pytest.approx(roc_auc_score(cases.taken, chance, **given))
        assert model["ap"]["value"] == pytest.approx(average_precision_score(cases.taken, chance, **given))
        assert model["log_loss"]["value"] == pytest.approx(log_loss(cases.taken, chance, **given))
        own = []
        for user in range(60):
            rows = cases.user == user
            if 0 < cases.taken[rows].sum() < rows.sum():
                own.append(roc_auc_score(cases.taken[rows], chance[rows]))
        assert model["within"]["value"] == pytest.approx(np.mean(own))
        assert model["auc"]["low"] < model["auc"]["value"] < model["auc"]["high"]


def test_the_better_model_is_above_the_worse_on_the_same_resamples():
    found = responded(later())
    assert found["differences"]["popularity"]["auc"]["low"] > 0.1
    assert found["differences"]["popularity"]["log_loss"]["high"] < 0
    assert found["models"]["default"]["ece"]["value"] < 0.03


def test_what_was_foretold_comes_true_in_each_bin():
    cases = later(30_000)
    bins = reliability(cases.chance["default"], cases.taken, np.ones(30_000))
    assert [part["cases"] for part in bins] == [3000.0] * 10
    for part in bins:
        assert part["taken"] == pytest.approx(part["chance"], abs=0.025)
