"""Several views of a listing made into one chance of each class, and the chance from which it is said.

N listings, C classes, P prefixes, V views.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import chain, combinations
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq, minimize
from scipy.special import betaincinv, log_softmax, softmax

from shelfspace.classifying.labels import NEVER, Classes, Codes

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Seen = tuple[str, ...]
"""The views that are there, in order."""

PRIOR = "how common it is"
MAX_LEARNT = 5_000
MAX_TRIED = 20_000
SCALES = (0.5, 2.0)
RISK = 0.05
"""The bound on precision is wrong at most so often: the one-sided interval of Clopper and Pearson."""

GRID = np.concatenate([np.linspace(0.5, 0.98, 49), [0.99, 0.995, 0.999]])
"""The chances that may become a threshold. Never below one half: what is likelier wrong than right is not said, however
right all the rest is."""


@dataclass(frozen=True)
class Scored:
    """What views said of N listings that they had not learnt from.

    scores: float32 [N, C] by view;  present: bool [N] by view, where it said anything;
    log_prior: float64 [C], how common each class is.
    """

    scores: Mapping[str, npt.NDArray[np.float32]]
    present: Mapping[str, Flags]
    log_prior: Floats

    def __len__(self) -> int:
        return len(next(iter(self.present.values()), ()))

    def take(self, rows: npt.NDArray[np.integer]) -> "Scored":
        """Return some of the listings."""
        return Scored(
            {name: some[rows] for name, some in self.scores.items()},
            {name: some[rows] for name, some in self.present.items()},
            self.log_prior,
        )

    def having(self, seen: Seen) -> Flags:
        """Return which listings have all these views, bool [N]."""
        flags = np.ones(len(self), bool)
        for name in seen:
            flags &= self.present[name]
        return flags

    def patterns(self) -> dict[Seen, npt.NDArray[np.int64]]:
        """Return the listings of each set of views that are there."""
        names = sorted(self.present)
        code = sum(
            (self.present[name].astype(np.int64) << n for n, name in enumerate(names)), np.zeros(1, int)
        )
        return {
            tuple(name for n, name in enumerate(names) if one >> n & 1): np.flatnonzero(code == one)
            for one in np.unique(code).tolist()
        }


@dataclass(frozen=True)
class Fusion:
    """The weight of each view where just these are there, of how common a class is, and the threshold."""

    weights: Mapping[str, float]
    prior: float
    threshold: float

    def parts(self, scored: Scored) -> dict[str, Floats]:
        """Return what each view adds to the log chance, up to a constant of the listing, float64 [N, C]."""
        found = {
            name: weight * scored.scores[name].astype(np.float64) for name, weight in self.weights.items()
        }
        num = len(scored)
        return found | {PRIOR: np.broadcast_to(self.prior * scored.log_prior, (num, len(scored.log_prior)))}

    def chance(self, scored: Scored) -> Floats:
        """Return the chance of each class, float64 [N, C]; a row sums to 1."""
        logits = sum(self.parts(scored).values(), np.zeros((len(scored), len(scored.log_prior))))
        chance: Floats = softmax(logits, axis=1)
        return chance

    def state(self) -> dict[str, Any]:
        """Return it, fit for JSON."""
        return {"weights": dict(self.weights), "prior": self.prior, "threshold": self.threshold}


@dataclass(frozen=True)
class Fusions:
    """One `Fusion` for every set of views that was seen together: a listing is judged by what it has."""

    by_seen: Mapping[Seen, Fusion]

    @classmethod
    def fit(cls, scored: Scored, code: Codes, classes: Classes, precision: float, seed: int) -> "Fusions":
        """Learn weights by maximum likelihood, their scale, and thresholds, for every set of views that listings have.

        A listing with a title and a photo also teaches what its title alone is worth, and its photo.

        Args:
            scored: N listings that the views had not learnt from.
            code: int64 [N], their classes.
            classes: C of them.
            precision: the share of answers that must be right.
            seed: of the listings learnt from, where there are very many.

        Cost: some seconds for 5,000 listings, 150 classes and three views.
        """
        names = sorted(scored.present)
        every = chain.from_iterable(combinations(names, size) for size in range(1, len(names) + 1))
        rng, found = np.random.default_rng(seed), dict[Seen, Fusion]()
        for seen in every:
            rows = rng.permutation(np.flatnonzero(scored.having(seen)))
            if not len(rows):
                continue
            few, more = rows[:MAX_LEARNT], rows[:MAX_TRIED]
            fusion = _believed(_likeliest(scored.take(few), code[few], seen), scored.take(few), code[few])
            chance = fusion.chance(scored.take(more))
            found[seen] = replace(fusion, threshold=lowest_threshold(classes, chance, code[more], precision))
        return cls(found)

    def of(self, seen: Seen) -> Fusion:
        """Return the fusion for these views; of the largest part of them that was seen together, else of none."""
        if seen in self.by_seen:
            return self.by_seen[seen]
        known = [some for some in self.by_seen if set(some) <= set(seen)]
        best = max(known, key=lambda some: (len(some), some), default=None)
        return self.by_seen[best] if best is not None else Fusion({}, 1.0, NEVER)

    def chance(self, scored: Scored) -> tuple[Floats, Floats]:
        """Return the chance of each class, float64 [N, C], and each listing's threshold, float64 [N]."""
        chance = np.zeros((len(scored), len(scored.log_prior)))
        threshold = np.full(len(scored), NEVER)
        for seen, rows in scored.patterns().items():
            fusion = self.of(seen)
            chance[rows], threshold[rows] = fusion.chance(scored.take(rows)), fusion.threshold
        return chance, threshold


def lowest_threshold(classes: Classes, chance: Floats, code: Codes, precision: float) -> float:
    """Return the lowest chance from which answers are right often enough; `NEVER` where there is none.

    Often enough: the lower bound of Clopper and Pearson, 95 % and one-sided, is at least `precision`; of 29 answers
    all must be right for .9. A broader part of the true path is right.
    """
    sure = classes.sure(chance)
    under = classes.under.toarray() > 0
    for threshold in GRID:
        answer = classes.longest(sure, threshold)
        said = answer >= 0
        right, num = int(under[code[said], answer[said]].sum()), int(said.sum())
        if right and betaincinv(right, num - right + 1, RISK) >= precision:
            return float(threshold)
    return NEVER


def _likeliest(scored: Scored, code: Codes, seen: Seen) -> Fusion:
    """Minimise the negative log likelihood, which is convex in the weights; a view counts 0 or more."""
    num, inputs = len(code), [scored.scores[name].astype(np.float64) for name in seen]
    inputs = [rows - rows.mean(axis=1, keepdims=True) for rows in inputs]
    spread = np.array([max(float(rows.std()), 1e-9) for rows in inputs])
    columns = np.stack(
        [
            *(rows / s for rows, s in zip(inputs, spread, strict=True)),
            np.broadcast_to(scored.log_prior, (num, len(scored.log_prior))),
        ]
    )
    truth = columns[:, np.arange(num), code]

    def loss(weight: Floats) -> tuple[float, Floats]:
        likelihood = log_softmax(np.tensordot(weight, columns, 1), axis=1)
        expected = np.einsum("nc,vnc->vn", np.exp(likelihood), columns)
        # one listing's worth of doubt, or weights would grow without end where nothing was wrong
        value = -likelihood[np.arange(num), code].mean() + 0.5 * float(weight @ weight) / num
        return value, (expected - truth).mean(axis=1) + weight / num

    start = np.append(np.ones(len(seen)), 0.0)
    bounds = [(0.0, None)] * len(seen) + [(-2.0, 2.0)]
    best = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    weights = {name: float(w / s) for name, w, s in zip(seen, best[:-1], spread, strict=True)}
    return Fusion(weights, float(best[-1]), NEVER)


def _believed(fusion: Fusion, scored: Scored, code: Codes) -> Fusion:
    """Scale the weights until the mean chance of the likeliest class is the share in which it is right.

    Where scores are no log chances, such as cosines, the likeliest weights say too little of the likeliest class.
    """
    logits = sum(fusion.parts(scored).values(), np.zeros((len(code), len(scored.log_prior))))
    right = (float((logits.argmax(axis=1) == code).sum()) + 0.5) / (len(code) + 1.0)

    def gap(scale: float) -> float:
        return float(softmax(scale * logits, axis=1).max(axis=1).mean()) - right

    low, high = SCALES
    if gap(low) >= 0.0 or gap(high) <= 0.0:
        scale = low if gap(low) >= 0.0 else high
    else:
        scale = float(brentq(gap, low, high, xtol=1e-3))
    weights = {name: scale * weight for name, weight in fusion.weights.items()}
    return Fusion(weights, scale * fusion.prior, fusion.threshold)
