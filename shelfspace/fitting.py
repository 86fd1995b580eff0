"""What tasks learn of their own, in training or by `shelfspace fit RUN TASK`; and a space of listings alone."""

from dataclasses import replace
from typing import Any

import numpy as np

from shelfspace import config as settings
from shelfspace.blend import Blend
from shelfspace.encode.learnt import Learnt
from shelfspace.errors import DataError
from shelfspace.evaluation.matched import matched
from shelfspace.evaluation.models import Told
from shelfspace.index import open_index
from shelfspace.linear.vectors import ItemVectors, unit_rows
from shelfspace.matching.fitted import FittedMatch, kept, learnt_from
from shelfspace.matching.labelled import Labelled
from shelfspace.matching.matcher import Match
from shelfspace.plan import Plan
from shelfspace.shop.shop import Shop
from shelfspace.space import Space

FITS = ("match",)
"""Tasks that learn something."""

TRAINING_SHARE = 0.45
"""The part of the budget that one of the two trainings of a shop of listings may take."""


def fit_tasks(plan: Plan, shop: Shop, told: Told | None = None) -> dict[str, FittedMatch]:
    """Fit the tasks that have a section in the settings.

    Raises:
        ConfigError: a section names a column that the items lack.
        MissingExtraError: there are labelled pairs, and LightGBM is not installed.
    """
    if plan.match is None:
        return {}
    if told is not None:
        told("matching listings", 0, 1)
    labelled, seed = Labelled.of(shop.tables.get("matches"), shop.catalogue.ids), plan.training.seed
    matcher, compared = learnt_from(plan.match, shop.catalogue, labelled, seed=seed)
    found = matcher.found(compared)
    figures = matched(matcher, compared, found, labelled, seed=seed)
    return {"match": FittedMatch(matcher, kept(found), figures, labelled.notes)}


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
    learning = settings.extra("shelfspace.learning.listings", "torch", "shelfspace[train]")
    of_recipe = settings.recipe(plan.table["recipe"]["use"]).get("objectives")
    if plan.table["objectives"] == of_recipe and learning.needing_events(plan.learning):
        return None, {}
    found: tuple[Learnt, dict[str, Any]] = learning.learnt_from_listings(
        plan.learning,
        shop,
        seed=plan.training.seed,
        budget_seconds=TRAINING_SHARE * settings.seconds(plan.training.budget, "training.budget"),
        told=told,
    )
    return found


def measured(tasks: dict[str, FittedMatch]) -> dict[str, Any]:
    """Return what `metrics.json` says of tasks, by their names."""
    return {name: dict(fitted.measured) for name, fitted in tasks.items()}
