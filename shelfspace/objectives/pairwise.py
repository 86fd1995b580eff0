"""Pairwise logistic loss: the positive above each negative.

B batch, M candidates, D embedding_dim.
"""

from typing import Annotated

import torch
from torch import Tensor
from torch.nn import functional

from shelfspace.config import Range
from shelfspace.objectives.averaging import shares, weighted_mean
from shelfspace.objectives.contrast import Contrast
from shelfspace.objectives.objective import Objective
from shelfspace.objectives.temperature import Temperature


class PairwiseLogistic(Objective):
    """The mean over negatives of log(1 + exp(-(s⁺ - s⁻) / temperature)).

    This is the "pairwise contrastive loss" of articles on two towers. BPR is the same with one negative for
    each positive and raw scores (temperature 1); RankNet is the same over graded pairs. Every negative counts
    alike however near it is, where InfoNCE weighs it by its softmax. With log q a negative counts 1 / q, so
    that the mean is over the catalogue and not over what is drawn often.

    Args:
        embedding_dim: D.
        temperature: what a difference of similarities is divided by.
        learn_temperature: it is learnt from there on, within [0.01, 1].
        correct_log_q: false is for measuring what the correction does.
        mask_false_negatives: false takes `also` for negatives; for measuring what the mask does.

    Cost: O(B M D) time, O(B M) memory.

    Raises:
        ConfigError: a temperature that cannot be.

    Sources: Burges et al. 2005 (RankNet); Rendle et al. 2009 (BPR).

    When: to compare with published two-tower models; InfoNCE is better where only the first places count.

    Example:
        >>> same = torch.eye(2)
        >>> round(PairwiseLogistic(2, temperature=1.0)(Contrast(same, same, torch.arange(2))).item(), 4)
        0.3133
    """

    def __init__(
        self,
        embedding_dim: int,
        *,
        temperature: Annotated[float, Range(0.02, 1.0, log=True)] = 0.1,
        learn_temperature: bool = False,
        correct_log_q: bool = True,
        mask_false_negatives: bool = True,
    ) -> None:
        super().__init__(embedding_dim)
        self.divisor = Temperature(temperature, learn=learn_temperature)
        self.temperature = temperature
        self.learn_temperature = learn_temperature
        self.correct_log_q = correct_log_q
        self.mask_false_negatives = mask_false_negatives

    def loss(self, contrast: Contrast) -> Tensor:
        """Return the loss of vectors in full precision."""
        scores = contrast.anchor @ contrast.candidate.T / self.divisor()
        negative = contrast.negatives(masked=self.mask_false_negatives)
        share = shares(negative, contrast.corrections(correct=self.correct_log_q), scores)
        return weighted_mean((share * above_own(scores, contrast.positive)).sum(dim=1), contrast.weight)


def above_own(scores: Tensor, positive: Tensor) -> Tensor:
    """Return log(1 + exp(s - s⁺)) for every candidate, [B, M], given scores [B, M]."""
    return functional.softplus(scores - torch.gather(scores, 1, positive[:, None]))
