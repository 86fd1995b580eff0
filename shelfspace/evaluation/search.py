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
    change: Callable[[Part, str, Value], None] = setattr,
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
        start: the settings to begin with, usually the defaults: a value for every name in `space`. One that
            lies where the search does not look is tried all the same.
        refit_free: names in `space` that only scoring reads: of every fitted part, some more values of these
            are tried without fitting again.
        change: how such a setting of a fitted part is changed: the attribute is set.
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
    asking = _Asking(space, seed)
    free = [name for name in space if name in refit_free]
    more = 0 if not free else _WITHOUT_REFIT if len(free) < len(space) else max_trials
    begun, trials = time.monotonic(), list[Trial]()
    best: tuple[float, Part | None] = (-np.inf, None)
    limit = max_trials if space else 1

    def over() -> bool:
        return len(trials) >= limit or (bool(trials) and time.monotonic() - begun >= budget_seconds)

    while not over():
        first = start is not None and not trials
        settings = {name: start[name] for name in space} if start is not None and first else asking.ask()
        tried = _try(make, objective, settings)
        trial, part = tried
        trials.append(trial)
        asking.tell(trial)
        if keep and trial.value > best[0]:
            best = (trial.value, part)
        for _ in range(more):
            if part is None or over() or not asking.knows(settings):
                break
            again = asking.ask(settings, free)
            trials.append(_try(lambda s: _changed(part, free, change, s), objective, again)[0])  # noqa: B023
            asking.tell(trials[-1])
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


def _changed(
    part: Part, free: Collection[str], change: Callable[[Part, str, Value], None], settings: Settings
) -> Part:
    for name in free:
        change(part, name, settings[name])
    return part


class _Asking:
    """Optuna's sampler behind settings of any kind of value."""

    def __init__(self, space: Mapping[str, config.Search], seed: int) -> None:
        self.space = space
        self.places = {name: _place(where) for name, where in space.items()}
        self.sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=6, n_ei_candidates=48)
        self.study = optuna.create_study(direction="maximize", sampler=self.sampler)
        self.asked: optuna.trial.Trial | None = None

    def ask(self, settings: Settings | None = None, free: Collection[str] = ()) -> Settings:
        """Settings to try; given some settings, the same but for those that are free."""
        self.study.sampler = self.sampler
        if settings is not None:
            fixed = {name: self._inside(name, value) for name, value in settings.items() if name not in free}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                self.study.sampler = optuna.samplers.PartialFixedSampler(fixed, self.sampler)
        self.asked = self.study.ask(dict(self.places))
        return {name: self._outside(name, value) for name, value in self.asked.params.items()}

    def tell(self, trial: Trial) -> None:
        """Say how a trial went, asked for or not; the sampler is not told of one outside its places."""
        failed, asked, self.asked = np.isnan(trial.value), self.asked, None
        if asked is not None:
            state = optuna.trial.TrialState.FAIL if failed else optuna.trial.TrialState.COMPLETE
            self.study.tell(asked, None if failed else trial.value, state=state)
        elif not failed and self.knows(trial.settings):
            inside = {name: self._inside(name, value) for name, value in trial.settings.items()}
            done = optuna.trial.create_trial(
                params=inside, distributions=dict(self.places), value=trial.value
            )
            self.study.add_trial(done)

    def knows(self, settings: Settings) -> bool:
        """Whether settings lie where the search looks."""
        return all(_within(self.space[name], value) for name, value in settings.items())

    def _inside(self, name: str, value: Value) -> Value:
        where = self.space[name]
        return where.values.index(value) if isinstance(where, config.Choice) else value

    def _outside(self, name: str, value: Value) -> Value:
        where = self.space[name]
        if not isinstance(where, config.Choice):
            return value
        chosen: Value = where.values[int(value or 0)]
        return chosen


def _place(where: config.Search) -> BaseDistribution:
    if isinstance(where, config.Choice):
        return CategoricalDistribution(tuple(range(len(where.values))))
    if isinstance(where.low, int) and isinstance(where.high, int):
        return IntDistribution(where.low, where.high, log=where.log)
    return FloatDistribution(float(where.low), float(where.high), log=where.log)


def _within(where: config.Search, value: Value) -> bool:
    if isinstance(where, config.Choice):
        return value in where.values
    return isinstance(value, int | float) and where.low <= value <= where.high
