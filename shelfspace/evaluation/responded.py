"""How good chances of responses are, on cases that came later. C cases, S shoppers, R resamples."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import xlogy

from shelfspace.evaluation.intervals import Interval, intervals
from shelfspace.responding.learning import Later

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

RESAMPLES = 300
BINS = 10


def responded(later: Later, *, seed: int = 0) -> dict[str, Any]:
    """Return what `metrics.json` says of chances.

    auc: how often one that was taken has the higher chance than one that was not, over all;  within: the same among the
    offers of one shopper, mean over shoppers who took some;  ap: average precision, the area below precision over
    recall;  log_loss: the mean;  ece: the mean difference of chance and share taken, over ten bins of as many cases.
    Intervals hold 95 of 100 resamples of shoppers, the same for every model; `differences` are of `default` and each
    other.

    Source of the last figure: Guo et al. 2017; bins of equal size, since chances are small.
    """
    alone = later.user.max(initial=0) + 1 + np.arange(len(later.user))  # each whom the shop does not know
    shopper = np.unique(np.where(later.user < 0, alone, later.user), return_inverse=True)[1]
    chosen, drawn, within = {}, {}, {}
    for name, chance in later.chance.items():
        scored = _Scored(chance, later.taken, later.weight)
        chosen[name] = scored.values(np.ones(len(chance)))
        drawn[name] = _resamples(scored, shopper, seed)
        within[name] = _within(chance, later, shopper)
    models = {
        name: {metric: _interval(values[n], drawn[name][:, n]).to_json() for n, metric in enumerate(_METRICS)}
        | {"within": intervals({"": within[name]}, seed=seed)[""].to_json()}
        for name, values in chosen.items()
    }
    differences = {
        name: {
            metric: _interval(
                chosen["default"][n] - values[n], drawn["default"][:, n] - drawn[name][:, n]
            ).to_json()
            for n, metric in enumerate(_METRICS)
        }
        | {"within": intervals({"": within["default"] - within[name]}, seed=seed)[""].to_json()}
        for name, values in chosen.items()
        if name != "default"
    }
    return {
        "cases": len(later.taken),
        "taken": int(later.taken.sum()),
        "shoppers": int(shopper.max(initial=-1)) + 1,
        "models": models,
        "differences": differences,
        "reliability": reliability(later.chance["default"], later.taken, later.weight),
    }


_METRICS = ("auc", "ap", "log_loss", "ece")


class _Scored:
    """Chances in order, so that each resample is a few sums."""

    def __init__(self, chance: Floats, taken: Flags, weight: Floats) -> None:
        self.order = np.argsort(-chance, kind="stable")
        ordered = chance[self.order]
        self.ends = np.flatnonzero(np.r_[ordered[1:] != ordered[:-1], True])  # of what has the same chance
        self.taken, self.weight = taken[self.order], weight[self.order]
        inside = np.clip(ordered, 1e-12, 1 - 1e-12)
        self.loss = -xlogy(self.taken, inside) - xlogy(~self.taken, 1 - inside)
        self.off = ordered - self.taken
        self.bins = np.unique(np.linspace(0, len(chance), BINS + 1).astype(np.int64)[:-1])

    def values(self, times: Floats) -> Floats:
        """Return the figures of `_METRICS` where each case counts so many times."""
        weight = self.weight * times[self.order]
        yes = np.cumsum(weight * self.taken)[self.ends]
        every = np.cumsum(weight)[self.ends]
        no, hits = every - yes, np.diff(yes, prepend=0.0)
        total = yes[-1] * no[-1]
        below = (hits * (no[-1] - (no + np.r_[0.0, no[:-1]]) / 2)).sum()
        precision = np.divide(yes, every, out=np.zeros_like(yes), where=every > 0)
        size = max(float(every[-1]), 1e-12)
        return np.array(
            [
                below / total if total > 0 else np.nan,
                (hits * precision).sum() / yes[-1] if yes[-1] > 0 else np.nan,
                (weight * self.loss).sum() / size,
                np.abs(np.add.reduceat(weight * self.off, self.bins)).sum() / size,
            ]
        )


def _resamples(scored: _Scored, shopper: npt.NDArray[np.int64], seed: int) -> Floats:
    """Return the values of each resample of shoppers, float64 [R, 4]; the same draws for the same seed."""
    rng, size = np.random.default_rng(seed), int(shopper.max(initial=0)) + 1
    draws = (np.bincount(rng.integers(0, size, size), minlength=size) for _ in range(RESAMPLES))
    return np.stack([scored.values(times.astype(np.float64)[shopper]) for times in draws])


def _within(chance: Floats, later: Later, shopper: npt.NDArray[np.int64]) -> Floats:
    """Return the AUC among the offers of each shopper who took some and not all, NaN for others, float64 [S]."""
    order = np.lexsort((chance, shopper))
    owner, taken, ordered = shopper[order], later.taken[order], chance[order]
    moves = owner[1:] != owner[:-1]
    begins = np.flatnonzero(np.r_[True, moves | (ordered[1:] != ordered[:-1])])  # of what has the same chance
    lengths = np.diff(np.r_[begins, len(order)])
    first = np.flatnonzero(np.r_[True, moves])
    place = np.repeat(begins + (lengths + 1) / 2, lengths) - np.repeat(
        first, np.diff(np.r_[first, len(order)])
    )
    size = len(first)
    yes, every = np.bincount(owner, taken, size), np.bincount(owner, minlength=size)
    total = np.bincount(owner[taken], place[taken], size)
    pairs = yes * (every - yes)
    found: Floats = np.divide(total - yes * (yes + 1) / 2, pairs, out=np.full(size, np.nan), where=pairs > 0)
    return found


def reliability(chance: Floats, taken: Flags, weight: Floats, *, bins: int = BINS) -> list[dict[str, float]]:
    """Return what was foretold and what came true, from the least likely tenth of the cases to the likeliest."""
    order = np.argsort(chance, kind="stable")
    found = []
    for rows in np.array_split(order, min(bins, max(1, len(order)))):
        size = weight[rows].sum()
        found.append(
            {
                "cases": float(size),
                "chance": float((weight[rows] * chance[rows]).sum() / max(size, 1e-12)),
                "taken": float(weight[rows][taken[rows]].sum() / max(size, 1e-12)),
            }
        )
    return found


def _interval(value: float, drawn: Floats) -> Interval:
    low, high = np.nanquantile(drawn, [0.025, 0.975]) if not np.isnan(drawn).all() else (np.nan, np.nan)
    return Interval(float(value), float(low), float(high))
