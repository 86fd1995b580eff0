"""Binary cross-entropy: is this candidate the anchor's, yes or no.

B batch, M candidates, D embedding_dim.
"""

from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn import functional

from shelfspace.config import Range
from shelfspace.objectives.averaging import shares, weighted_mean
from shelfspace.objectives.checks import at_least
from shelfspace.objectives.contrast import Contrast
from shelfspace.objectives.objective import Objective
from shelfspace.objectives.temperature import Temperature


class BinaryCrossEntropy(Objective):
    """-log sigmoid(z⁺) - negative_weight · mean over negatives of log sigmoid(-z⁻).

    z = s / temperature + bias - log q. Subtracting log q is noise contrastive estimation: the optimum of s is
    then log p(candidate | anchor) but for a constant; without it, it is log p / q, the pointwise mutual
    information, which forgets how popular an item is. The bias lets cosines, which lie around 0, say "no" to
    most candidates.

    Args:
        embedding_dim: D.
        temperature: what a similarity is divided by.
        learn_temperature: it is learnt from there on, within [0.01, 1].
        bias: what is added to every logit.
        learn_bias: it is learnt from there on.
        negative_weight: what all negatives of a pair together count for; the positive counts 1.
        correct_log_q: false is for measuring what the correction does.
        mask_false_negatives: false takes `also` for negatives; for measuring what the mask does.

    Cost: O(B M D) time, O(B M) memory.

    Raises:
        ConfigError: a temperature that cannot be, or negative_weight below 0.

    Sources: Gutmann and Hyvärinen 2010 (noise contrastive estimation); Levy and Goldberg 2014 (what is learnt
    without the correction); Zhai et al. 2023 (a learnt bias).

    When: a score is to be read as a probability. With one negative it is the weak loss of early sequence models.

    Example:
        >>> same = torch.eye(2)
        >>> round(BinaryCrossEntropy(2, temperature=1.0)(Contrast(same, same, torch.arange(2))).item(), 4)
        1.0064
    """

    def __init__(
        self,
        embedding_dim: int,
        *,
        temperature: Annotated[float, Range(0.02, 1.0, log=True)] = 0.1,
        learn_temperature: bool = False,
        bias: float = 0.0,
        learn_bias: bool = True,
        negative_weight: Annotated[float, Range(0.3, 30.0, log=True)] = 1.0,
        correct_log_q: bool = True,
        mask_false_negatives: bool = True,
    ) -> None:
        super().__init__(embedding_dim)
        at_least(0, negative_weight=negative_weight)
        self.divisor = Temperature(temperature, learn=learn_temperature)
        self.offset = nn.Parameter(torch.tensor(float(bias))) if learn_bias else None
        self.temperature = temperature
        self.learn_temperature = learn_temperature
        self.bias = bias
        self.learn_bias = learn_bias
        self.negative_weight = negative_weight
        self.correct_log_q = correct_log_q
        self.mask_false_negatives = mask_false_negatives

    def loss(self, contrast: Contrast) -> Tensor:
        """Return the loss of vectors in full precision."""
        logits = contrast.anchor @ contrast.candidate.T / self.divisor()
        logits = logits + (self.bias if self.offset is None else self.offset)
        log_q = contrast.corrections(correct=self.correct_log_q)
        if log_q is not None:
            logits = logits - log_q
        share = shares(contrast.negatives(masked=self.mask_false_negatives), None, logits)
        yes = functional.softplus(-torch.gather(logits, 1, contrast.positive[:, None])).squeeze(1)
        no = (share * functional.softplus(logits)).sum(dim=1)
        return weighted_mean(yes + self.negative_weight * no, contrast.weight)
