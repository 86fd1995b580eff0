"""Weights against exposure bias: what is shown often is taken often, whether or not it is liked.

B batch, N items.
"""

from dataclasses import dataclass, replace
from typing import Annotated, Self

import numpy as np
import numpy.typing as npt

from shelfspace.config import Range
from shelfspace.pairs.checks import at_least, exponents
from shelfspace.pairs.pairs import Pairs


@dataclass(kw_only=True)
class Propensity:
    """Inverse propensity weights: p = (n / n_max)^power, weight = min(1 / p, clip), mean 1 over what is drawn.

    n is how often an item is a positive, which stands in for how often it was seen. `weight` is float32 [N]; an
    item that is never a positive gets the greatest weight.

    Args:
        power: how far popularity is taken for exposure; 0: not at all, all weights are 1.
        clip: the greatest 1 / p: a bound on the variance that rare items bring, paid for with some bias.

    Cost: O(N) to learn, O(B) to weigh.

    Raises:
        ConfigError: a setting that cannot be meant.

    Source: Schnabel et al. 2016 (inverse propensity scoring); Saito et al. 2020 (popularity to a power as the
    propensity of implicit feedback, clipped).

    Use it where the tail matters more than the headline; it costs accuracy on what is popular.

    Example:
        >>> [round(float(weight), 3) for weight in Propensity().learn(np.array([4, 1])).weight]
        [0.833, 1.667]
    """

    power: Annotated[float, Range(0.0, 1.0)] = 0.5
    clip: Annotated[float, Range(1.0, 100.0, log=True)] = 10.0

    def __post_init__(self) -> None:
        exponents(power=self.power)
        at_least(1, clip=self.clip)

    def learn(self, counts: npt.NDArray[np.floating] | npt.NDArray[np.integer]) -> Self:
        """Take how often each item is a positive, [N], of any scale."""
        share = counts / max(counts.max(initial=0), np.finfo(np.float64).tiny)
        weight = 1 / np.maximum(share**self.power, 1 / self.clip)
        drawn = share.sum()
        self.weight: npt.NDArray[np.float32] = (weight / ((share @ weight) / drawn if drawn else 1.0)).astype(
            np.float32
        )
        return self

    def weigh(self, pairs: Pairs) -> Pairs:
        """Return the pairs with their weights times those of their positives."""
        return replace(pairs, weight=pairs.weight * self.weight[pairs.positive])
