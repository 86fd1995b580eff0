"""One pass over the cases of a block, all models side by side, in bounded memory.

B cases, N items, K the longest list asked for.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shelfspace.errors import JobError
from shelfspace.evaluation.metrics import Values, evaluate
from shelfspace.evaluation.ranking import Head
from shelfspace.linear.retriever import Scores
from shelfspace.shop.cases import Cases
from shelfspace.shop.history import History

Scorer = Callable[[History, npt.NDArray[np.bool_]], Scores]
"""From the histories of a block of cases and the items allowed in each (bool [B, N]) to float32 [B, N].

-inf: the model cannot answer that item. What is not allowed is masked by the caller as well.
"""

Progress = Callable[[int, int], None]
"""Called with the cases done and all cases."""

_CELLS = 1 << 23
_THREADS = 2
"""Blocks in work at once: array operations let go of the interpreter's lock."""


@dataclass(frozen=True)
class PerUser:
    """What one model gave, case by case.

    metrics: `{"ndcg@10": float64 [B], …}`;
    top: int32 [B, K], the items of each list, best first, -1 where fewer could be answered;
    slices: by slice of items, the metrics where only the slice's items count as relevant; NaN for the cases
        that have none of them;
    seconds: what the scoring took.
    """

    metrics: dict[str, Values]
    top: npt.NDArray[np.int32]
    slices: dict[str, dict[str, Values]] = field(default_factory=dict)
    seconds: float = 0.0

    def mean(self, metric: str) -> float:
        """Return a metric's mean over the cases that have it."""
        return float(np.nanmean(self.metrics[metric]))


def measure(
    cases: Cases,
    scorers: Mapping[str, Scorer],
    *,
    ks: Sequence[int] = (10, 20),
    item_slices: Mapping[str, npt.NDArray[np.bool_]] | None = None,
    max_cases: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, PerUser]:
    """Score every case with every model and return the metrics case by case.

    Candidates and seen items are masked here, the same for all models.

    Args:
        cases: a block of a protocol.
        scorers: the models by name.
        ks: lengths of list.
        item_slices: bool [N] by name; for each, the metrics over that slice's items alone are kept too.
        max_cases: measure a sample of this size, `cases.sample(max_cases, seed=seed)`; all where None.
        seed: of that sample.
        progress: told after each block.

    Returns:
        For each model its values, cases in the order of `cases` or of its sample. Time: the models' own plus
        O(B·N);
        memory: some 0.3 GB beside the models' own, whatever the number of cases.

    Raises:
        JobError: a model gave scores of the wrong shape or NaN.

    Example:
        >>> results = measure(blocks.test, {"ease": lambda q, allowed: ease.score(q)})  # doctest: +SKIP
        >>> results["ease"].mean("ndcg@10")  # doctest: +SKIP
    """
    cases = cases.sample(max_cases, seed=seed)
    size = max(1, _CELLS // max(1, cases.relevant.shape[1]))
    slices = {"": np.ones(cases.relevant.shape[1], bool)} | dict(item_slices or {})
    restricted = {name: _restricted(cases.relevant, items) for name, items in slices.items()}
    parts: dict[str, list[PerUser]] = {name: [] for name in scorers}

    def measured(start: int) -> dict[str, PerUser]:
        block = np.arange(start, min(start + size, len(cases)))
        some = cases.take(block)
        allowed = some.allowed()
        relevant = {name: rows[block] for name, rows in restricted.items()}
        return {
            name: _block(name, scorer, some.queries, allowed, relevant, ks)
            for name, scorer in scorers.items()
        }

    with ThreadPoolExecutor(_THREADS) as pool:
        for n, found in enumerate(pool.map(measured, range(0, len(cases), size)), start=1):
            for name, part in found.items():
                parts[name].append(part)
            if progress is not None:
                progress(min(n * size, len(cases)), len(cases))
    return {name: _joined(blocks, max(ks)) for name, blocks in parts.items()}


def _block(
    name: str,
    scorer: Scorer,
    queries: History,
    allowed: npt.NDArray[np.bool_],
    relevant: dict[str, sparse.csr_array],
    ks: Sequence[int],
) -> PerUser:
    begun = time.perf_counter()
    raw = scorer(queries, allowed)
    seconds = time.perf_counter() - begun
    if raw.shape != allowed.shape:
        raise JobError(f"{name} gave scores of shape {raw.shape}, not {allowed.shape}")
    scores = np.where(allowed, raw, np.float32(-np.inf)).astype(np.float32, copy=False)
    if np.isnan(scores).any():
        raise JobError(f"{name} gave NaN as a score")
    head = Head.of(scores, max(ks))
    by_slice = {s: evaluate(scores, rows, ks=ks, head=head) for s, rows in relevant.items()}
    return PerUser(by_slice.pop(""), head.items, by_slice, seconds)


def _restricted(relevant: sparse.csr_array, items: npt.NDArray[np.bool_]) -> sparse.csr_array:
    keep = items[relevant.indices]
    counts = np.concatenate([[0], np.cumsum(keep)])[relevant.indptr]
    return sparse.csr_array((relevant.data[keep], relevant.indices[keep], counts), shape=relevant.shape)


def _joined(blocks: Sequence[PerUser], k: int) -> PerUser:
    def together(columns: Sequence[Mapping[str, Values]]) -> dict[str, Values]:
        return {metric: np.concatenate([c[metric] for c in columns]) for metric in columns[0]}

    tops = [np.pad(b.top, ((0, 0), (0, k - b.top.shape[1])), constant_values=-1) for b in blocks]
    slices = {s: together([b.slices[s] for b in blocks]) for s in blocks[0].slices}
    return PerUser(
        together([b.metrics for b in blocks]), np.concatenate(tops), slices, sum(b.seconds for b in blocks)
    )
