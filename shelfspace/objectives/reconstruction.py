"""Masked reconstruction: from what is left of a listing, the vector of the whole.

B batch, D embedding_dim.
"""

from typing import Annotated

from torch import Tensor

from shelfspace.config import Range
from shelfspace.objectives.averaging import weighted_mean
from shelfspace.objectives.checks import at_least
from shelfspace.objectives.contrast import Contrast
from shelfspace.objectives.objective import Objective
from shelfspace.objectives.similarity import cosine


class MaskedReconstruction(Objective):
    """(1 - cos(anchor, whole))^gamma; the anchor is the masked view, the whole gets no gradient.

    The whole is the EMA copy's vector of the positive where the loop keeps a copy, else the model's own. gamma
    above 1 makes what is nearly right count little. No negatives, so neither masks nor log q; alone nothing
    keeps all vectors from becoming one, so it stands beside an objective with negatives.

    Args:
        embedding_dim: D.
        gamma: the exponent of the error, at least 1.

    Cost: O(B D) time and memory.

    Raises:
        ConfigError: gamma is below 1.

    Source: Hou et al. 2022 (GraphMAE, the scaled cosine error).

    When: an item lacks fields at answering time; pairs are two views.

    Example:
        >>> import torch
        >>> views = Contrast(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 2.0]]), torch.tensor([0]))
        >>> MaskedReconstruction(2)(views).item()
        1.0
    """

    def __init__(self, embedding_dim: int, *, gamma: Annotated[float, Range(1.0, 3.0)] = 2.0) -> None:
        super().__init__(embedding_dim)
        at_least(1, gamma=gamma)
        self.gamma = gamma

    def loss(self, contrast: Contrast) -> Tensor:
        """Return the loss of vectors in full precision."""
        vectors = contrast.candidate if contrast.target is None else contrast.target
        whole = vectors.detach()[contrast.positive]
        error = (1 - cosine(contrast.anchor, whole)).clamp_min(0.0)
        return weighted_mean(error**self.gamma, contrast.weight)
