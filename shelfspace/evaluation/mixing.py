"""Which weights the blend gets: greedy coordinate ascent on validation NDCG, held back by its standard error.

V validation cases, C candidates of one case, R retrievers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
import numpy.typing as npt

from shelfspace.blend import Own
from shelfspace.evaluation.collecting import Collected, Values, Window, collect

GRID = (0.0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0)
LEAST_GAIN = 0.002
"""A step must raise NDCG by this share of itself: less than that is noise on a few thousand cases."""

Step = dict[str, float | str]


@dataclass(frozen=True)
class Tried:
    """Something that was held against the plain sum on cases it had not seen.

    name: a slice of the queries, or `lambdarank`;  cases: how many were asked;  gain: the mean difference in NDCG;
    error: the standard error of that mean, paired by case;  kept: whether it answers.
    """

    name: str
    cases: int
    gain: float
    error: float
    kept: bool


@dataclass(frozen=True)
class Mix:
    """What was chosen: global scales, weights, the validation NDCG they reach, and the steps that led there.

    slices: the slices that have weights of their own;  trees: of the ranker that answers instead of the sum, as
    LightGBM writes it;  tried: the slices and the ranker as they were held against the sum.
    """

    scales: dict[str, float]
    weights: dict[str, float]
    ndcg: float
    steps: list[Step] = field(default_factory=list)
    slices: tuple[Own, ...] = ()
    trees: str | None = None
    tried: tuple[Tried, ...] = ()

    @property
    def used(self) -> set[str]:
        """The models that answer: those with a weight somewhere; of a ranker, all."""
        every = [self.weights, *(own.weights for own in self.slices)]
        return {name for ws in every for name, weight in ws.items() if weight > 0 or self.trees is not None}

    def to_json(self) -> dict[str, object]:
        """Return what was chosen as plain data, for `metrics.json` and the report; weights of 0 are left out."""
        return {
            "use": "sum" if self.trees is None else "lambdarank",
            "ndcg": self.ndcg,
            "weights": _positive(self.weights),
            "slices": [{"name": own.slice.name, "weights": _positive(own.weights)} for own in self.slices],
            "tried": [asdict(one) for one in self.tried],
        }


def choose_weights(
    windows: Sequence[Window],
    *,
    k: int = 10,
    num_candidates: int = 100,
    max_cases: int = 3000,
    scales: Mapping[str, float] | None = None,
    standard_errors: float = 1.0,
    seed: int = 0,
) -> Mix:
    """Choose a weight for each retriever: `collect`, then `mix_of`."""
    collected = collect(windows, num_candidates=num_candidates, max_cases=max_cases, scales=scales, seed=seed)
    return mix_of(collected, k=k, standard_errors=standard_errors)


def mix_of(collected: Collected, *, k: int = 10, standard_errors: float = 1.0) -> Mix:
    """Choose a weight for each retriever.

    Starts from the best single retriever and changes one weight at a time over a fixed grid, as long as NDCG@k rises. A
    model enters only if the mean rises by more than `standard_errors` of the paired difference over cases; then
    any that the mix can do without, by the same measure, is dropped.

    Args:
        collected: the candidates of validation cases.
        k: where NDCG is cut.
        standard_errors: how many standard errors a model must be worth; 0: any gain is believed.

    Source: the one-standard-error rule of Breiman et al., Classification and Regression Trees, 1984.

    Cost: about 50 R passes of O(V C) time.
    """
    names = collected.names
    single = [collected.ndcg(scores, k) for scores in collected.scores]
    first = int(np.argmax([values.mean() for values in single]))
    start = np.zeros(len(names))
    start[first] = 1.0
    steps: list[Step] = [{"retriever": names[first], "weight": 1.0, "ndcg": float(single[first].mean())}]
    order = np.argsort([values.mean() for values in single])[::-1]
    weights = ascend(collected, start, order, k, standard_errors, steps)
    while (out := _needless(collected, weights, k, standard_errors)) is not None:
        weights[out] = 0.0
        steps.append({"retriever": names[out], "weight": 0.0, "ndcg": _mean(collected, weights, k)})
        weights = ascend(collected, weights, np.flatnonzero(weights), k, standard_errors, steps)
    return Mix(
        dict(collected.scales),
        dict(zip(names, weights.tolist(), strict=True)),
        _mean(collected, weights, k),
        steps,
    )


def ascend(
    collected: Collected,
    start: npt.NDArray[np.float64],
    order: npt.NDArray[np.integer],
    k: int,
    standard_errors: float,
    steps: list[Step] | None = None,
) -> npt.NDArray[np.float64]:
    """Return the weights, float64 [R], that no change of one of them by more than chance makes better.

    Args:
        collected: the cases.
        start: the weights to begin with, float64 [R].
        order: the retrievers whose weights may change, in the order they are tried.
        k: where NDCG is cut.
        standard_errors: see `mix_of`.
        steps: told of each change.
    """
    weights, values = start.copy(), collected.ndcg(collected.weighed(start), k)
    moved = True
    while moved:
        moved = False
        for r in order:
            rest = collected.weighed(np.where(np.arange(len(weights)) == r, 0.0, weights))
            tried = [collected.ndcg(rest + np.float32(w) * collected.scores[r], k) for w in GRID]
            at = int(np.argmax([t.mean() for t in tried]))
            gain, error = difference(tried[at], values)
            enters = weights[r] == 0.0
            if gain > max(LEAST_GAIN * float(values.mean()), standard_errors * error if enters else 0.0):
                weights[r], values, moved = GRID[at], tried[at], True
                if steps is not None:
                    name = collected.names[r]
                    steps.append({"retriever": name, "weight": GRID[at], "ndcg": float(values.mean())})
    return weights


def difference(one: Values, other: Values) -> tuple[float, float]:
    """Return the mean of `one - other`, paired by case, and the standard error of that mean."""
    values = one - other
    if len(values) < 2:
        return float(values.sum()), float("inf")
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))


def _positive(weights: Mapping[str, float]) -> dict[str, float]:
    return {name: weight for name, weight in weights.items() if weight > 0}


def _needless(
    collected: Collected, weights: npt.NDArray[np.float64], k: int, standard_errors: float
) -> int | None:
    """Return the model that the mix misses least, where that is within the standard errors allowed."""
    used = np.flatnonzero(weights)
    if len(used) < 2 or not standard_errors:
        return None
    values = collected.ndcg(collected.weighed(weights), k)
    without = [np.where(np.arange(len(weights)) == r, 0.0, weights) for r in used]
    losses = [difference(values, collected.ndcg(collected.weighed(w), k)) for w in without]
    least = int(np.argmin([loss for loss, _ in losses]))
    loss, error = losses[least]
    return int(used[least]) if loss <= standard_errors * error else None


def _mean(collected: Collected, weights: npt.NDArray[np.float64], k: int) -> float:
    return float(collected.ndcg(collected.weighed(weights), k).mean())
