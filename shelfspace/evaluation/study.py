"""A search that outlives its process: Optuna asks, what was tried is kept in a file."""

import math
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import optuna
from optuna.pruners import BasePruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, PartialFixedSampler, RandomSampler, TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from shelfspace.errors import ConfigError
from shelfspace.evaluation.places import Place

Pruning = Literal["median", "halving", "none"]
State = Literal["complete", "pruned", "failed"]

_STATES: dict[TrialState, State] = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}
_NAME = "shelfspace"
_DRAWS = 10
"""How often the sampler is asked for settings not tried before, until they are drawn at random."""

_BEFORE_PRUNING = 4
"""Trials that are finished, and epochs that are trained, before one may be stopped."""

_FOR_IMPORTANCE = 10
"""Finished trials from which on it can be said what counts."""


@dataclass(frozen=True)
class Tried:
    """A trial that is over.

    number: from 1;  settings: by path;  state;  value: on validation, None where it did not come to one;
    seconds: wall clock;  curve: the value of each epoch that was watched;  failure: why it failed.
    """

    number: int
    settings: dict[str, Any]
    state: State
    value: float | None
    seconds: float
    curve: list[float] = field(default_factory=list)
    failure: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {**asdict(self), "seconds": round(self.seconds, 3)}


class Watched:
    """A log of a training that tells the study each epoch's value, and ends a training that falls behind.

    Raises:
        optuna.TrialPruned: from `write`, when the trial is to be stopped.
    """

    def __init__(self, trial: optuna.Trial) -> None:
        self.trial, self.epoch = trial, 0

    def write(self, step: int, figures: Mapping[str, float]) -> None:
        """Report an epoch."""
        self.epoch += 1
        value = figures.get("value", math.nan)
        if math.isnan(value):  # without early stopping nothing is measured
            return
        self.trial.report(value, self.epoch)
        if self.trial.should_prune():
            raise optuna.TrialPruned


class Study:
    """Trials of settings, asked for one after the other; the same ones whether or not it was stopped between them.

    The file holds trials that are over, in Optuna's journal (lines of JSON): one that was killed is asked for again.
    What Optuna draws depends on the seed and on the trials that are over, and on nothing else.

    Args:
        file: the journal; it is gone on with where it exists.
        places: where to look, by path.
        seed: of the draws.
        pruning: which trainings are stopped early: those below the median of the finished trials at the same
            epoch, those not in the better half at 4, 8, 16 … epochs, or none.

    References:
        Bergstra et al. Algorithms for Hyper-Parameter Optimization. NeurIPS 2011.
        Akiba et al. Optuna: A Next-generation Hyperparameter Optimization Framework. KDD 2019.
        Li et al. A System for Massively Parallel Hyperparameter Tuning (successive halving). MLSys 2020.
    """

    def __init__(
        self,
        file: Path,
        places: Mapping[str, Place],
        *,
        seed: int = 0,
        pruning: Pruning = "median",
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.places, self.seed = dict(places), seed
        self.kept = optuna.create_study(
            storage=JournalStorage(JournalFileBackend(str(_whole(file)))),
            study_name=_NAME,
            direction="maximize",
            load_if_exists=True,
        )
        self.study = optuna.create_study(direction="maximize", pruner=_pruner(pruning))
        self.study.add_trials(self.kept.trials)

    @property
    def tried(self) -> list[Tried]:
        """The trials that are over, in their order."""
        return [self._tried(n, trial) for n, trial in enumerate(self.kept.trials, start=1)]

    @property
    def best(self) -> Tried | None:
        """The trial with the highest value, the first of those that tie."""
        done = [trial for trial in self.tried if trial.value is not None]
        return max(done, key=lambda trial: trial.value or 0.0, default=None)

    def remembered(self, name: str, value: Any) -> Any:
        """Return what the file holds under a name; `value`, which it then holds, where it held nothing."""
        if name not in self.kept.user_attrs:
            self.kept.set_user_attr(name, value)
        return self.kept.user_attrs[name]

    def ask(self, start: Mapping[str, Any]) -> tuple[optuna.Trial, dict[str, Any]] | None:
        """Return what to try next, and its settings; None where nothing is left.

        Args:
            start: settings that the first trial has; those that it lacks are drawn.
        """
        over = self.kept.trials
        if self.is_exhausted:
            return None
        known, draw = self._known(), 0
        while True:
            self.study.sampler = self._sampler(len(over), draw, {} if over else start)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                trial = self.study.ask({path: place.distribution for path, place in self.places.items()})
            if tuple(sorted(trial.params.items())) not in known:
                return trial, self._settings(trial.params)
            self.study.tell(trial, state=TrialState.FAIL)
            draw += 1

    @property
    def is_exhausted(self) -> bool:
        """Whether every combination was tried."""
        return len(self._known()) >= math.prod(place.size for place in self.places.values())

    def tell(
        self,
        trial: optuna.Trial,
        seconds: float,
        *,
        value: float | None = None,
        pruned: bool = False,
        failure: str = "",
    ) -> Tried:
        """Say how a trial went, and write it down."""
        state = TrialState.PRUNED if pruned else TrialState.FAIL if value is None else TrialState.COMPLETE
        trial.set_user_attr("seconds", seconds)
        trial.set_user_attr("failure", failure)
        done = self.study.tell(trial, value, state=state)
        self.kept.add_trial(done)
        return self._tried(len(self.kept.trials), done)

    def importance(self) -> dict[str, float]:
        """Return how much of the variation between trials each setting explains, summing to 1.

        Empty with fewer than ten finished trials, or where they do not differ.

        References:
            Hutter, Hoos, Leyton-Brown. An Efficient Approach for Assessing Hyperparameter Importance (fANOVA).
            ICML 2014.
        """
        values = [trial.value for trial in self.tried if trial.value is not None]
        if len(values) < _FOR_IMPORTANCE or len(set(values)) == 1 or len(self.places) == 1:
            return {}
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=self.seed)
        shares = optuna.importance.get_param_importances(self.kept, evaluator=evaluator)
        return {path: round(float(share), 4) for path, share in shares.items()}

    def _sampler(self, number: int, draw: int, start: Mapping[str, Any]) -> BaseSampler:
        seed = int(np.random.SeedSequence([self.seed, number, draw]).generate_state(1)[0])
        if draw >= _DRAWS:
            return RandomSampler(seed=seed)
        sampler = TPESampler(seed=seed, n_startup_trials=6, n_ei_candidates=48, constant_liar=False)
        fixed = {path: self.places[path].drawn(value) for path, value in start.items()}
        fixed = {path: drawn for path, drawn in fixed.items() if drawn is not None}
        if not fixed:
            return sampler
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return PartialFixedSampler(fixed, sampler)

    def _known(self) -> set[tuple[tuple[str, Any], ...]]:
        return {tuple(sorted(trial.params.items())) for trial in self.kept.trials}

    def _settings(self, params: Mapping[str, Any]) -> dict[str, Any]:
        return {path: place.value(params[path]) for path, place in self.places.items()}

    def _tried(self, number: int, trial: FrozenTrial) -> Tried:
        state = _STATES[trial.state]
        return Tried(
            number,
            self._settings(trial.params),
            state,
            trial.value if state == "complete" else None,
            trial.user_attrs["seconds"],
            [value for _, value in sorted(trial.intermediate_values.items())],
            trial.user_attrs["failure"],
        )


def _pruner(pruning: Pruning) -> BasePruner:
    if pruning == "median":
        return MedianPruner(n_startup_trials=_BEFORE_PRUNING, n_warmup_steps=_BEFORE_PRUNING)
    if pruning == "halving":
        return SuccessiveHalvingPruner(min_resource=_BEFORE_PRUNING, reduction_factor=2)
    if pruning == "none":
        return NopPruner()
    raise ConfigError(f"--pruning {pruning!r} is unknown; known: median, halving, none")


def _whole(file: Path) -> Path:
    """Cut off a last line that a killed process left unfinished."""
    if file.is_file():
        text = file.read_bytes()
        end = text.rfind(b"\n") + 1
        if end < len(text):
            file.write_bytes(text[:end])
    return file
