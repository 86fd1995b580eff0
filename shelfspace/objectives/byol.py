"""BYOL: foretell what a slower copy of the model makes of the other view.

B batch, D embedding_dim.
"""

from typing import ClassVar

from torch import Tensor, nn

from shelfspace.objectives.averaging import weighted_mean
from shelfspace.objectives.checks import at_least
from shelfspace.objectives.contrast import Contrast
from shelfspace.objectives.objective import Objective, needed
from shelfspace.objectives.similarity import cosine


class BYOL(Objective):
    """2 - 2 cos(h(anchor), target⁺), the mean with 2 - 2 cos(h(positive), target anchor); h is a small network.

    The targets are the embeddings of the loop's EMA copy, without gradient, less their mean over the batch: were all
    vectors to become one, nothing would be left to foretell. Without that, and without norms over the batch in the
    network, they do: a residual network on photos had one vector for all within a hundred steps. h is Linear,
    LayerNorm, ReLU, Linear. No negatives, so neither masks nor log q.

    Args:
        embedding_dim: D.
        hidden_dim: the width of h.
        centre: false leaves the mean of the targets in; for networks that have norms over the batch.

    Cost: O(B D · hidden_dim) time, and the forward pass of the copy.

    Raises:
        ConfigError: hidden_dim is below 1, or the batch comes without targets.

    Sources: Grill et al. 2020; Richemond et al. 2020 (without norms over the batch); Caron et al. 2021 (centring).

    When: two views of one item and no trust in any negatives. Watch that vectors do not become one.
    """

    needs_target: ClassVar[bool] = True

    def __init__(self, embedding_dim: int, *, hidden_dim: int = 256, centre: bool = True) -> None:
        super().__init__(embedding_dim)
        at_least(1, hidden_dim=hidden_dim)
        self.hidden_dim = hidden_dim
        self.centre = centre
        self.predictor = nn.Sequential(
            nn.Linear(embedding_dim, hidden_dim),
            nn.LayerNorm(hidden_dim),
            nn.ReLU(),
            nn.Linear(hidden_dim, embedding_dim),
        )

    def loss(self, contrast: Contrast) -> Tensor:
        """Return the loss of vectors in full precision."""
        target = needed(contrast.target, "byol", "the embeddings of the EMA copy: `target`").detach()
        target = target[contrast.positive]
        target_anchor = needed(
            contrast.target_anchor, "byol", "the embeddings of the EMA copy: `target_anchor`"
        ).detach()
        if self.centre and len(target) > 1:
            target, target_anchor = target - target.mean(dim=0), target_anchor - target_anchor.mean(dim=0)
        there = cosine(self.predictor(contrast.anchor), target)
        back = cosine(self.predictor(contrast.positives()), target_anchor)
        return weighted_mean(2 - there - back, contrast.weight)
