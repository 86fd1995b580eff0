"""What is told beside the parts of a score: what joins an answer to a past, and what would take it off the list."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from shelfspace.explaining.counterfactual import Ask, counterfactuals
from shelfspace.explaining.graph import FittedExplain
from shelfspace.explaining.paths import Joins
from shelfspace.holding import Holding
from shelfspace.shop.history import History
from shelfspace.tasks.results import Value, Why
from shelfspace.tasks.ruled import blocked_items

MOST_COUNTERED = 20
"""Answers of a list of which it is looked for what would take them off it."""

STRONGEST = 2
"""Past items from which paths to an answer are told, those that count most."""

AT_ONCE = 8_000_000
"""Scores held at once, for each retriever: 32 MB of float32."""


def joins_of(space: Holding) -> Joins:
    """Return what joins the items of a space: the relations that were kept, and values of the catalogue."""
    fitted = space.tasks.get("explain")
    graph = fitted.graph if isinstance(fitted, FittedExplain) else None
    return Joins(space.catalogue, space.titles, graph, blocked_items(space))


def beside(
    joins: Joins,
    past: History,
    rows: npt.NDArray[np.int32],
    parts: Sequence[tuple[Why, ...]],
    k: int,
    ask: Ask,
) -> list[dict[str, Value]]:
    """Return `unless` and `paths` of each answer to one shopper.

    Args:
        joins: what joins the items.
        past: the history of the shopper.
        rows: the answers.
        parts: of each answer's score.
        k: how long the list is.
        ask: what scores other pasts of the shopper.
    """
    ids = joins.catalogue.ids
    named = [{p.item_id: abs(p.amount) for p in reversed(some) if p.item_id is not None} for some in parts]
    counts = Counter[str]()
    for one in named:
        counts.update(one)
    likely = [ids.row(text) for text, _ in counts.most_common()]
    at_once = max(1, min(64, AT_ONCE // max(1, len(ids))))
    tried = [*likely, *past.item[::-1].tolist()]
    sets = counterfactuals(past, rows[:MOST_COUNTERED], k, ask, tried, at_once=at_once)
    unless: list[Value] = [None if joins.hides(some) else ids.texts(some) for some in sets]
    unless += [None] * (len(rows) - len(unless))
    strongest = [[ids.row(text) for text in sorted(one, key=lambda t: -one[t])[:STRONGEST]] for one in named]
    return [
        {"unless": without, "paths": joins.told(ones, row)}
        for without, ones, row in zip(unless, strongest, rows.tolist(), strict=True)
    ]
