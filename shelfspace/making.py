"""Spaces: of a shop with events, and of listings alone."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from shelfspace import config
from shelfspace.blend import Blend
from shelfspace.deciding import num_named
from shelfspace.encode.autoencoder import Autoencoded
from shelfspace.encode.learnt import Learnt
from shelfspace.errors import DataError
from shelfspace.evaluation import choosing
from shelfspace.evaluation.choosing import Chosen
from shelfspace.evaluation.models import Model, Told, fit_all
from shelfspace.features import Facts
from shelfspace.fitting import fit_tasks, measured
from shelfspace.index import open_index
from shelfspace.linear.retriever import Retriever
from shelfspace.linear.vectors import ItemVectors, Listed, unit_rows
from shelfspace.matching.matcher import Match
from shelfspace.plan import Plan
from shelfspace.shop.history import History
from shelfspace.shop.shop import Shop
from shelfspace.space import Space

TRAINING_SHARE = 0.45
"""The part of the budget that one of the two trainings of a shop of listings may take."""


def space_of_events(plan: Plan, shop: Shop, models: list[Model], chosen: Chosen, told: Told | None) -> Space:
    """Fit the models that answer, and the vectors, on all events."""
    history = chosen.weights.of(shop.history, num_named(shop))
    if history.clock == "calendar":
        history = replace(history, now=float(history.time.max()))
    needed = ItemVectors | Learnt | Autoencoded
    used = [
        m
        for m in models
        if m.name in chosen.used or (issubclass(m.part, needed) and m.name not in plan.members)
    ]
    fitted = fit_all(used, chosen.settings, history, shop.catalogue, told=told)
    vectors, blocks, listed = _vectors(fitted, history, shop)
    index = open_index(plan.indexing.use, vectors.shape[1])
    index.add(np.arange(len(vectors), dtype=np.int32), vectors)
    return Space(
        catalogue=shop.catalogue,
        users=shop.users,
        history=history,
        kinds=chosen.weights.kinds,
        vectors=vectors,
        blocks=blocks,
        index=index,
        listed=listed,
        blend=choosing.blend_of(
            fitted, chosen.mixes, plan.mixing.num_candidates, Facts.of(history, shop.catalogue)
        ),
        address=plan.indexing.use,
    )


def _vectors(
    fitted: Mapping[str, Retriever], history: History, shop: Shop
) -> tuple[npt.NDArray[np.float32], dict[str, int], Listed | None]:
    """Return the space's vectors and their blocks: of towers, else factorised by name, else what rebuilds rows.

    The last is where listings that come later lie, where it is not the towers that say it.
    """
    factorised = [part for part in fitted.values() if isinstance(part, ItemVectors)]
    for part in fitted.values():
        if isinstance(part, Learnt):
            return unit_rows(part.vectors), {"learnt": part.vectors.shape[1]}, None
    for part in fitted.values():
        if isinstance(part, Autoencoded) and not factorised:
            return unit_rows(part.vectors), {"autoencoder": part.vectors.shape[1]}, None
    space = factorised[0] if factorised else ItemVectors().learn(history, shop.catalogue)
    return space.vectors, space.blocks, space.listed


def space_of_listings(plan: Plan, shop: Shop, told: Told | None = None) -> tuple[Space, dict[str, Any]]:
    """Return the space of a shop without events, from what its listings say, and `metrics.json`.

    With `[[objectives]]` an item tower is learnt; without, its vectors are of titles in closed form. It matches
    listings and finds similar ones, and has nothing to recommend by.

    Raises:
        ConfigError: an objective's pairs need events.
        DataError: the listings say nothing.
    """
    tasks = fit_tasks(replace(plan, tasks={"match": Match(), **plan.tasks}), shop, told)
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
