"""The search for settings on validation, within a budget of time."""

import time
import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from shelfspace import config
from shelfspace.errors import JobError

Part = TypeVar("Part")
Value = bool | int | float | str | None
Settings = dict[str, Value]

_WITHOUT_REFIT = 4


@dataclass(frozen=True)
class Trial:
    """Settings tried: their value on validation (NaN where they failed), the seconds, why they failed."""

    settings: Settings
    value: float
    seconds: float
    failure: str = ""


@dataclass(frozen=True)
class Search(Generic[Part]):
    """What a search found.

    best: the settings with the highest value;  value: that value;  part: the part built with them, where the
    search was asked to keep it;  trials: all that was tried, in order.
    """

    best: Settings
    value: float
    trials: tuple[Trial, ...]
    part: Part | None = None

    def to_json(self) -> dict[str, object]:
        """Return the search as plain data, for `metrics.json` and the report."""
        trials = [
            {
                "settings": t.settings,
                "value": None if np.isnan(t.value) else t.value,
                "seconds": round(t.seconds, 4),
            }
            | ({"failure": t.failure} if t.failure else {})
            for t in self.trials
        ]
        return {"best": self.best, "value": self.value, "trials": trials}


def tune(
    make: Callable[[Settings], Part],
    space: Mapping[str, config.Search],
    objective: Callable[[Part], float],
    *,
    budget_seconds: float,
    max_trials: int = 100,
    seed: int = 0,
    start: Settings | None = None,
    refit_free: Collection[str] = (),
    keep: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Search[Part]:
    """Look for the settings with the highest objective.

    The start settings are tried first, so a search never does worse on validation than they do. A trial that
    fails in its arithmetic or for want of memory is written down and passed over. No trial is begun after the
    budget; one that runs is not stopped.

    Args:
        make: from settings (one value for each name in `space`) to a fitted part.
        space: where to look, `config.search_space(part)`.
        objective: the part's value on validation; higher is better. Score a sample of some thousand cases
            here.
        budget_seconds: wall clock for the whole search.
        max_trials: at most this many trials.
        seed: of the sampler; with the same seed and as many trials the same settings are tried.
        start: the settings to begin with, usually the defaults.
        refit_free: names in `space` that only scoring reads: of every fitted part, some more values of these
            are tried by setting the attribute, without fitting again.
        keep: hold on to the best fitted part. Not together with `refit_free`, which changes parts after they
            are made.
        progress: told the trials done and `max_trials`.

    Returns:
        The search.

    Raises:
        JobError: every trial failed.

    References:
        Bergstra et al. Algorithms for Hyper-Parameter Optimization (the tree-structured Parzen estimator).
        2011.

    Example:
        >>> found = tune(lambda s: s["x"], {"x": config.Range(-3.0, 3.0)}, lambda x: -((x - 1) ** 2),
        ...              budget_seconds=5, max_trials=40, start={"x": 0.0})
        >>> abs(found.best["x"] - 1) < 0.3
        True
    """
    if keep and refit_free:
        raise ValueError("keep and refit_free exclude each other")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    places = {name: _distribution(where, (start or {}).get(name)) for name, where in space.items()}
    free = {name: places[name] for name in places if name in refit_free}
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=6, n_ei_candidates=48)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    if start is not None:
        study.enqueue_trial(
            {n: _encoded(places[n], start[n]) for n in places if _startable(places[n], start, n)}
        )
    begun, trials = time.monotonic(), list[Trial]()
    best: tuple[float, Part | None] = (-np.inf, None)
    limit = max_trials if space else 1
    while len(trials) < limit and (not trials or time.monotonic() - begun < budget_seconds):
        study.sampler = sampler
        asked = study.ask(places)
        trial, part = _try(make, objective, _decoded(places, asked.params))
        _tell(study, asked, trial)
        trials.append(trial)
        if keep and trial.value > best[0]:
            best = (trial.value, part)
        fixed = {name: value for name, value in asked.params.items() if name not in free}
        for _ in range(_WITHOUT_REFIT if free else 0):
            if part is None or len(trials) >= limit or time.monotonic() - begun >= budget_seconds:
                break
            asked = _ask_free(study, sampler, fixed, places)
            trial = _rescore(part, free, objective, _decoded(places, asked.params))
            _tell(study, asked, trial)
            trials.append(trial)
        if progress is not None:
            progress(len(trials), limit)
    good = [t for t in trials if not np.isnan(t.value)]
    if not good:
        raise JobError(f"all {len(trials)} trials of the search failed; the last: {trials[-1].failure}")
    winner = max(good, key=lambda t: t.value)
    return Search(winner.settings, winner.value, tuple(trials), best[1])


def _try(
    make: Callable[[Settings], Part], objective: Callable[[Part], float], settings: Settings
) -> tuple[Trial, Part | None]:
    begun = time.monotonic()
    try:
        part = make(settings)
        value = float(objective(part))
    except (np.linalg.LinAlgError, ArithmeticError, MemoryError) as problem:
        failure = f"{type(problem).__name__}: {problem}"
        return Trial(settings, float("nan"), time.monotonic() - begun, failure), None
    failure = "" if np.isfinite(value) else f"the value is {value}"
    return Trial(settings, value if not failure else float("nan"), time.monotonic() - begun, failure), part


def _rescore(
    part: Part, free: Collection[str], objective: Callable[[Part], float], settings: Settings
) -> Trial:
    def changed(settings: Settings) -> Part:
        for name in free:
            setattr(part, name, settings[name])
        return part

    return _try(changed, objective, settings)[0]


def _tell(study: optuna.Study, asked: optuna.trial.Trial, trial: Trial) -> None:
    if np.isnan(trial.value):
        study.tell(asked, state=optuna.trial.TrialState.FAIL)
    else:
        study.tell(asked, trial.value)


def _ask_free(
    study: optuna.Study,
    sampler: optuna.samplers.BaseSampler,
    fixed: Mapping[str, Value],
    places: dict[str, BaseDistribution],
) -> optuna.trial.Trial:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.sampler = optuna.samplers.PartialFixedSampler(dict(fixed), sampler)
    return study.ask(places)


class _Choice(CategoricalDistribution):
    """A choice by place, so that its values may be of any kind."""

    def __init__(self, values: tuple[Value, ...]) -> None:
        super().__init__(tuple(range(len(values))))
        self.values = values


def _distribution(where: config.Search, start: Value) -> BaseDistribution:
    """Where to look, made wide enough to hold the start."""
    if isinstance(where, config.Choice):
        return _Choice(where.values if start is None or start in where.values else (*where.values, start))
    low, high = where.low, where.high
    if isinstance(start, int | float) and not isinstance(start, bool) and (start > 0 or not where.log):
        low, high = min(low, start), max(high, start)
    if isinstance(low, int) and isinstance(high, int):
        return IntDistribution(low, high, log=where.log)
    return FloatDistribution(float(low), float(high), log=where.log)


def _startable(place: BaseDistribution, start: Settings, name: str) -> bool:
    if name not in start:
        return False
    value = start[name]
    return (
        value in place.values
        if isinstance(place, _Choice)
        else bool(place._contains(place.to_internal_repr(value)))
    )


def _encoded(place: BaseDistribution, value: Value) -> Value:
    return place.values.index(value) if isinstance(place, _Choice) else value


def _decoded(places: Mapping[str, BaseDistribution], params: Mapping[str, Value]) -> Settings:
    settings: Settings = {}
    for name, value in params.items():
        place = places[name]
        settings[name] = place.values[int(value or 0)] if isinstance(place, _Choice) else value
    return settings
