"""Triplet loss: the positive nearer than a negative by a margin.

B batch, M candidates, D embedding_dim.
"""

from typing import Annotated, Literal

import torch
from torch import Tensor

from shelfspace.config import Range
from shelfspace.errors import ConfigError
from shelfspace.objectives.averaging import shares, weighted_mean
from shelfspace.objectives.checks import at_least
from shelfspace.objectives.contrast import Contrast
from shelfspace.objectives.objective import Objective
from shelfspace.objectives.similarity import unit

Mining = Literal["all", "hard", "semi_hard"]


class Triplet(Objective):
    """max(0, d⁺ - d⁻ + margin), where d = 1 - cosine; vectors are brought to unit length here.

    Args:
        embedding_dim: D.
        margin: how much nearer the positive is to be; distances lie in [0, 2].
        mining: `all`, the mean over the negatives; `hard`, the nearest negative; `semi_hard`, the nearest of
            those further away than the positive, or the furthest if there is none: steadier than `hard`, which
            in a batch with unmasked false negatives picks them.
        mask_false_negatives: false takes `also` for negatives; for measuring what the mask does.

    log q is not used: which negative is nearest does not depend on how often it was drawn.

    Cost: O(B M D) time, O(B M) memory.

    Raises:
        ConfigError: the margin is below 0, or the mining is unknown.

    Sources: Schroff et al. 2015 (FaceNet, semi-hard); Hermans et al. 2017 (hard, all).

    When: distances themselves are used, as for same-product matching with a threshold.

    Example:
        >>> same = torch.eye(2)
        >>> round(Triplet(2, margin=1.5)(Contrast(same, same, torch.arange(2))).item(), 4)
        0.5
    """

    def __init__(
        self,
        embedding_dim: int,
        *,
        margin: Annotated[float, Range(0.05, 1.0, log=True)] = 0.2,
        mining: Mining = "all",
        mask_false_negatives: bool = True,
    ) -> None:
        super().__init__(embedding_dim)
        at_least(0, margin=margin)
        if mining not in ("all", "hard", "semi_hard"):
            raise ConfigError(f"mining = {mining!r} must be all, hard or semi_hard")
        self.margin = margin
        self.mining: Mining = mining
        self.mask_false_negatives = mask_false_negatives

    def loss(self, contrast: Contrast) -> Tensor:
        """Return the loss of vectors in full precision."""
        distance = 1 - unit(contrast.anchor) @ unit(contrast.candidate).T
        to_own = torch.gather(distance, 1, contrast.positive[:, None])
        negative = contrast.negatives(masked=self.mask_false_negatives)
        if self.mining != "all":
            negative = self._mined(distance.detach(), to_own.detach(), negative)
        hinge = torch.relu(to_own - distance + self.margin)
        rows = (shares(negative, None, hinge) * hinge).sum(dim=1)
        return weighted_mean(rows, contrast.weight)

    def _mined(self, distance: Tensor, to_own: Tensor, negative: Tensor) -> Tensor:
        """Return the chosen negatives, bool [B, M], at most one a row."""
        nearest = _one(distance, negative)
        if self.mining == "hard":
            return nearest
        further = negative & (distance > to_own)
        return torch.where(
            further.any(dim=1, keepdim=True), _one(distance, further), _one(-distance, negative)
        )


def _one(values: Tensor, among: Tensor) -> Tensor:
    """Return the least of each row among those marked, bool [B, M]; none in a row without a mark."""
    place = values.masked_fill(~among, torch.inf).argmin(dim=1, keepdim=True)
    return torch.zeros_like(among).scatter(1, place, torch.gather(among, 1, place))
