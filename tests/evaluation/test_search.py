import time
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pytest

from shelfspace import config
from shelfspace.config import Choice, Range
from shelfspace.errors import JobError
from shelfspace.evaluation.search import tune


@dataclass(kw_only=True)
class Part:
    x: Annotated[float, Range(-3.0, 3.0)] = 0.0
    size: Annotated[int, Range(1, 9)] = 1
    rate: Annotated[float, Range(0.01, 10.0, log=True)] = 1.0
    kind: Annotated[str | None, Choice(("a", None, "c"))] = "a"


SPACE = config.search_space(Part)
START = config.settings_of(Part())


def value(part):
    return -((part.x - 1) ** 2) - (part.size - 4) ** 2 / 9 - np.log10(part.rate) ** 2 + (part.kind is None)


def test_finds_good_settings_and_tries_the_start_first():
    found = tune(lambda s: Part(**s), SPACE, value, budget_seconds=60, max_trials=60, start=START)
    assert found.trials[0].settings == START
    assert found.value == max(t.value for t in found.trials) > 0.5
    assert found.value == value(Part(**found.best))
    assert found.best["kind"] is None
    assert isinstance(found.best["size"], int)
    assert len(found.to_json()["trials"]) == 60


def test_the_same_seed_tries_the_same():
    runs = [
        tune(lambda s: Part(**s), SPACE, value, budget_seconds=60, max_trials=25, seed=seed).trials
        for seed in (1, 1, 2)
    ]
    settings = [[t.settings for t in trials] for trials in runs]
    assert settings[0] == settings[1] != settings[2]


def test_scoring_settings_vary_without_a_new_fit():
    made = []
    found = tune(
        lambda s: made.append(s) or Part(**s),
        SPACE,
        value,
        budget_seconds=60,
        max_trials=50,
        start=START,
        refit_free=["rate", "kind"],
    )
    assert len(found.trials) == 50
    assert len(made) == 10
    assert found.value == value(Part(**found.best))
    only = []
    tune(
        lambda s: only.append(s) or Part(**s),
        {"x": SPACE["x"]},
        value,
        budget_seconds=60,
        max_trials=20,
        start={"x": 0.0},
        refit_free=["x"],
    )
    assert len(only) == 1


def test_a_start_outside_the_places_is_tried():
    start = START | {"rate": float("inf"), "kind": "z"}
    found = tune(
        lambda s: s,
        SPACE,
        lambda s: 1.0 if s["kind"] == "z" else 0.0,
        budget_seconds=60,
        max_trials=5,
        start=start,
    )
    assert found.best == start
    assert len(found.trials) == 5


def test_failed_trials_are_written_down_and_passed_over():
    def make(settings):
        if settings["x"] > 0:
            raise np.linalg.LinAlgError("not positive definite")
        return Part(**settings)

    found = tune(make, SPACE, value, budget_seconds=60, max_trials=20)
    assert found.best["x"] <= 0
    assert any("not positive definite" in t.failure for t in found.trials)
    assert any(t["value"] is None for t in found.to_json()["trials"])
    with pytest.raises(JobError, match="all 3 trials"):
        tune(make, {"x": Range(1.0, 2.0)}, value, budget_seconds=60, max_trials=3)


def test_no_trial_is_begun_after_the_budget():
    begun = time.monotonic()
    found = tune(lambda s: time.sleep(0.05) or Part(**s), SPACE, value, budget_seconds=0.3, max_trials=1000)
    assert time.monotonic() - begun < 2
    assert 2 <= len(found.trials) <= 7
    assert len(tune(lambda s: Part(**s), SPACE, value, budget_seconds=0.0).trials) == 1
    assert len(tune(lambda s: Part(**s), {}, value, budget_seconds=10, start={}).trials) == 1


def test_keeps_the_best_part_where_asked():
    found = tune(lambda s: Part(**s), SPACE, value, budget_seconds=60, max_trials=12, start=START, keep=True)
    assert config.settings_of(found.part) == found.best
