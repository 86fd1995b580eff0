"""How likely an offer is taken: a logistic regression, calibrated on what came later. P pairs, F features."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Features = Mapping[str, Floats]

CLIP = 5.0
"""A feature so many standard deviations from its mean says no more."""

MOST = 200_000
"""Cases that were not taken, of which so many are learnt from; the log odds are corrected for the rest."""


@dataclass(frozen=True)
class Model:
    """Log odds that are a sum over features, times `slope`, plus `shift`.

    names: F of them;  mean, scale: of each feature;  weight: of each feature, standardised;  base: log odds of the mean
    case. A feature that is not known counts as its mean.

    Sources: King, Zeng. Logistic Regression in Rare Events Data. 2001 (the correction for drawn cases);
    Platt. Probabilistic Outputs for Support Vector Machines. 1999 (slope and shift).
    """

    names: list[str]
    mean: list[float]
    scale: list[float]
    weight: list[float]
    base: float
    slope: float = 1.0
    shift: float = 0.0

    @classmethod
    def constant(cls, taken: Flags, weight: Floats) -> Self:
        """Return the model that gives every pair the share that was taken, pulled a little to one half."""
        share = (weight[taken].sum() + 0.5) / (weight.sum() + 1.0)
        return cls([], [], [], [], float(logit(share)))

    @classmethod
    def fit(cls, features: Features, taken: Flags, weight: Floats, *, strength: float, seed: int) -> Self:
        """Learn from P cases; some of those not taken are drawn, and the log odds corrected for that.

        Args:
            features: float64 [P] by name.
            taken: bool [P], both kinds among them.
            weight: float64 [P], for how many each stands.
            strength: the inverse of the regularisation, as in scikit-learn.
            seed: of the draw.

        Cost: some seconds for 200 thousand cases of 60 features.
        """
        yes, no = np.flatnonzero(taken), np.flatnonzero(~taken)
        if len(no) > MOST:
            no = np.sort(np.random.default_rng(seed).choice(no, MOST, replace=False))
        stood_for = weight[~taken].sum() / len(no)
        rows = np.concatenate([yes, no])
        table = np.stack([values[rows] for values in features.values()], axis=1)
        there = ~np.isnan(table)
        size = np.maximum(there.sum(axis=0), 1)
        mean = np.where(there, table, 0.0).sum(axis=0) / size
        scale = np.sqrt((np.where(there, table - mean, 0.0) ** 2).sum(axis=0) / size)
        scale = np.where(scale > 1e-9, scale, 1.0)
        standard = _standardised(table, mean, scale)
        found = LogisticRegression(C=strength, max_iter=1000).fit(standard, taken[rows])
        return cls(
            list(features),
            mean.tolist(),
            scale.tolist(),
            found.coef_[0].tolist(),
            float(found.intercept_[0] - np.log(stood_for)),
        )

    def calibrated(self, features: Features, taken: Flags, weight: Floats) -> Self:
        """Return the model with slope and shift by which its log odds say best what was taken of later cases."""
        odds = self.odds(features)
        if np.ptp(odds) < 1e-9:
            slope, shift = 0.0, float(logit(np.average(taken, weights=weight)))
        else:
            middle = float(odds.mean())
            found = LogisticRegression(C=1e6, max_iter=1000).fit(
                (odds - middle)[:, None], taken, sample_weight=weight
            )
            slope = float(found.coef_[0, 0])
            shift = float(found.intercept_[0]) - slope * middle
        if slope <= 0.0:  # it says nothing of what came later
            slope, shift = 0.0, float(logit(np.average(taken, weights=weight)))
        return type(self)(**(asdict(self) | {"slope": slope, "shift": shift}))

    def odds(self, features: Features) -> Floats:
        """Return log odds, float64 [P]."""
        num = len(next(iter(features.values())))
        odds: Floats = self.slope * (self.base + self._added(features, num).sum(axis=1)) + self.shift
        return odds

    def chance(self, features: Features) -> Floats:
        """Return how likely each is taken, float64 [P]."""
        chance: Floats = expit(self.odds(features))
        return chance

    def parts(self, features: Features) -> tuple[list[str], Floats]:
        """Return what speaks, and how much it adds to the log odds, float64 [P, parts]; the parts sum to them."""
        num = len(next(iter(features.values())))
        said = [name.partition(":")[0] for name in self.names]
        names = list(dict.fromkeys(said))
        added = self.slope * self._added(features, num)
        parts = np.zeros((num, len(names) + 1))
        for n, name in enumerate(said):
            parts[:, names.index(name)] += added[:, n]
        parts[:, -1] = self.slope * self.base + self.shift
        return [*names, "base rate"], parts

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)

    def _added(self, features: Features, num: int) -> Floats:
        if not self.names:
            return np.zeros((num, 0))
        table = np.stack([features.get(name, np.full(num, np.nan)) for name in self.names], axis=1)
        added: Floats = _standardised(table, np.array(self.mean), np.array(self.scale)) * np.array(
            self.weight
        )
        return added


def of_names(features: Features, starts: Sequence[str]) -> dict[str, Floats]:
    """Return the features whose names begin so."""
    return {name: values for name, values in features.items() if name.startswith(tuple(starts))}


def _standardised(table: Floats, mean: Floats, scale: Floats) -> Floats:
    return np.clip(np.nan_to_num((table - mean) / scale, nan=0.0), -CLIP, CLIP)
