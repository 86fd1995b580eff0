"""The search for any settings of a run: each trial chooses and weighs as training does, and sees validation only."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import tomlkit

from shelfspace import config as settings
from shelfspace.deciding import models_of, num_trained, shares, validated
from shelfspace.errors import ConfigError, JobError
from shelfspace.evaluation.models import Told
from shelfspace.evaluation.places import Place, places
from shelfspace.evaluation.study import Pruning, Study, Tried, Watched
from shelfspace.evaluation.study_page import write_study
from shelfspace.evaluation.tuned import Tuned, said
from shelfspace.pipeline import Source, differing, loaded, read
from shelfspace.plan import Plan
from shelfspace.shop.cases import Cases
from shelfspace.shop.reading import require_trainable
from shelfspace.shop.shop import Shop
from shelfspace.shop.splits import possible_protocols, split
from shelfspace.tunable import BLEND, changed, checked, linear_digest, planned, start_of


def tune(
    config: Source | None = None,
    *,
    out: str | Path,
    space: Mapping[str, Any] | None = None,
    sets: Sequence[str] = (),
    trials: int = 20,
    budget: str | None = None,
    model: str = BLEND,
    pruning: Pruning = "median",
    seed: int = 0,
    resume: bool = False,
    told: Told | None = None,
    tried: Callable[[Tried], None] | None = None,
    **frames: Any,
) -> Tuned:
    """Look for the settings under which a shop is answered best on validation; the test block is never scored.

    The first trial has the settings as they are, where the space holds them. A trial reads nothing: it chooses what
    validation chooses and weighs the blend, as `train` does. Searches of linear models are kept between trials where
    their settings are the same.

    Args:
        config: a settings file, a folder with the standard names, or the settings as a mapping.
        out: the study's folder: `study.journal`, `study.json`, `best.toml`, `tune.html`.
        space: where to look, by dotted path: `{"training.learning_rate": "1e-4..1e-2 log"}`; ranges of whole numbers
            `1..4`, of numbers `0.1..0.5`, choices `a|b|c`. Laid over the file's `[tune]`.
        sets: `section.key=value`, read after the file.
        trials: how many there are to be, those of a study that is gone on with among them.
        budget: wall clock, such as `30m`: no trial is begun after it, and a trial has no more than its part, by a
            smaller `training.budget`, settled when the study begins.
        model: whose value counts; `default` is the blend.
        pruning: which trainings that fall behind are stopped: `median`, `halving` or `none`.
        seed: of what is tried.
        resume: go on with a study that was stopped, or that is to have more trials.
        told: progress.
        tried: told each trial that is over.
        frames: tables of the contract as data frames.

    Raises:
        ConfigError: a path that does not exist or cannot be tuned, a range that is empty, a folder that holds a study.
        JobError: every trial failed.

    Example:
        >>> import shelfspace as ss  # doctest: +SKIP
        >>> found = ss.tune("shop.toml", space={"model.embedding_dim": "32|64|128"}, out="tuned")  # doctest: +SKIP
        >>> found.best.settings  # doctest: +SKIP
    """
    begun, out = time.monotonic(), Path(out)
    seconds = settings.seconds(budget, "budget") if budget is not None else float("inf")
    if trials < 1:
        raise ConfigError(f"trials = {trials} must be at least 1")
    table = loaded(config, sets, frames)
    looked = places({**_written(table.pop("tune", {})), **(space or {})})
    plan = checked(table, looked, model)
    study = _study(out, looked, seed, pruning, resume=resume)
    asked = {
        "settings": json.loads(json.dumps(table, default=str)),
        "space": {path: place.text for path, place in looked.items()},
        "model": model,
        "seed": seed,
        "pruning": pruning,
    }
    _same(study.remembered("asked", asked), asked, out)
    share = study.remembered("training_budget", _share(plan, looked, seconds / trials))
    shop = read(plan, frames, None, told)
    require_trainable(shop)
    protocol = plan.evaluation.protocol or possible_protocols(shop)[0]
    about = {"protocol": protocol, "events": shop.history.num_events, "items": len(shop.catalogue)}
    _same(study.remembered("shop", about), about, out)
    running = Running(table, shop, split(shop, protocol, seed=plan.training.seed).windows, model, share, out)
    start = start_of(plan, looked)

    def found() -> Tuned:
        return _found(study, plan, model, protocol, out, trials)

    while len(study.tried) < trials and (not study.tried or time.monotonic() - begun < seconds):
        next_ = study.ask(start)
        if next_ is None:
            break
        done = _tried(study, running, *next_, _of_trial(told, len(study.tried) + 1, trials))
        _write(out, table, found())
        if tried is not None:
            tried(done)
    whole = found()
    whole = replace(whole, importance=study.importance())
    _write(out, table, whole)
    write_study(out / "tune.html", whole.to_json(), looked)
    if whole.best is None:
        raise JobError(f"all {len(whole.trials)} trials failed; the last: {whole.trials[-1].failure}")
    return whole


@dataclass(frozen=True)
class Running:
    """What every trial has in common."""

    table: settings.Table
    shop: Shop
    windows: Sequence[Cases]
    model: str
    budget: str | None
    out: Path

    def value(self, chosen: Mapping[str, Any], trial: optuna.Trial, told: Told | None) -> float:
        """Return what the run is worth on validation under some settings."""
        budget = {"training.budget": self.budget} if self.budget is not None else {}
        plan = planned(self.table, {**budget, **chosen})
        if self.model != BLEND:
            plan = replace(plan, mixing=replace(plan.mixing, models=[self.model]))
        models = models_of(plan, self.shop, told, logs=[Watched(trial)])
        needed = {self.model} | ({"learnt"} if self.model == "learnt_knn" else set())
        models = [m for m in models if self.model == BLEND or m.name in needed]
        kept = self.out / "searches" / linear_digest(plan)
        trained = [m.name for m in models if m.trained]
        _forget(kept, trained)
        value = validated(plan, self.shop, models, {"new": self.windows}, told, kept, valued=True).value
        _forget(kept, trained)
        return value


def _tried(
    study: Study, running: Running, trial: optuna.Trial, chosen: dict[str, Any], told: Told | None
) -> Tried:
    begun = time.monotonic()
    try:
        value = running.value(chosen, trial, told)
    except optuna.TrialPruned:
        return study.tell(trial, time.monotonic() - begun, pruned=True)
    except (ConfigError, JobError, np.linalg.LinAlgError, ArithmeticError, MemoryError) as problem:
        failure = f"{type(problem).__name__}: {problem}"
        return study.tell(trial, time.monotonic() - begun, failure=failure)
    if not np.isfinite(value):
        return study.tell(trial, time.monotonic() - begun, failure=f"the value is {value}")
    return study.tell(trial, time.monotonic() - begun, value=value)


def _share(plan: Plan, looked: Mapping[str, Place], seconds: float) -> str | None:
    """Return the `training.budget` under which a trial takes so long at most; None where it is left as it is."""
    searching, learning = shares(plan)
    needed = searching + learning * num_trained(plan)
    if needed <= seconds or "training.budget" in looked:
        return None
    return f"{settings.seconds(plan.training.budget, 'training.budget') * seconds / needed:.3g}s"


def _forget(kept: Path, trained: Sequence[str]) -> None:
    """Remove what a trial leaves of its training: no other trial has these settings."""
    for name in trained:
        for suffix in (".json", ".safetensors"):
            (kept / f"{name}{suffix}").unlink(missing_ok=True)


def _study(out: Path, looked: Mapping[str, Place], seed: int, pruning: Pruning, *, resume: bool) -> Study:
    out.mkdir(parents=True, exist_ok=True)
    file = out / "study.journal"
    study = Study(file, looked, seed=seed, pruning=pruning)
    if study.tried and not resume:
        raise ConfigError(
            f"{out} holds a study of {len(study.tried)} trial(s): go on with it by --resume, or name another folder"
        )
    if not resume:
        file.unlink()
        study = Study(file, looked, seed=seed, pruning=pruning)
    return study


def _same(before: Any, now: Any, out: Path) -> None:
    changed = [path.removeprefix("settings.") for path in differing(before, now)]
    if changed:
        raise ConfigError(f"--resume: {', '.join(changed)} differ from the study in {out}")


def _written(given: Any) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise ConfigError(f"tune = {given!r}: write a table [tune] of paths and ranges")
    return dict(given)


def _of_trial(told: Told | None, number: int, trials: int) -> Told | None:
    if told is None:
        return None
    return lambda what, done, total: told(f"trial {number}/{trials}: {what}", done, total)


def _found(study: Study, plan: Plan, model: str, protocol: str, out: Path, trials: int) -> Tuned:
    space = {path: place.text for path, place in study.places.items()}
    return Tuned(
        plan.evaluation.metric, model, protocol, space, study.tried, out, notes=_notes(study, trials)
    )


def _notes(study: Study, trials: int) -> list[str]:
    tried, best, notes = study.tried, study.best, list[str]()
    if len(tried) < trials:
        why = "every combination was tried" if study.is_exhausted else "the time is over; --resume goes on"
        notes.append(f"{len(tried)} of {trials} trials: {why}")
    for path, value in best.settings.items() if best is not None else ():
        if study.places[path].is_end(value):
            text = study.places[path].text
            notes.append(f"{said({path: value})} is at an end of {text}: better ones may lie beyond it")
    failed = [trial for trial in tried if trial.state == "failed"]
    if failed:
        notes.append(f"{len(failed)} of {len(tried)} trials failed; the last: {failed[-1].failure}")
    return notes


def _write(out: Path, table: settings.Table, found: Tuned) -> None:
    """Write `study.json`, and `best.toml` for `train`."""
    (out / "study.json").write_text(json.dumps(found.to_json(), ensure_ascii=False, indent=1), "utf-8")
    if found.best is not None:
        head = (
            f"# trial {found.best.number} of {len(found.trials)}: "
            f"{found.metric} of {found.model} {found.best.value:.4f} on validation, protocol {found.protocol}\n"
        )
        text = tomlkit.dumps(changed(table, found.best.settings))
        (out / "best.toml").write_text(head + text, "utf-8")
