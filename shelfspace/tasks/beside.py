"""What is told beside the parts of a recommendation: what would take it off, and how it is joined to the past."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from shelfspace.explaining.counterfactual import Ask, counterfactuals
from shelfspace.explaining.paths import Joins
from shelfspace.holding import Holding
from shelfspace.shop.history import History
from shelfspace.tasks.results import Value, Why
from shelfspace.tasks.ruled import blocked_items

MOST_COUNTERED = 20
"""Answers of a list of which it is looked for what would take them off it."""
BLOCK_VALUES = 8_000_000


def beside(
    space: Holding,
    joins: Joins,
    past: History,
    rows: npt.NDArray[np.int32],
    parts: Sequence[tuple[Why, ...]],
    k: int,
    ask: Ask,
) -> list[dict[str, Value]]:
    """Return `unless` and `paths` of each answer to one user.

    Args:
        space: an open space.
        joins: what joins its items.
        past: what the user did.
        rows: the answers.
        parts: what their scores are made of.
        k: how many were asked for.
        ask: scores of other pasts.
    """
    ids, blocked = space.catalogue.ids, blocked_items(space)
    named = [{p.item_id: abs(p.amount) for p in reversed(some) if p.item_id is not None} for some in parts]
    counts = Counter[str]()
    for one in named:
        counts.update(one)
    likely = [ids.row(text) for text, _ in counts.most_common()]
    at_once = max(1, min(64, BLOCK_VALUES // max(1, len(space.catalogue))))
    tried = [*likely, *past.item[::-1].tolist()]
    sets = counterfactuals(past, rows[:MOST_COUNTERED], k, ask, tried, at_once=at_once)
    unless: list[Value] = [None if blocked[list(some)].any() else ids.texts(some) for some in sets]
    unless += [None] * (len(rows) - len(unless))
    strongest = [[ids.row(text) for text in sorted(one, key=lambda t: -one[t])[:2]] for one in named]
    return [
        {"unless": without, "paths": joins.told(ones, row)}
        for without, ones, row in zip(unless, strongest, rows.tolist(), strict=True)
    ]
