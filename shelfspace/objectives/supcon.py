"""Supervised contrastive loss: everything of one class together.

B batch, M candidates, D embedding_dim.
"""

from typing import Annotated

from torch import Tensor

from shelfspace.config import Range
from shelfspace.objectives.averaging import weighted_mean
from shelfspace.objectives.contrast import Contrast
from shelfspace.objectives.crossentropy import sum_out
from shelfspace.objectives.objective import Objective
from shelfspace.objectives.similarity import unit
from shelfspace.objectives.temperature import Temperature


class SupervisedContrastive(Objective):
    """The mean over all positives of -log(exp(z_p) / Σ_c exp(z_c)), z = cosine / temperature - log q.

    The positives of an anchor are its own and all in `also`, which says here who is of its class; the sum runs
    over all candidates but the anchor itself. Vectors are brought to unit length here.

    Args:
        embedding_dim: D.
        temperature: what a cosine is divided by.
        learn_temperature: it is learnt from there on, within [0.01, 1].
        correct_log_q: false is for measuring what the correction does.

    Cost: O(B M D) time, O(B M) memory.

    Raises:
        ConfigError: a temperature that cannot be.

    Source: Khosla et al. 2020, L_out.

    When: pairs come from classes: categories, brands, labelled matches.

    Example:
        >>> import torch
        >>> same, of_one_class = torch.eye(2), torch.ones(2, 2, dtype=torch.bool)
        >>> objective = SupervisedContrastive(2, temperature=1.0)
        >>> round(objective(Contrast(same, same, torch.arange(2), also=of_one_class)).item(), 4)
        0.8133
    """

    def __init__(
        self,
        embedding_dim: int,
        *,
        temperature: Annotated[float, Range(0.02, 0.5, log=True)] = 0.1,
        learn_temperature: bool = False,
        correct_log_q: bool = True,
    ) -> None:
        super().__init__(embedding_dim)
        self.divisor = Temperature(temperature, learn=learn_temperature)
        self.temperature = temperature
        self.learn_temperature = learn_temperature
        self.correct_log_q = correct_log_q

    def loss(self, contrast: Contrast) -> Tensor:
        """Return the loss of vectors in full precision."""
        logits = unit(contrast.anchor) @ unit(contrast.candidate).T / self.divisor()
        log_q = contrast.corrections(correct=self.correct_log_q)
        if log_q is not None:
            logits = logits - log_q
        positives = contrast.own() if contrast.also is None else contrast.own() | contrast.also
        return weighted_mean(sum_out(logits, positives, contrast.itself()), contrast.weight)
