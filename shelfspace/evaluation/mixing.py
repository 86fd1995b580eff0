"""Which weights the blend gets: greedy coordinate ascent on validation NDCG.

V validation cases, C candidates of one case, R retrievers.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from shelfspace.blend import candidates
from shelfspace.linear.retriever import Retriever
from shelfspace.shop.cases import Cases

GRID = (0.0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0)
LEAST_GAIN = 0.002
"""A step must raise NDCG by this share of itself: less than that is noise on a few thousand cases."""

BLOCK_VALUES = 16_000_000
"""Scores held at once: 64 MB of float32."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Mix:
    """What was chosen: global scales, weights, the validation NDCG they reach, and the steps that led there."""

    scales: dict[str, float]
    weights: dict[str, float]
    ndcg: float
    steps: list[dict[str, float | str]] = field(default_factory=list)


Window = tuple[Cases, Mapping[str, Retriever]]
"""A block of validation cases, and the retrievers fitted on its `fit`."""


def choose_weights(
    windows: Sequence[Window],
    *,
    k: int = 10,
    num_candidates: int = 100,
    max_cases: int = 3000,
    scales: Mapping[str, float] | None = None,
    seed: int = 0,
) -> Mix:
    """Choose a weight for each retriever.

    Starts from the best single retriever and changes one weight at a time over a fixed grid, as long as NDCG@k rises.

    Args:
        windows: one or more validation blocks, each with the same retrievers by name; every case counts alike.
        k: where NDCG is cut.
        num_candidates: what the blend will use.
        max_cases: at most so many cases of all windows together, drawn at random.
        scales: scales that another mode has settled; else the mean best score of each retriever becomes 1.
        seed: of the draw, and of the order of items that tie.

    Cost: O(V C R) memory; about 50 R passes of O(V C) time.
    """
    names = list(windows[0][1])
    scores, gains, num_relevant, found_scales = _collect(
        windows, num_candidates, max_cases, scales or {}, seed
    )
    ideal = np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(2, k + 2)))])
    best_dcg = ideal[np.minimum(num_relevant, k)]

    def ndcg(total: Floats) -> float:
        return float(np.mean(_dcg(total, gains, k) / best_dcg))

    alone = [ndcg(scores[r]) for r in range(len(names))]
    first = int(np.argmax(alone))
    weights = np.zeros(len(names))
    weights[first] = 1.0
    value = alone[first]
    steps: list[dict[str, float | str]] = [{"retriever": names[first], "weight": 1.0, "ndcg": value}]
    moved = True
    while moved:
        moved = False
        for r in np.argsort(alone)[::-1]:
            rest = np.tensordot(np.where(np.arange(len(names)) == r, 0.0, weights), scores, 1).astype(
                np.float32
            )
            tried = [ndcg(rest + np.float32(w) * scores[r]) for w in GRID]
            at = int(np.argmax(tried))
            if tried[at] > value * (1 + LEAST_GAIN):
                weights[r], value, moved = GRID[at], tried[at], True
                steps.append({"retriever": names[r], "weight": GRID[at], "ndcg": value})
    return Mix(found_scales, dict(zip(names, weights.tolist(), strict=True)), value, steps)


def _collect(
    windows: Sequence[Window],
    num_candidates: int,
    max_cases: int,
    scales: Mapping[str, float],
    seed: int,
) -> tuple[Floats, Floats, npt.NDArray[np.int64], dict[str, float]]:
    """Return scaled scores [R, V, C] (-inf where there is no candidate), gains [V, C], relevant counts [V], scales."""
    names = list(windows[0][1])
    shuffle = np.random.default_rng(seed).permutation(windows[0][0].relevant.shape[1])
    rows_scores, rows_gains, tops = [], [], []
    counts = []
    for block, retrievers in _blocks(windows, max_cases, seed):
        parts = {name: retrievers[name].score(block.queries) for name in names}
        union = candidates(parts, block.allowed(), num_candidates)
        relevant = block.relevant.toarray()
        counts.append(relevant.sum(axis=1))
        stacked = np.stack([parts[name] for name in names])
        tops.append(np.where(union, stacked, 0.0).max(axis=2))
        for n in range(len(block)):
            items = shuffle[union[n][shuffle]]
            rows_scores.append(stacked[:, n, items])
            rows_gains.append(relevant[n, items])
    width = max(1, *(g.shape[0] for g in rows_gains))
    scores = np.full((len(names), len(rows_gains), width), -np.inf, np.float32)
    gains = np.zeros((len(rows_gains), width), np.float32)
    top = np.concatenate(tops, axis=1).mean(axis=1)
    found = {
        name: scales.get(name, 1.0 / float(t) if t > 0 else 1.0) for name, t in zip(names, top, strict=True)
    }
    factors = np.asarray([found[name] for name in names], np.float32)[:, None]
    for n, (row, gain) in enumerate(zip(rows_scores, rows_gains, strict=True)):
        scores[:, n, : len(gain)] = row * factors
        gains[n, : len(gain)] = gain
    # the empty places must stay last under any weights, and -inf times a weight of 0 is not a number
    scores[~np.isfinite(scores)] = -1e30
    return scores, gains, np.concatenate(counts), found


def _blocks(windows: Sequence[Window], max_cases: int, seed: int) -> Iterator[Window]:
    for cases, retrievers in windows:
        size = max(1, BLOCK_VALUES // (len(retrievers) * cases.relevant.shape[1]))
        some = cases.sample(max_cases // len(windows), seed=seed)
        for start in range(0, len(some), size):
            yield some.take(np.arange(start, min(start + size, len(some)))), retrievers


def _dcg(total: Floats, gains: Floats, k: int) -> npt.NDArray[np.float64]:
    size = min(k, total.shape[1])
    top = np.argpartition(-total, size - 1, axis=1)[:, :size]
    values = np.take_along_axis(total, top, axis=1)
    order = np.take_along_axis(top, np.argsort(-values, axis=1, kind="stable"), axis=1)
    discount = 1 / np.log2(np.arange(2, size + 2))
    dcg: npt.NDArray[np.float64] = np.take_along_axis(gains, order, axis=1) @ discount
    return dcg
