"""What tasks learn of their own, in training or by `shelfspace fit RUN TASK`; and a space of listings alone."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from shelfspace import config
from shelfspace.blend import Blend
from shelfspace.classifying.classifier import Classify
from shelfspace.classifying.fitted import FittedClassify
from shelfspace.classifying.learning import learnt_from as classifier_of
from shelfspace.encode.learnt import Learnt
from shelfspace.errors import DataError, MissingExtraError
from shelfspace.evaluation.classified import classified
from shelfspace.evaluation.matched import matched
from shelfspace.evaluation.models import Told
from shelfspace.index import open_index
from shelfspace.inputs.pretrained import PhotoVectors, TextVectors
from shelfspace.linear.vectors import ItemVectors, unit_rows
from shelfspace.matching.fitted import FittedMatch, kept, learnt_from
from shelfspace.matching.labelled import Labelled
from shelfspace.matching.matcher import Match
from shelfspace.plan import Plan
from shelfspace.shop.shop import Shop
from shelfspace.space import Space
from shelfspace.stored import Fitted

FITS = ("classify", "match")
"""Tasks that learn something."""

TRAINING_SHARE = 0.45
"""The part of the budget that one of the two trainings of a shop of listings may take."""


def fit_tasks(
    plan: Plan, shop: Shop, told: Told | None = None, *, only: Collection[str] = FITS
) -> dict[str, Fitted]:
    """Fit the tasks that have a section in the settings.

    Args:
        plan: the settings.
        shop: its data.
        told: progress.
        only: of these tasks.

    Raises:
        ConfigError: a section names a column that the items lack.
        DataError: there is nothing to learn from.
        MissingExtraError: there are labelled pairs, and LightGBM is not installed.
    """
    found: dict[str, Fitted] = {}
    if plan.match is not None and "match" in only:
        if told is not None:
            told("matching listings", 0, 1)
        found["match"] = _matching(plan.match, shop, plan.training.seed)
    if plan.classify is not None and "classify" in only:
        if told is not None:
            told("classifying listings", 0, 1)
        found["classify"] = _classifying(plan.classify, shop, plan.training.seed)
    return found


def _matching(settings: Match, shop: Shop, seed: int) -> FittedMatch:
    labelled = Labelled.of(shop.tables.get("matches"), shop.catalogue.ids)
    matcher, compared = learnt_from(settings, shop.catalogue, labelled, seed=seed)
    found = matcher.found(compared)
    figures = matched(matcher, compared, found, labelled, seed=seed)
    return FittedMatch(matcher, kept(found), figures, labelled.notes)


def _classifying(settings: Classify, shop: Shop, seed: int) -> FittedClassify:
    frozen, notes = _encoders(settings, shop)
    learnt = classifier_of(settings, shop.catalogue, frozen, seed=seed)
    figures = classified(learnt, seed=seed)
    return FittedClassify(
        learnt.classifier, learnt.answers, learnt.suspects, figures, (*learnt.notes, *notes)
    )


def _encoders(settings: Classify, shop: Shop) -> tuple[dict[str, PhotoVectors | TextVectors], list[str]]:
    """Return the frozen encoders that the settings name; without photos, or what reads them, none for photos."""
    found: dict[str, PhotoVectors | TextVectors] = {}
    notes = []
    if "photo" in settings.encoders and shop.catalogue.column("image") is not None:
        try:
            found["photo"] = _encoder("Image", "'shelfspace[image]'")
        except MissingExtraError as problem:
            notes.append(f"photos are not looked at: {problem}")
    if "transformer" in settings.encoders:
        found["transformer"] = _encoder("Transformer", "'shelfspace[text]'", columns=list(settings.read))
    return found, notes


def _encoder(name: str, install: str, **given: Any) -> PhotoVectors | TextVectors:
    module = config.extra("shelfspace.encoders.pretrained", "torch", install)
    reader: PhotoVectors | TextVectors = getattr(module, name)(**given).reader()
    return reader


def space_of_listings(plan: Plan, shop: Shop, told: Told | None = None) -> tuple[Space, dict[str, Any]]:
    """Return the space of a shop without events, from what its listings say, and `metrics.json`.

    With `[[objectives]]` an item tower is learnt; without, its vectors are of titles in closed form. It matches
    listings and finds similar ones, and has nothing to recommend by.

    Raises:
        ConfigError: an objective's pairs need events.
        DataError: the listings say nothing.
    """
    tasks = fit_tasks(replace(plan, match=plan.match or Match()), shop, told)
    learnt, figures = _learnt(plan, shop, told)
    if learnt is not None:
        vectors, blocks, listed = unit_rows(learnt.vectors), {"learnt": learnt.vectors.shape[1]}, None
    else:
        # without behaviour to be joined with, content lies as its words do: a phrase is a part of a listing
        made = ItemVectors(content_power=1.0).learn(shop.history, shop.catalogue)
        vectors, blocks, listed = made.vectors, made.blocks, made.listed
    if not vectors.any():
        raise DataError(
            "there are no events, and the items have no title or other content to learn from: "
            "map the columns in [items]"
        )
    index = open_index(plan.indexing.use, vectors.shape[1])
    index.add(np.arange(len(vectors), dtype=np.int32), vectors)
    retrievers: dict[str, Any] = {"learnt": learnt} if learnt is not None else {}
    space = Space(
        catalogue=shop.catalogue,
        users=shop.users,
        history=shop.history,
        kinds={},
        vectors=vectors,
        blocks=blocks,
        index=index,
        listed=listed,
        blend=Blend(retrievers, dict.fromkeys(retrievers, 1.0), {"new": {}, "any": {}}),
        address=plan.indexing.use,
        tasks=tasks,
    )
    told_of = {"learnt": figures} if figures else {}
    return space, {"headline": "f1", "protocols": {}} | told_of | measured(tasks)


def _learnt(plan: Plan, shop: Shop, told: Told | None) -> tuple[Learnt | None, dict[str, Any]]:
    """Return the towers that the listings teach; none where there are no objectives but a recipe's for events."""
    if plan.learning is None:
        return None, {}
    learning = config.extra("shelfspace.learning.listings", "torch", "shelfspace[train]")
    of_recipe = config.recipe(plan.table["recipe"]["use"]).get("objectives")
    if plan.table["objectives"] == of_recipe and learning.needing_events(plan.learning):
        return None, {}
    found: tuple[Learnt, dict[str, Any]] = learning.learnt_from_listings(
        plan.learning,
        shop,
        seed=plan.training.seed,
        budget_seconds=TRAINING_SHARE * config.seconds(plan.training.budget, "training.budget"),
        told=told,
    )
    return found


def measured(tasks: Mapping[str, Fitted]) -> dict[str, Any]:
    """Return what `metrics.json` says of tasks, by their names."""
    return {name: dict(fitted.measured) for name, fitted in tasks.items()}
