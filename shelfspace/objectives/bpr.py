"""Bayesian personalised ranking: the positive above a few negatives.

B batch, M candidates, D embedding_dim.
"""

import torch
from torch import Tensor

from shelfspace.objectives.averaging import shares, weighted_mean
from shelfspace.objectives.checks import at_least
from shelfspace.objectives.contrast import Contrast
from shelfspace.objectives.objective import Objective
from shelfspace.objectives.pairwise import above_own


class BPR(Objective):
    """-log sigmoid(s⁺ - s⁻), the mean over `num_negatives` negatives of each pair, on raw inner products.

    No negative is drawn at random here: row b takes the first `num_negatives` negatives from column ⌊b M / B⌋
    on, going round. The rows of a batch are in random order, so that this is a draw among the candidates, and
    every candidate serves about equally often. log q is not used: a single negative has nothing to be weighed
    against; negatives drawn uniformly are what the source has. Its regularisation is the optimiser's weight
    decay.

    Args:
        embedding_dim: D.
        num_negatives: negatives of each pair; 0 takes all.
        mask_false_negatives: false takes `also` for negatives; for measuring what the mask does.

    Cost: O(B M D) time, O(B M) memory.

    Raises:
        ConfigError: num_negatives is below 0.

    Source: Rendle et al. 2009.

    When: as the classic baseline, with raw vectors; more negatives and a temperature do better.

    Example:
        >>> same = torch.eye(2)
        >>> round(BPR(2)(Contrast(same, same, torch.arange(2))).item(), 4)
        0.3133
    """

    def __init__(
        self, embedding_dim: int, *, num_negatives: int = 1, mask_false_negatives: bool = True
    ) -> None:
        super().__init__(embedding_dim)
        at_least(0, num_negatives=num_negatives)
        self.num_negatives = num_negatives
        self.mask_false_negatives = mask_false_negatives

    def loss(self, contrast: Contrast) -> Tensor:
        """Return the loss of vectors in full precision."""
        scores = contrast.anchor @ contrast.candidate.T
        negative = contrast.negatives(masked=self.mask_false_negatives)
        if self.num_negatives:
            negative = _next(negative, self.num_negatives)
        share = shares(negative, None, scores)
        return weighted_mean((share * above_own(scores, contrast.positive)).sum(dim=1), contrast.weight)


def _next(negative: Tensor, most: int) -> Tensor:
    """Return the first `most` of the negatives of each row from column ⌊b M / B⌋ on, bool [B, M]."""
    rows, columns = negative.shape
    start = torch.arange(rows, device=negative.device) * columns // rows
    order = (start[:, None] + torch.arange(columns, device=negative.device)) % columns
    turned = torch.gather(negative, 1, order)
    chosen = turned & (turned.cumsum(dim=1) <= most)
    return torch.zeros_like(negative).scatter(1, order, chosen)
