"""Association rules: how often, how surely, and how much more often than by chance."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

Z = 1.959963984540054
"""Of the normal distribution, for 95 %."""


@dataclass(frozen=True)
class Rules:
    """Rules A -> b for several items b; a lift and its interval are NaN where both were never seen together.

    support: baskets with A and b;  confidence: of the baskets with A, the share with b;
    lift: confidence over the share of all baskets with b;  low, high: its 95 % interval.
    """

    support: Floats
    confidence: Floats
    lift: Floats
    low: Floats
    high: Floats

    @classmethod
    def of(cls, both: npt.ArrayLike, left: npt.ArrayLike, right: npt.ArrayLike, num_baskets: int) -> Self:
        """Return the rules from counts of baskets.

        The interval is that of the logarithm of the lift by the delta method, baskets drawn independently:
        1/both - 1/left - 1/right + 2 both/(left right) - 1/B. With a handful of baskets it is rough.

        Args:
            both: baskets with A and b.
            left: baskets with A.
            right: baskets with b.
            num_baskets: B.

        Source: Agrawal and Srikant 1994; the delta method as in Agresti 2013, 16.1.
        """
        n, a, b = (np.asarray(x, np.float64) for x in (both, left, right))
        n, a, b = np.broadcast_arrays(n, a, b)
        total = float(max(num_baskets, 1))
        seen = n > 0
        confidence = np.divide(n, a, out=np.zeros(n.shape), where=a > 0)
        lift = np.divide(n * total, a * b, out=np.full(n.shape, np.nan), where=seen)
        safe = np.where(seen, n, 1.0), np.where(seen, a, 1.0), np.where(seen, b, 1.0)
        variance = 1 / safe[0] - 1 / safe[1] - 1 / safe[2] + 2 * safe[0] / (safe[1] * safe[2]) - 1 / total
        spread = np.exp(Z * np.sqrt(np.maximum(variance, 0.0)))
        return cls(n, confidence, lift, lift / spread, lift * spread)
