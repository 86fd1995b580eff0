"""All that validation decides: what event kinds weigh, each model's settings, the weights of the blend."""

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from shelfspace.blend import Blend, Mode, Ranker
from shelfspace.config import extra
from shelfspace.evaluation.blending import Mixing, blended
from shelfspace.evaluation.measure import Scorer, measure
from shelfspace.evaluation.mixing import Mix
from shelfspace.evaluation.models import Asked, Model, Told, fit_all
from shelfspace.evaluation.search import Search, Settings, Trial
from shelfspace.evaluation.weighing import Weights, cutoff, reweighted, search_weights, weight_space
from shelfspace.features import Facts
from shelfspace.linear.repeat import Repeat
from shelfspace.linear.retriever import Retriever
from shelfspace.shop.cases import Cases
from shelfspace.shop.catalogue import Catalogue


@dataclass(frozen=True)
class Chosen:
    """What validation chose.

    weights: what an event counts for;
    settings: for each model, those that were tuned;
    mixes: the blend's weights by mode;
    searches: what was tried on the way, by model (`event weights` among them where there is more than one kind);
    value: the metric of the blend on the latest block of `new`, NaN where it was not asked for.
    """

    weights: Weights
    settings: dict[str, Settings]
    mixes: dict[Mode, Mix]
    searches: dict[str, Search[Any]] = field(default_factory=dict)
    value: float = math.nan

    @property
    def used(self) -> set[str]:
        """The models that answer: those with a weight in some mode."""
        return {name for mix in self.mixes.values() for name in mix.used}


def choose(
    models: Sequence[Model],
    validation: Mapping[Mode, Sequence[Cases]],
    catalogue: Catalogue,
    weights: Weights,
    num_named: int,
    *,
    metric: str = "ndcg@10",
    budget_seconds: float = 180.0,
    training_seconds: float = 60.0,
    max_trials: int = 40,
    max_cases: int = 2000,
    max_events: int = 2_000_000,
    mixing: Mixing | None = None,
    tune_weights: bool = True,
    seed: int = 0,
    checkpoint: Path | None = None,
    valued: bool = False,
    told: Told | None = None,
) -> Chosen:
    """Choose on validation, within a budget of wall clock.

    Every model gets an equal part of the time that is left, and as many trials as any other. Models are tuned on the
    items new to the user, `repeat` on all items; a shop with more than `max_events` is tuned on a sample of its users
    and fitted whole for the blend.

    Args:
        models: what to tune.
        validation: the blocks of each mode, the latest first; `new` must be there. Where there are several, settings
            are chosen for the mean over them; the blend's weights on the first. Modes share what they fit.
        catalogue: the items.
        weights: what events count for, to start from.
        num_named: how many rows of the histories are named users; the others are anonymous.
        metric: what is maximised.
        budget_seconds: wall clock for the searches; the blend's weights come after.
        training_seconds: wall clock for the first training of a model that is trained.
        max_trials: for each model.
        max_cases: cases scored in a trial.
        max_events: events fitted in a trial.
        mixing: how the models are put together; the defaults where None.
        tune_weights: choose what events count for; else it is what `weights` says.
        seed: of every draw.
        checkpoint: a folder; a search that is finished is written there, and not made again when it is found there.
        valued: measure the blend, too: one pass over `max_cases` cases.
        told: progress.
    """
    begun = time.monotonic()
    searches: dict[str, Search[Any]] = {}
    space = weight_space(weights, validation["new"][0].fit, num_named) if tune_weights else {}
    if space:
        found = _kept(
            checkpoint,
            "event weights",
            lambda: search_weights(
                validation["new"], space, weights, num_named, catalogue, metric, max_cases, max_events, seed
            ),
        )
        weights, searches["event weights"] = weights.times(found.best), found
    validation = {
        mode: [reweighted(cases, weights, num_named) for cases in windows]
        for mode, windows in validation.items()
    }
    settings: dict[str, Settings] = {}
    linear = [model for model in models if not model.trained]
    for n, model in enumerate([*linear, *(model for model in models if model.trained)]):
        if told is not None:
            told(f"tuning {model.name}", n, len(models))
        windows = validation["any" if model.part is Repeat and "any" in validation else "new"]
        left = max(0.0, budget_seconds - (time.monotonic() - begun)) / max(1, len(linear) - n)
        if model.trained:
            left = training_seconds
        found = _kept(
            checkpoint,
            model.name,
            lambda: model.tuned(  # noqa: B023
                windows,  # noqa: B023
                catalogue,
                Asked(metric, left, max_trials, max_cases, max_events, seed, checkpoint, dict(settings)),  # noqa: B023
            ),
        )
        searches[model.name], settings[model.name] = found, found.best
    if told is not None:
        told("weighing the blend", len(models), len(models))
    mixing = mixing or Mixing()
    entering = [model for model in models if not mixing.models or model.name in mixing.models]
    # fitting every model once more costs more than a second window brings to the weights; a ranker needs it
    pasts = [cases.fit for cases in validation["new"][: mixing.num_windows]]
    fitted = [fit_all(entering, settings, past, catalogue) for past in pasts]
    mixes = blended(validation, fitted, catalogue, mixing, k=cutoff(metric), max_cases=max_cases, seed=seed)
    value = math.nan
    if valued:
        facts = Facts.of(validation["new"][0].fit, catalogue)
        blend = blend_of(fitted[0], mixes, mixing.num_candidates, facts)
        sample = validation["new"][0].sample(max_cases, seed=seed)
        scorers: dict[str, Scorer] = {"": lambda queries, allowed: blend.scores(queries, allowed, "new")}
        value = measure(sample, scorers, ks=(cutoff(metric),))[""].mean(metric)
    return Chosen(weights, settings, mixes, searches, value)


def blend_of(
    fitted: Mapping[str, Retriever],
    mixes: Mapping[Mode, Mix],
    num_candidates: int,
    facts: Facts | None = None,
) -> Blend:
    """Put the fitted models together as was chosen; a mode that has no weights takes those of the other.

    Args:
        fitted: the models.
        mixes: what was chosen for each mode.
        num_candidates: how many candidates each model names.
        facts: what the past that the models were fitted on says of the items; a ranker needs them.
    """
    weights = {mode: mix.weights for mode, mix in mixes.items()}
    slices = {mode: mix.slices for mode, mix in mixes.items()}
    weights.setdefault("any", weights["new"])
    slices.setdefault("any", slices["new"])
    names = [n for n in mixes["new"].weights if n in fitted]
    rankers: dict[Mode, Ranker] = {}
    for mode, mix in mixes.items():
        if mix.trees is not None and facts is not None:
            ranking = extra("shelfspace.ranker", "lightgbm", "'shelfspace[rank]'")
            rankers[mode] = ranking.Ranker(
                mix.weights, facts, mix.trees, repeats=mode == "any", num_candidates=num_candidates
            )
    return Blend({n: fitted[n] for n in names}, mixes["new"].scales, weights, num_candidates, slices, rankers)


def _kept(checkpoint: Path | None, name: str, search: Callable[[], Search[Any]]) -> Search[Any]:
    """Return the search as an earlier run left it, or make it and leave it."""
    if checkpoint is None:
        return search()
    file = checkpoint / f"{name.replace(' ', '_')}.json"
    if file.is_file():
        saved = json.loads(file.read_text("utf-8"))
        trials = tuple(
            Trial(
                t["settings"],
                np.nan if t["value"] is None else t["value"],
                t["seconds"],
                t.get("failure", ""),
            )
            for t in saved["trials"]
        )
        return Search(saved["best"], saved["value"], trials)
    found = search()
    checkpoint.mkdir(parents=True, exist_ok=True)
    beside = file.with_suffix(".new")
    beside.write_text(json.dumps(found.to_json()), "utf-8")
    beside.replace(file)
    return found
