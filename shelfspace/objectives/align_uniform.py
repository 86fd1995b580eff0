"""Alignment and uniformity: pairs together, everything else spread over the sphere.

B batch, M candidates, D embedding_dim.
"""

import math
from typing import Annotated

import torch
from torch import Tensor

from shelfspace.config import Range
from shelfspace.objectives.averaging import weighted_mean
from shelfspace.objectives.checks import above, at_least
from shelfspace.objectives.contrast import Contrast
from shelfspace.objectives.objective import Objective
from shelfspace.objectives.similarity import unit


class AlignmentUniformity(Objective):
    """mean ‖a - p‖^alpha + gamma · (u(anchors) + u(positives)) / 2, u(x) = log mean over i ≠ j of exp(-t ‖x_i - x_j‖²).

    Vectors are brought to unit length here. It has no negatives and sees only the positives of the candidates;
    pairs i, j are left out of u where one's positive is the other's, or is in the other's `also`. The weight
    counts in the alignment.

    Args:
        embedding_dim: D.
        alpha: the exponent of the distance of a pair.
        t: how fast a repulsion falls with distance.
        gamma: what spreading counts for beside aligning.
        mask_false_negatives: false leaves out only each row with itself; for measuring what the mask does.

    Cost: O(B² D) time, O(B²) memory.

    Raises:
        ConfigError: alpha or t not above 0, gamma below 0.

    Sources: Wang and Isola 2020; Wang et al. 2022 (DirectAU: users and items).

    When: small batches or few candidates, where a softmax has too few negatives; gamma needs tuning.

    Example:
        >>> same = torch.eye(2)
        >>> round(AlignmentUniformity(2)(Contrast(same, same, torch.arange(2))).item(), 4)
        -4.0
    """

    def __init__(
        self,
        embedding_dim: int,
        *,
        alpha: float = 2.0,
        t: float = 2.0,
        gamma: Annotated[float, Range(0.1, 10.0, log=True)] = 1.0,
        mask_false_negatives: bool = True,
    ) -> None:
        super().__init__(embedding_dim)
        above(0, alpha=alpha, t=t)
        at_least(0, gamma=gamma)
        self.alpha = alpha
        self.t = t
        self.gamma = gamma
        self.mask_false_negatives = mask_false_negatives

    def loss(self, contrast: Contrast) -> Tensor:
        """Return the loss of vectors in full precision."""
        anchor, positive = unit(contrast.anchor), unit(contrast.positives())
        # the root of 0 has no slope
        apart = (anchor - positive).square().sum(dim=1).clamp_min(1e-12)
        alignment = weighted_mean(apart ** (self.alpha / 2), contrast.weight)
        spread = self._spread(contrast)
        uniformity = (self._uniformity(anchor, spread) + self._uniformity(positive, spread)) / 2
        return alignment + self.gamma * uniformity

    def _spread(self, contrast: Contrast) -> Tensor:
        """Return which rows push each other away, bool [B, B]."""
        alike = torch.eye(len(contrast.anchor), dtype=torch.bool, device=contrast.anchor.device)
        if self.mask_false_negatives:
            alike = alike | (contrast.positive[:, None] == contrast.positive)
            if contrast.also is not None:
                taken = contrast.also[:, contrast.positive]
                alike = alike | taken | taken.T
        return ~alike

    def _uniformity(self, vectors: Tensor, spread: Tensor) -> Tensor:
        """Return u; 0 where no rows push."""
        number = int(spread.sum())
        if not number:
            return vectors.sum() * 0.0
        length = vectors.square().sum(dim=1)
        apart = length[:, None] + length - 2 * vectors @ vectors.T
        return torch.logsumexp((-self.t * apart)[spread], dim=0) - math.log(number)
