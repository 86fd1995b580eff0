"""Where a model is good and where it is not: cold, head and tail items; users by the length of their history.

B cases, N items.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shelfspace.evaluation.measure import PerUser
from shelfspace.evaluation.metrics import Values
from shelfspace.shop.cases import Cases
from shelfspace.shop.history import History
from shelfspace.slicing import BY_LENGTH

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Slice:
    """Some of the cases, or of what is asked: how many cases it has, and each model's metrics over them [B].

    NaN in a metric: the case is not in the slice.
    """

    cases: int
    metrics: dict[str, dict[str, Values]]


def item_slices(fit: History) -> dict[str, Mask]:
    """Return the slices of items, bool [N] by name, to be given to `measure`.

    `head items` are the most taken that together have half of the training events, `tail items` the others
    that have any, `cold items` those that have none.

    Args:
        fit: what was learnt from.
    """
    counts = np.bincount(fit.item, minlength=fit.num_items)
    order = np.argsort(-counts, kind="stable")
    before = np.cumsum(counts[order]) - counts[order]
    head = np.zeros(fit.num_items, bool)
    head[order] = before < fit.num_events / 2
    head &= counts > 0
    return {"head items": head, "tail items": (counts > 0) & ~head, "cold items": counts == 0}


def user_slices(queries: History) -> dict[str, Mask]:
    """Return the slices of cases by how many events their history has, bool [B] by name."""
    return length_slices(queries.lengths())


def length_slices(lengths: npt.NDArray[np.integer]) -> dict[str, Mask]:
    """Return the same for lengths of histories, [B]."""
    return {part.name: part.has(lengths) for part in BY_LENGTH}


def sliced(cases: Cases, results: Mapping[str, PerUser]) -> dict[str, Slice]:
    """Return the metrics of every slice that has cases, item slices as `measure` was given them.

    Args:
        cases: what was measured, the sample where there was one.
        results: what `measure` gave for it.
    """
    found = {}
    for name, rows in user_slices(cases.queries).items():
        metrics = {
            model: {metric: np.where(rows, values, np.nan) for metric, values in result.metrics.items()}
            for model, result in results.items()
        }
        found[name] = Slice(int(rows.sum()), metrics)
    for name in next(iter(results.values())).slices if results else ():
        by_model = {model: result.slices[name] for model, result in results.items()}
        some = next(iter(next(iter(by_model.values())).values()))
        found[name] = Slice(int((~np.isnan(some)).sum()), by_model)
    return {name: part for name, part in found.items() if part.cases}
