"""The sigmoid loss: every pair of a batch is a question of its own.

B batch, M candidates, D embedding_dim.
"""

from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn import functional

from shelfspace.config import Range
from shelfspace.objectives.averaging import weighted_mean
from shelfspace.objectives.contrast import Contrast
from shelfspace.objectives.objective import Objective
from shelfspace.objectives.temperature import Temperature


class SigLIP(Objective):
    """-log sigmoid(z⁺) - Σ over negatives of log sigmoid(-z⁻), z = s / temperature + bias.

    Unlike `bce` the negatives are summed, not averaged, and nothing is subtracted for how they were drawn; the bias
    begins so low that at first hardly anything is taken for a positive, which the many negatives ask for. It is the
    same seen from either side, so there is nothing to make symmetric.

    Args:
        embedding_dim: D.
        temperature: what a similarity is divided by at first.
        learn_temperature: it is learnt from there on, within [0.01, 1].
        bias: what is added to every logit at first.
        learn_bias: it is learnt from there on.
        mask_false_negatives: false takes `also` for negatives; for measuring what the mask does.

    Cost: O(B M D) time, O(B M) memory.

    Raises:
        ConfigError: a temperature that cannot be.

    Source: Zhai et al. 2023 (SigLIP).

    When: texts and photos of one item, and batches too small for a softmax to find hard negatives in.

    Example:
        >>> same = torch.eye(2)
        >>> round(SigLIP(2, temperature=1.0, bias=0.0)(Contrast(same, same, torch.arange(2))).item(), 4)
        1.0064
    """

    def __init__(
        self,
        embedding_dim: int,
        *,
        temperature: Annotated[float, Range(0.02, 0.5, log=True)] = 0.1,
        learn_temperature: bool = True,
        bias: float = -10.0,
        learn_bias: bool = True,
        mask_false_negatives: bool = True,
    ) -> None:
        super().__init__(embedding_dim)
        self.divisor = Temperature(temperature, learn=learn_temperature)
        self.offset = nn.Parameter(torch.tensor(float(bias))) if learn_bias else None
        self.temperature = temperature
        self.learn_temperature = learn_temperature
        self.bias = bias
        self.learn_bias = learn_bias
        self.mask_false_negatives = mask_false_negatives

    def loss(self, contrast: Contrast) -> Tensor:
        """Return the loss of vectors in full precision."""
        logits = contrast.anchor @ contrast.candidate.T / self.divisor()
        logits = logits + (self.bias if self.offset is None else self.offset)
        yes = functional.softplus(-torch.gather(logits, 1, contrast.positive[:, None])).squeeze(1)
        negative = contrast.negatives(masked=self.mask_false_negatives)
        no = torch.where(negative, functional.softplus(logits), 0.0).sum(dim=1)
        return weighted_mean(yes + no, contrast.weight)
