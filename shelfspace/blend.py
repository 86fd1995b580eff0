"""Several retrievers, one list: each gives candidates, all score the union, a weighted sum ranks it.

B users asked at once, N items, C candidates of one user, R retrievers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from shelfspace.linear.retriever import Retriever, Scores
from shelfspace.shop.history import History

Mode = Literal["new", "any"]
"""What the weights were chosen for: items new to the user, or any item, repeats included."""

Allowed = npt.NDArray[np.bool_]

GROUP = 16
"""Columns of a group when the best are looked for."""


@dataclass(frozen=True)
class Part:
    """One additive part of a blended score. `item` is the past item it comes from; -1: the shop as a whole."""

    retriever: str
    item: int
    amount: float


@dataclass(frozen=True)
class Blend:
    """A weighted sum of retrievers, each on one global scale.

    Every retriever names its `num_candidates` best allowed items; the union is scored exactly by every retriever.
    The score is `sum_r weights[mode][r] * scales[r] * score_r`. Scales and weights come from validation.

    Cost: O(B R N) time and memory a block, beside what the retrievers cost.
    """

    retrievers: Mapping[str, Retriever]
    scales: Mapping[str, float]
    weights: Mapping[Mode, Mapping[str, float]]
    num_candidates: int = 100

    def scores(self, queries: History, allowed: Allowed, mode: Mode, *, at_least: int = 0) -> Scores:
        """Return float32 [B, N]; -inf where an item is not allowed or no retriever brought it.

        Args:
            queries: the past of the B users.
            allowed: bool [B, N], the items that may be answered.
            mode: which weights.
            at_least: how many candidates each retriever names, if more than `num_candidates`.
        """
        parts = {name: self.retrievers[name].score(queries) for name in self._used(mode)}
        union = candidates(parts, allowed, max(self.num_candidates, at_least))
        total = np.zeros(allowed.shape, np.float32)
        for name, part in parts.items():
            total += np.float32(self.weights[mode][name] * self.scales[name]) * part
        total[~union] = -np.inf
        return total

    def reasons(self, query: History, items: npt.NDArray[np.int32], mode: Mode) -> list[list[Part]]:
        """Return, for one user, the parts of each item's score, the largest first; they sum to it."""
        found: list[list[Part]] = [[] for _ in items]
        for name in self._used(mode):
            factor = self.weights[mode][name] * self.scales[name]
            for parts, reasons in zip(found, self.retrievers[name].reasons(query, items), strict=True):
                parts += [Part(name, r.item, factor * r.amount) for r in reasons if r.amount]
        return [sorted(parts, key=lambda p: -abs(p.amount)) for parts in found]

    def _used(self, mode: Mode) -> list[str]:
        return [name for name, weight in self.weights[mode].items() if weight > 0]


def candidates(parts: Mapping[str, Scores], allowed: Allowed, num_candidates: int) -> Allowed:
    """Return bool [B, N]: the union of each retriever's best allowed items, those it scores above 0 only.

    All items that tie with the last one are in, so that no order of ids decides.
    """
    union = np.zeros(allowed.shape, bool)
    for part in parts.values():
        usable = part * allowed
        least = _kth_largest(usable, num_candidates)
        union |= usable >= np.maximum(least, np.finfo(np.float32).tiny)[:, None]
    return union


def _kth_largest(values: Scores, k: int) -> Scores:
    """Return the k-th largest of each row, float32 [B]; 0 where a row is shorter.

    The k-th largest of the maxima of groups is a lower bound, and few values reach it: a pass or two over the row
    instead of a partition of it.
    """
    size = values.shape[1]
    if size < k:
        return np.zeros(len(values), np.float32)
    whole = size - size % GROUP
    maxima = np.maximum.reduce(values[:, :whole].reshape(len(values), GROUP, whole // GROUP), axis=1)
    maxima = np.concatenate([maxima, values[:, whole:]], axis=1)
    if maxima.shape[1] < 2 * k:
        kth: Scores = np.partition(values, -k, axis=1)[:, -k]
        return kth
    bound = np.partition(maxima, -k, axis=1)[:, -k]
    few = (row[row >= least] for row, least in zip(values, bound, strict=True))
    return np.asarray([np.partition(row, -k)[-k] for row in few], np.float32)
