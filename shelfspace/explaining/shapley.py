"""Shapley values: what each part adds to an outcome, over all orders in which the parts may come.

P parts, S coalitions (which parts are there), A outcomes of each.
"""

from collections.abc import Callable
from math import factorial

import numpy as np
import numpy.typing as npt

Flags = npt.NDArray[np.bool_]
Values = npt.NDArray[np.float64]
Outcome = Callable[[Flags], npt.NDArray[np.floating]]
"""From coalitions, bool [S, P], to outcomes, [S, A]."""

EXACT = 6
"""Of so many parts all 2^P coalitions are looked at, unless said otherwise; of more, orders are drawn."""


def shapley(
    outcome: Outcome, num_parts: int, *, orders: int = 8, exact: int = EXACT, seed: int = 0
) -> tuple[Values, Values]:
    """Return what each part adds, float64 [P, A], and the outcome without any part, [A]; all of it sums to the whole.

    Args:
        outcome: asked once, for all coalitions that are needed.
        num_parts: P.
        orders: how many orders are drawn where there are many parts; half of them are the other half reversed.
        exact: of how many parts all coalitions are looked at.
        seed: of the draws.

    Cost: 2^P coalitions up to `exact` parts (64 up to 6), else at most orders · P.

    Sources: Shapley 1953; Lundberg and Lee 2017; sampled orders: Castro, Gómez and Tejada 2009, in pairs of an order
    and its reverse: Mitchell et al. 2022.

    Example:
        >>> parts, empty = shapley(lambda there: there @ np.array([[1.0], [2.0]]) + 0.5, 2)
        >>> parts[:, 0].tolist(), empty.tolist()
        ([1.0, 2.0], [0.5])
    """
    if num_parts <= exact:
        return _exact(outcome, num_parts)
    rng = np.random.default_rng(seed)
    drawn = [rng.permutation(num_parts) for _ in range(max(1, orders // 2))]
    rank = np.stack([np.argsort(order) for each in drawn for order in (each, each[::-1])])
    steps = rank[:, None, :] < np.arange(num_parts + 1)[None, :, None]
    coalitions, place = np.unique(steps.reshape(-1, num_parts), axis=0, return_inverse=True)
    found = np.asarray(outcome(coalitions), np.float64)
    along = found[place.reshape(-1)].reshape(len(rank), num_parts + 1, -1)
    added = np.diff(along, axis=1)
    by_part = np.take_along_axis(added, rank[:, :, None], axis=1).mean(axis=0)
    return by_part, along[0, 0]


def _exact(outcome: Outcome, num_parts: int) -> tuple[Values, Values]:
    coalitions = (np.arange(2**num_parts)[:, None] >> np.arange(num_parts)) & 1 > 0
    found = np.asarray(outcome(coalitions), np.float64)
    size = coalitions.sum(axis=1)
    weight = np.array(
        [factorial(n) * factorial(num_parts - n - 1) for n in range(num_parts)], np.float64
    ) / factorial(num_parts)
    parts = np.zeros((num_parts, found.shape[1]))
    for part in range(num_parts):
        without = np.flatnonzero(~coalitions[:, part])
        gain = found[without + (1 << part)] - found[without]
        parts[part] = weight[size[without]] @ gain
    return parts, found[0]
