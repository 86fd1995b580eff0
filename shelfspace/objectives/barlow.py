"""Barlow Twins: two views agree in every dimension, and no two dimensions say the same.

B batch, D embedding_dim.
"""

from typing import Annotated

import torch
from torch import Tensor

from shelfspace.config import Range
from shelfspace.objectives.averaging import deviations
from shelfspace.objectives.checks import at_least
from shelfspace.objectives.contrast import Contrast
from shelfspace.objectives.objective import Objective


class BarlowTwins(Objective):
    """Σ_d (1 - C_dd)² + off_diagonal · Σ_{d ≠ e} C_de², C the correlation of anchors and positives over the batch.

    No negatives, so neither masks nor log q; the weight counts in the means of the correlation. A dimension
    that does not vary over the batch correlates with nothing.

    Args:
        embedding_dim: D.
        off_diagonal: what a correlation of two dimensions counts for beside one that is lacking.

    Cost: O(B D²) time, O(D²) memory.

    Raises:
        ConfigError: off_diagonal is below 0.

    Source: Zbontar et al. 2021.

    When: two views of one item; batches too small for many negatives (it wants B well above D's root).

    Example:
        >>> views = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
        >>> round(BarlowTwins(2)(Contrast(views, views, torch.arange(4))).item(), 4)
        0.0
    """

    def __init__(
        self, embedding_dim: int, *, off_diagonal: Annotated[float, Range(0.0005, 0.05, log=True)] = 0.005
    ) -> None:
        super().__init__(embedding_dim)
        at_least(0, off_diagonal=off_diagonal)
        self.off_diagonal = off_diagonal

    def loss(self, contrast: Contrast) -> Tensor:
        """Return the loss of vectors in full precision."""
        one = _standardised(deviations(contrast.anchor, contrast.weight))
        other = _standardised(deviations(contrast.positives(), contrast.weight))
        correlation = one.T @ other
        diagonal = torch.diagonal(correlation)
        others = correlation.square().sum() - diagonal.square().sum()
        return (1 - diagonal).square().sum() + self.off_diagonal * others


def _standardised(deviation: Tensor) -> Tensor:
    """Return deviations whose squares sum to 1 in each dimension that varies."""
    # in float32 the variance of a dimension that does not vary is not quite 0
    return deviation / (deviation.square().sum(dim=0) + 1e-8).sqrt()
