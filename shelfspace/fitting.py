"""What tasks learn of their own, in training or by `shelfspace fit RUN TASK`; and a space of listings alone."""

from dataclasses import replace
from typing import Any

import numpy as np

from shelfspace.blend import Blend
from shelfspace.errors import DataError
from shelfspace.evaluation.matched import matched
from shelfspace.evaluation.models import Told
from shelfspace.index import open_index
from shelfspace.linear.vectors import ItemVectors
from shelfspace.matching.fitted import FittedMatch, kept, learnt_from
from shelfspace.matching.labelled import Labelled
from shelfspace.matching.matcher import Match
from shelfspace.plan import Plan
from shelfspace.shop.shop import Shop
from shelfspace.space import Space

FITS = ("match",)
"""Tasks that learn something."""


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

    Its vectors are of content alone; it matches listings and finds similar ones, and has nothing to recommend by.

    Raises:
        DataError: the listings say nothing.
    """
    tasks = fit_tasks(replace(plan, match=plan.match or Match()), shop, told)
    # without behaviour to be joined with, content lies as its words do: a phrase is a part of a listing
    learnt = ItemVectors(content_power=1.0).learn(shop.history, shop.catalogue)
    if not learnt.vectors.any():
        raise DataError(
            "there are no events, and the items have no title or other content to learn from: "
            "map the columns in [items]"
        )
    index = open_index(plan.indexing.use, learnt.vectors.shape[1])
    index.add(np.arange(len(learnt.vectors), dtype=np.int32), learnt.vectors)
    space = Space(
        catalogue=shop.catalogue,
        users=shop.users,
        history=shop.history,
        kinds={},
        vectors=learnt.vectors,
        blocks=learnt.blocks,
        index=index,
        listed=learnt.listed,
        blend=Blend({}, {}, {"new": {}, "any": {}}),
        address=plan.indexing.use,
        tasks=tasks,
    )
    return space, {"headline": "f1", "protocols": {}} | measured(tasks)


def measured(tasks: dict[str, FittedMatch]) -> dict[str, Any]:
    """Return what `metrics.json` says of tasks, by their names."""
    return {name: dict(fitted.measured) for name, fitted in tasks.items()}
