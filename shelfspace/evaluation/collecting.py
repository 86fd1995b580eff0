"""What the blend is chosen on: the candidates of validation cases, scored by every model.

V validation cases, C candidates of one case, R retrievers.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from shelfspace.blend import candidates
from shelfspace.linear.retriever import Retriever
from shelfspace.shop.cases import Cases
from shelfspace.shop.history import History

BLOCK_VALUES = 16_000_000
"""Scores held at once: 64 MB of float32."""

NOWHERE = np.float32(-1e30)
"""The score of an empty place: it stays last under any weights, and times a weight of 0 it is still a number."""

Floats = npt.NDArray[np.float32]
Values = npt.NDArray[np.float64]

Window = tuple[Cases, Mapping[str, Retriever]]
"""A block of validation cases, and the retrievers fitted on its `fit`."""


@dataclass(frozen=True)
class Collected:
    """The candidates of V cases, in places that are empty after the last of them.

    scales: of each retriever, one over its mean best score;
    scores: float32 [R, V, C], scaled, `NOWHERE` in an empty place;
    items: int32 [V, C], -1 in an empty place; in an order drawn at random, so that no tie goes by the items' ids;
    gains: float32 [V, C], 1 where the item is relevant;
    num_relevant: int64 [V], those that nobody brought included;
    queries: [V] rows by window, what is known of each case.
    """

    scales: dict[str, float]
    scores: Floats
    items: npt.NDArray[np.int32]
    gains: Floats
    num_relevant: npt.NDArray[np.int64]
    queries: tuple[History, ...]

    def __len__(self) -> int:
        return len(self.gains)

    @property
    def names(self) -> list[str]:
        """The retrievers, in the order of `scores`."""
        return list(self.scales)

    def take(self, rows: npt.ArrayLike) -> Self:
        """Return only these cases, ascending; those of one window stay together."""
        rows = np.asarray(rows, dtype=np.int64)
        starts = np.cumsum([0, *map(len, self.queries)])
        parts = [
            part.of_users(rows[(rows >= start) & (rows < start + len(part))] - start)
            for part, start in zip(self.queries, starts[:-1], strict=True)
        ]
        return replace(
            self,
            scores=self.scores[:, rows],
            items=self.items[rows],
            gains=self.gains[rows],
            num_relevant=self.num_relevant[rows],
            queries=tuple(parts),
        )

    def weighed(self, weights: npt.NDArray[np.floating]) -> Floats:
        """Return the weighted sum of each candidate, float32 [V, C]."""
        total: Floats = np.tensordot(weights.astype(np.float32), self.scores, 1)
        return total

    def ndcg(self, total: Floats, k: int) -> Values:
        """Return NDCG@k of each case under these scores of its candidates, float64 [V]. O(V C)."""
        ideal = np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(2, k + 2)))])
        found: Values = np.zeros(len(self))
        some = np.flatnonzero(
            self.gains.any(axis=1)
        )  # a case that nobody brings an answer to is 0 whatever the order
        whole = len(some) == len(self)
        found[some] = _dcg(total if whole else total[some], self.gains if whole else self.gains[some], k)
        found /= ideal[np.minimum(np.maximum(self.num_relevant, 1), k)]
        return found


def collect(
    windows: Sequence[Window],
    *,
    num_candidates: int = 100,
    max_cases: int = 3000,
    scales: Mapping[str, float] | None = None,
    seed: int = 0,
) -> Collected:
    """Score the candidates of validation cases by every model.

    Args:
        windows: one or more validation blocks, each with the same retrievers by name; every case counts alike.
        num_candidates: what the blend will use.
        max_cases: at most so many cases of all windows together, drawn at random.
        scales: scales that another mode has settled; else the mean best score of each retriever becomes 1.
        seed: of the draw, and of the order of items that tie.

    Cost: O(V C R) memory, beside what the retrievers cost.
    """
    names = list(windows[0][1])
    shuffle = np.random.default_rng(seed).permutation(windows[0][0].relevant.shape[1]).astype(np.int32)
    samples = [(cases.sample(max_cases // len(windows), seed=seed), parts) for cases, parts in windows]
    rows_scores, rows_items, rows_gains, tops, counts = [], [], [], [], []
    for block, retrievers in _blocks(samples):
        parts = {name: retrievers[name].score(block.queries) for name in names}
        union = candidates(parts, block.allowed(), num_candidates)
        relevant = block.relevant.toarray()
        counts.append(relevant.sum(axis=1))
        stacked = np.stack([parts[name] for name in names])
        tops.append(np.where(union, stacked, 0.0).max(axis=2))
        for n in range(len(block)):
            items = shuffle[union[n][shuffle]]
            rows_scores.append(stacked[:, n, items])
            rows_items.append(items)
            rows_gains.append(relevant[n, items])
    width = max(1, *map(len, rows_items))
    scores = np.full((len(names), len(rows_gains), width), NOWHERE, np.float32)
    items_of = np.full((len(rows_gains), width), -1, np.int32)
    gains = np.zeros((len(rows_gains), width), np.float32)
    top = np.concatenate(tops, axis=1).mean(axis=1)
    given = scales or {}
    found = {
        name: given.get(name, 1.0 / float(t) if t > 0 else 1.0) for name, t in zip(names, top, strict=True)
    }
    factors = np.asarray(list(found.values()), np.float32)[:, None]
    for n, (row, items, gain) in enumerate(zip(rows_scores, rows_items, rows_gains, strict=True)):
        scores[:, n, : len(gain)] = row * factors
        items_of[n, : len(gain)] = items
        gains[n, : len(gain)] = gain
    return Collected(
        found,
        scores,
        items_of,
        gains,
        np.concatenate(counts).astype(np.int64),
        tuple(cases.queries for cases, _ in samples),
    )


def _blocks(windows: Sequence[Window]) -> Iterator[Window]:
    for cases, retrievers in windows:
        size = max(1, BLOCK_VALUES // (len(retrievers) * cases.relevant.shape[1]))
        for start in range(0, len(cases), size):
            yield cases.take(np.arange(start, min(start + size, len(cases)))), retrievers


def _dcg(total: Floats, gains: Floats, k: int) -> Values:
    size = min(k, total.shape[1])
    top = np.argpartition(-total, size - 1, axis=1)[:, :size]
    values = np.take_along_axis(total, top, axis=1)
    order = np.take_along_axis(top, np.argsort(-values, axis=1, kind="stable"), axis=1)
    discount = 1 / np.log2(np.arange(2, size + 2))
    dcg: Values = np.take_along_axis(gains, order, axis=1) @ discount
    return dcg
