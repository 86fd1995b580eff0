"""VICReg: two views agree, every dimension varies, no two dimensions say the same.

B batch, D embedding_dim.
"""

from typing import Annotated

import torch
from torch import Tensor

from shelfspace.config import Range
from shelfspace.objectives.averaging import deviations, weighted_mean
from shelfspace.objectives.checks import above, at_least
from shelfspace.objectives.contrast import Contrast
from shelfspace.objectives.objective import Objective


class VICReg(Objective):
    """invariance · mean (a - p)² + variance · (v(a) + v(p)) / 2 + covariance · (c(a) + c(p)).

    v(x) = mean_d max(0, std - √(var x_d + 0.0001));  c(x) = Σ_{d ≠ e} cov(x_d, x_e)² / D; a the anchors, p their
    positives, all over the batch, the first mean also over dimensions, as in the authors' code. No negatives,
    so neither masks nor log q; the weight counts in every mean.

    Args:
        embedding_dim: D.
        invariance: what two views that differ count for.
        variance: what a dimension that varies too little counts for.
        covariance: what two dimensions that vary together count for.
        std: the standard deviation wanted of each dimension. 1 is for raw vectors; vectors of unit length reach
            at most 1 / √D.

    Cost: O(B D²) time, O(B D + D²) memory.

    Raises:
        ConfigError: a weight below 0, or std not above 0.

    Source: Bardes et al. 2022.

    When: two views of one item, each of which may come from an encoder of its own.

    Example:
        >>> views = 2 * torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
        >>> round(VICReg(2)(Contrast(views, views, torch.arange(4))).item(), 4)
        0.0
    """

    def __init__(
        self,
        embedding_dim: int,
        *,
        invariance: Annotated[float, Range(1.0, 100.0, log=True)] = 25.0,
        variance: Annotated[float, Range(1.0, 100.0, log=True)] = 25.0,
        covariance: Annotated[float, Range(0.1, 10.0, log=True)] = 1.0,
        std: float = 1.0,
    ) -> None:
        super().__init__(embedding_dim)
        at_least(0, invariance=invariance, variance=variance, covariance=covariance)
        above(0, std=std)
        self.invariance = invariance
        self.variance = variance
        self.covariance = covariance
        self.std = std

    def loss(self, contrast: Contrast) -> Tensor:
        """Return the loss of vectors in full precision."""
        one, other = contrast.anchor, contrast.positives()
        apart = weighted_mean((one - other).square().mean(dim=1), contrast.weight)
        v_one, c_one = self._spread(one, contrast.weight)
        v_other, c_other = self._spread(other, contrast.weight)
        return (
            self.invariance * apart
            + self.variance * (v_one + v_other) / 2
            + self.covariance * (c_one + c_other)
        )

    def _spread(self, vectors: Tensor, weight: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return v and c."""
        deviation = deviations(vectors, weight)
        unbiased = len(vectors) / max(1, len(vectors) - 1)
        covariance = deviation.T @ deviation * unbiased
        variance = torch.diagonal(covariance)
        lacking = torch.relu(self.std - (variance + 1e-4).sqrt()).mean()
        together = (covariance.square().sum() - variance.square().sum()) / vectors.shape[1]
        return lacking, together
