"""A pair among its rivals: the other pairs of either listing. P pairs."""

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from shelfspace.matching.blocking import Pairs

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

NAMES: tuple[str, ...] = (
    *(f"{name}, {side}" for side in ("left", "right") for name in ("rank", "margin", "rival")),
    "assigned",
)


def rivalry(pairs: Pairs, score: Floats) -> npt.NDArray[np.float32]:
    """Return how each pair stands among those of either listing, float32 [P, 7].

    For each side the pair's rank from 0, how far above its best rival it is, and that rival's score (0 where it has
    none); and whether the one-to-one assignment has it; see `NAMES`. O(P log P), and the assignment.
    """
    columns = [column for end in (pairs.left, pairs.right) for column in _side(end, score)]
    return np.column_stack([*columns, assigned(pairs, score)]).astype(np.float32)


def best_rivals(pairs: Pairs, score: Floats, chosen: Flags) -> Floats:
    """Return, of both listings of every chosen pair, the best score among the pairs that were not chosen."""
    found = []
    for end in (pairs.left, pairs.right):
        best = np.full(int(end.max(initial=-1)) + 1, -np.inf)
        np.maximum.at(best, end[~chosen], score[~chosen])
        found.append(best[end[chosen]])
    rivals: Floats = np.concatenate(found)
    return rivals[np.isfinite(rivals)]


def assigned(pairs: Pairs, score: Floats) -> Flags:
    """Return which pairs the one-to-one assignment with the largest sum of scores has, bool [P].

    Where pairs are of two sources each listing has one partner at most. Where any listing may be on either side, a pair
    is chosen that is the best of both.

    Cost: of a sparse assignment, Jonker and Volgenant 1987; near linear where few pairs compete.
    """
    chosen = np.zeros(len(pairs), bool)
    if not len(pairs):
        return chosen
    if np.intersect1d(pairs.left, pairs.right).size:
        chosen[:] = (_side(pairs.left, score)[0] == 0) & (_side(pairs.right, score)[0] == 0)
        return chosen & _best_of_all(pairs, score)
    left, row = np.unique(pairs.left, return_inverse=True)
    right, column = np.unique(pairs.right, return_inverse=True)
    kept = np.flatnonzero(score > 0.0)
    # everyone may also stay alone: a column of its own, which gains next to nothing
    alone = 1e-9
    place = (
        np.concatenate([row[kept], np.arange(len(left))]),
        np.concatenate([column[kept], len(right) + np.arange(len(left))]),
    )
    gain = np.concatenate([score[kept] + alone, np.full(len(left), alone)])
    graph = sparse.csr_array((gain, place), shape=(len(left), len(right) + len(left)))
    rows, columns = min_weight_full_bipartite_matching(graph, maximize=True)
    partner = np.full(len(left), -1)
    partner[rows] = columns
    chosen[kept] = partner[row[kept]] == column[kept]
    return chosen


def _best_of_all(pairs: Pairs, score: Floats) -> Flags:
    """Whether a pair is the best of both its listings, on whichever side they stand."""
    best = np.full(int(pairs.right.max()) + 1, -np.inf)
    np.maximum.at(best, pairs.left, score)
    np.maximum.at(best, pairs.right, score)
    flags: Flags = (score >= best[pairs.left]) & (score >= best[pairs.right])
    return flags


def _side(end: npt.NDArray[np.int64], score: Floats) -> tuple[Floats, Floats, Floats]:
    """Return rank, margin and rival of each pair among those of the same listing on this side."""
    order = np.lexsort((-score, end))
    first = np.concatenate([[True], end[order][1:] != end[order][:-1]])[: len(order)]
    start = np.maximum.accumulate(np.where(first, np.arange(len(order)), 0))
    rank = np.arange(len(order)) - start
    after = np.minimum(start + 1, len(order) - 1)
    second = np.where(end[order][after] == end[order], score[order][after], 0.0)
    second[after == start] = 0.0
    rival = np.where(rank == 0, second, score[order][start])
    found = np.empty((3, len(order)))
    found[:, order] = np.stack([rank, score[order] - rival, rival])
    return found[0], found[1], found[2]
