"""The head of a ranking, and where its ties lie: what every metric is computed from.

B cases, N items, K the longest list asked for, G groups of tied scores that hold a relevant item.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

_FOLDS = 64


@dataclass(frozen=True)
class Head:
    """The best K of each case.

    items: int32 [B, K], best first, -1 where fewer can be answered; which of several tied items stand here is
        arbitrary, so no metric looks at it;
    scores: float32 [B, K], -inf where fewer can be answered;
    tied_at_end: int64 [B], how many items of the whole row have the K-th score.
    """

    items: npt.NDArray[np.int32]
    scores: npt.NDArray[np.float32]
    tied_at_end: npt.NDArray[np.int64]

    @classmethod
    def of(cls, scores: npt.NDArray[np.float32], k: int) -> Self:
        """Find the head of float32 scores [B, N]; -inf: cannot be answered. O(B·N)."""
        items = _largest(scores, min(k, scores.shape[1]))
        values = np.take_along_axis(scores, items, axis=1)
        order = np.argsort(-values, axis=1, kind="stable")
        items, values = np.take_along_axis(items, order, axis=1), np.take_along_axis(values, order, axis=1)
        tied = np.count_nonzero(scores == values[:, -1:], axis=1)
        items = np.where(np.isneginf(values), -1, items)
        return cls(items.astype(np.int32), values, tied.astype(np.int64))


@dataclass(frozen=True)
class Groups:
    """The groups of tied items that begin in the head and hold a relevant item, by case and then best first.

    case: int64 [G];  above: int64 [G], items ranked strictly above;  size: int64 [G], tied items in the
        group;
    hits: int64 [G], the relevant among them;  before: int64 [G], relevant items above the group;
    relevant: int64 [B], all relevant items of each case, those that cannot be answered included.
    """

    case: npt.NDArray[np.int64]
    above: npt.NDArray[np.int64]
    size: npt.NDArray[np.int64]
    hits: npt.NDArray[np.int64]
    before: npt.NDArray[np.int64]
    relevant: npt.NDArray[np.int64]

    @classmethod
    def of(cls, head: Head, scores: npt.NDArray[np.float32], relevant: sparse.csr_array) -> Self:
        """Find where the relevant items (bool csr [B, N]) stand. O(relevant items · K)."""
        counts = np.diff(relevant.indptr).astype(np.int64)
        case = np.repeat(np.arange(len(counts)), counts)
        value = scores[case, relevant.indices]
        last = head.scores[:, -1]
        within = (value >= last[case]) & ~np.isneginf(value)
        case, value = case[within], value[within]
        heads = head.scores[case]
        above = np.count_nonzero(heads > value[:, None], axis=1)
        size = np.where(
            value > last[case], np.count_nonzero(heads == value[:, None], axis=1), head.tied_at_end[case]
        )
        width = head.scores.shape[1] + 1
        _, first, hits = np.unique(case * width + above, return_index=True, return_counts=True)
        case, above, size = case[first], above[first], size[first]
        total = np.cumsum(hits) - hits
        start = np.searchsorted(case, case)
        return cls(
            case, above, size, hits.astype(np.int64), total - total[start] if len(case) else total, counts
        )


def _largest(scores: npt.NDArray[np.float32], k: int) -> npt.NDArray[np.int64]:
    """Where the k largest of each row stand, [B, k], unordered: the best of each fold, then among those."""
    width = scores.shape[1] // _FOLDS
    if width < 4 * k:
        found: npt.NDArray[np.int64] = np.argpartition(scores, scores.shape[1] - k, axis=1)[:, -k:]
        return found
    even = width * _FOLDS
    tops = scores[:, :even].reshape(len(scores), _FOLDS, width).max(axis=1)
    chains = np.argpartition(tops, width - k, axis=1)[:, -k:]
    inside = (chains[:, :, None] + width * np.arange(_FOLDS)).reshape(len(scores), -1)
    rest = np.broadcast_to(np.arange(even, scores.shape[1]), (len(scores), scores.shape[1] - even))
    inside = np.concatenate([inside, rest], axis=1)
    values = np.take_along_axis(scores, inside, axis=1)
    best = np.argpartition(values, values.shape[1] - k, axis=1)[:, -k:]
    return np.take_along_axis(inside, best, axis=1)
