"""What a shop's past decides: settings and weights on validation, then the figures, once, on test."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from shelfspace import config as settings
from shelfspace.blend import Blend, Mode
from shelfspace.encode.autoencoder import Autoencoded
from shelfspace.encode.learnt import Learnt
from shelfspace.errors import ConfigError
from shelfspace.evaluation import choosing, weighing
from shelfspace.evaluation.choosing import Chosen
from shelfspace.evaluation.gate import Gate, Measured, judge
from shelfspace.evaluation.leaks import LEAKS, Leak, find_leaks
from shelfspace.evaluation.measure import Scorer, measure
from shelfspace.evaluation.models import Model, Told, fit_all
from shelfspace.evaluation.slices import item_slices
from shelfspace.evaluation.weighing import Weights
from shelfspace.features import Facts
from shelfspace.linear.content import ContentKNN
from shelfspace.linear.popularity import Popularity
from shelfspace.linear.retriever import Retriever, Scores
from shelfspace.linear.vectors import ItemVectors
from shelfspace.plan import Plan
from shelfspace.shop.cases import Cases
from shelfspace.shop.history import History
from shelfspace.shop.shop import Shop
from shelfspace.shop.splits import possible_protocols, split
from shelfspace.training.logs import Log

SEARCH_SHARE = 0.5
"""The part of the budget that searches may take; reading, measuring and the last fit need the rest."""

TRAININGS = 3
"""How often what is trained is trained: for validation, for test, and on everything. Once less where a protocol learns
from the same past for the first two."""


def decided(
    plan: Plan, shop: Shop, models: list[Model], told: Told | None, checkpoint: Path | None
) -> tuple[Chosen, Gate]:
    """Choose on validation, then measure once on test what was fitted without it."""
    first = plan.evaluation.protocol or possible_protocols(shop)[0]
    modes: dict[Mode, str] = {"new": first} if first != "time" else {"new": "time", "any": "time-any"}
    blocks = {mode: split(shop, protocol, seed=plan.training.seed) for mode, protocol in modes.items()}
    windows: dict[Mode, Sequence[Cases]] = {mode: block.windows for mode, block in blocks.items()}
    shared = blocks["new"].validation.fit is blocks["new"].test.fit
    chosen = validated(plan, shop, models, windows, told, checkpoint, trainings=TRAININGS - shared)
    tests = {
        mode: weighing.reweighted(block.test, chosen.weights, num_named(shop))
        for mode, block in blocks.items()
    }
    gate = _measured(plan, models, shop, tests, chosen, told)
    blend = {mode: mix.to_json() for mode, mix in chosen.mixes.items()}
    return chosen, replace(gate, metrics=gate.metrics | {"blend": blend})


def validated(
    plan: Plan,
    shop: Shop,
    models: list[Model],
    windows: Mapping[Mode, Sequence[Cases]],
    told: Told | None,
    checkpoint: Path | None,
    *,
    trainings: int = TRAININGS,
    valued: bool = False,
) -> Chosen:
    """Choose all that validation decides, within the part of the budget that is for it."""
    training = plan.training
    searching, learning = shares(plan, trainings)
    return choosing.choose(
        models,
        windows,
        shop.catalogue,
        _weights(shop, training.anonymous),
        num_named(shop),
        metric=plan.evaluation.metric,
        budget_seconds=searching,
        training_seconds=learning,
        max_trials=training.max_trials,
        max_cases=training.tune_cases,
        max_events=training.tune_events,
        mixing=plan.mixing,
        tune_weights=training.tune_weights,
        seed=training.seed,
        checkpoint=checkpoint,
        valued=valued,
        told=told,
    )


def shares(plan: Plan, trainings: int = TRAININGS) -> tuple[float, float]:
    """Return the seconds of the budget that are for searches, and for one of so many trainings of towers."""
    budget = settings.seconds(plan.training.budget, "training.budget")
    share = plan.training.training_share
    return budget * max(0.05, SEARCH_SHARE - trainings * share * num_trained(plan)), budget * share


def models_of(
    plan: Plan,
    shop: Shop,
    told: Told | None = None,
    *,
    start: Path | None = None,
    same_shop: bool = False,
    out: Path | None = None,
    logs: Sequence[Log] = (),
) -> list[Model]:
    """Return the run's models: the linear ones, the towers where any are to be learnt, the autoencoder if any.

    Args:
        plan: the settings.
        shop: the clean shop.
        told: progress.
        start: a run whose towers these begin from.
        same_shop: its ids are this shop's, and keep their vectors.
        out: the run folder, for what `training.log` names.
        logs: told each epoch of the towers as well; one that raises ends the training.

    Raises:
        MissingExtraError: something is to be learnt and torch is not installed.
        ConfigError: there is a run to start from, and nothing to be trained; a column that the autoencoder is to
            foretell is missing.
        DataError: such a column has nothing to foretell.
        SpaceError: that run is missing or damaged, or nothing in it was trained.
    """
    models: list[Model] = [*plan.models, *_autoencoder(plan, shop, told, out)]
    if plan.learning is None:
        if start is not None:
            raise ConfigError(
                "there is a run to start from, but nothing to train: the recipe has no [[objectives]]"
            )
        return models
    begun = None
    if start is not None:
        begun = settings.extra("shelfspace.learning.start", "torch", "shelfspace[train]").Start.of_run(
            start, same_shop=same_shop
        )
    learning = settings.extra("shelfspace.learning.trained", "torch", "shelfspace[train]")
    towers = learning.trained_model(
        plan.learning, shop, seed=plan.training.seed, told=told, start=begun, logs=plan.training.log, out=out
    )
    towers.logs = (*towers.logs, *logs)
    seed = plan.training.seed
    members = [
        learning.trained_model(of, shop, name=name, seed=seed + n, told=told)
        for n, (name, of) in enumerate(plan.members.items(), start=1)
    ]
    if plan.neighbours is None:
        return [*models, towers, *members]
    near = settings.extra("shelfspace.learning.neighbours", "torch", "shelfspace[train]")
    neighbours = near.NeighboursModel(towers, plan.neighbours)
    if plan.training.watch == neighbours.name:
        towers.watched = neighbours.over
    return [*models, towers, *members, neighbours]


def _autoencoder(plan: Plan, shop: Shop, told: Told | None, out: Path | None) -> list[Model]:
    if plan.autoencoder is None:
        return []
    learning = settings.extra("shelfspace.learning.autoencoder", "torch", "shelfspace[train]")
    return [
        learning.autoencoder_model(
            plan.autoencoder,
            shop,
            section=plan.table["autoencoder"],
            seed=plan.training.seed,
            told=told,
            logs=plan.training.log,
            out=out,
        )
    ]


def num_trained(plan: Plan) -> int:
    """Return how many of the models share the time for training."""
    return (plan.learning is not None) + len(plan.members) + (plan.autoencoder is not None)


def _measured(
    plan: Plan,
    models: list[Model],
    shop: Shop,
    tests: Mapping[Mode, Cases],
    chosen: Chosen,
    told: Told | None,
) -> Gate:
    fit = tests["new"].fit
    fitted = fit_all(models, chosen.settings, fit, shop.catalogue, told=told)
    blend = choosing.blend_of(fitted, chosen.mixes, plan.mixing.num_candidates, Facts.of(fit, shop.catalogue))
    measured = {}
    for mode, cases in tests.items():
        scorers: dict[str, Scorer] = {"default": partial(_blended, blend, mode)}
        scorers |= {name: weighing.alone(part) for name, part in fitted.items()}
        sample = cases.sample(plan.evaluation.max_cases, seed=plan.training.seed)
        measured[cases.protocol] = Measured(
            sample,
            measure(
                sample,
                scorers,
                ks=plan.evaluation.ks,
                item_slices=item_slices(cases.fit),
                progress=partial(told, f"measuring, {cases.protocol}") if told is not None else None,
            ),
        )
    gate = judge(
        measured,
        users=shop.users,
        baselines=plan.evaluation.baselines,
        headline=plan.evaluation.metric,
        leaks=_leaks(tests["new"], fitted, shop),
        looked_for=LEAKS,
        vectors=_vectors_of(fitted),
        seed=plan.training.seed,
    )
    foretold = {name: part.foretold for name, part in fitted.items() if isinstance(part, Autoencoded)}
    if any(foretold.values()):
        gate.metrics["foretold"] = foretold
    return gate


def _blended(blend: Blend, mode: Mode, queries: History, allowed: npt.NDArray[np.bool_]) -> Scores:
    return blend.scores(queries, allowed, mode)


def _leaks(cases: Cases, fitted: Mapping[str, Retriever], shop: Shop) -> list[Leak]:
    """Look for every leak; of the models, those that are cheap to fit twice stand for what all were given."""
    cheap = {name: part for name, part in fitted.items() if isinstance(part, Popularity | ContentKNN)}
    cases = replace(cases, fit=weighing.learnable(cases.fit))
    given = dict.fromkeys(fitted, cases.fit)
    return find_leaks(cases, history=shop.history, catalogue=shop.catalogue, fitted=given, parts=cheap)


def _vectors_of(fitted: Mapping[str, Retriever]) -> npt.NDArray[np.float32] | None:
    learnt = [part.vectors for part in fitted.values() if isinstance(part, Learnt)]
    factorised = [part.vectors for part in fitted.values() if isinstance(part, ItemVectors)]
    rebuilding = [part.vectors for part in fitted.values() if isinstance(part, Autoencoded)]
    return next(iter(learnt + factorised + rebuilding), None)


def num_named(shop: Shop) -> int:
    """How many rows are users with a name; in a shop without any, all rows count as that."""
    return len(shop.users) or shop.history.num_users


def _weights(shop: Shop, anonymous: float) -> Weights:
    """Return what an event counts for, as the settings start it."""
    weights = np.ones(len(shop.kinds), np.float32)
    weights[shop.history.kind] = shop.history.weight
    return Weights(dict(zip(shop.kinds, weights.tolist(), strict=True)), anonymous)
