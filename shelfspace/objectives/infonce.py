"""InfoNCE: find the positive among the candidates.

B batch, M candidates, D embedding_dim.
"""

from typing import Annotated

import torch
from torch import Tensor

from shelfspace.config import Range
from shelfspace.errors import ConfigError
from shelfspace.objectives.averaging import weighted_mean
from shelfspace.objectives.contrast import Contrast
from shelfspace.objectives.crossentropy import Several, cross_entropy, sum_in, sum_out
from shelfspace.objectives.objective import Objective
from shelfspace.objectives.temperature import Temperature


class InfoNCE(Objective):
    """Cross-entropy of the positive among the candidates: -log(exp(z_p) / Σ_c exp(z_c)).

    z_c = anchor · candidate_c / temperature - log_q_c. Subtracting log q from every logit, the positive's
    among them, makes this sampled softmax: its optimum is that of the softmax over the whole catalogue, where
    without it candidates that are drawn often are pushed down for being drawn. Candidates in `also` are left
    out of the sum.

    Args:
        embedding_dim: D.
        temperature: what a similarity is divided by; low looks at the hardest candidates. 0.05 to 0.2 suits
            vectors of unit length, 1 raw ones.
        learn_temperature: it is learnt from there on, within [0.01, 1].
        symmetric: the mean with the loss from positives to the anchors of the batch, masked the same way;
            without log q, since how anchors are drawn is not known.
        multi_positive: what `also` are: `ignore`, left out; `sum_out`, positives too, the mean of their losses;
            `sum_in`, positives of which one is enough, their probabilities summed.
        correct_log_q: false is for measuring what the correction does.
        mask_false_negatives: false takes `also` for negatives; for measuring what the mask does.

    Cost: O(B M D) time, O(B M) memory for logits and their gradient.

    Raises:
        ConfigError: a temperature or a way with several positives that cannot be.

    Sources: van den Oord et al. 2018; Bengio and Senécal 2008 and Yi et al. 2019 (log q); Radford et al. 2021
    (symmetric); Khosla et al. 2020 and Miech et al. 2020 (several positives).

    When: the default, for any pairs.

    Example:
        >>> same = torch.eye(2)
        >>> round(InfoNCE(2, temperature=1.0)(Contrast(same, same, torch.arange(2))).item(), 4)
        0.3133
    """

    def __init__(
        self,
        embedding_dim: int,
        *,
        temperature: Annotated[float, Range(0.02, 0.5, log=True)] = 0.07,
        learn_temperature: bool = False,
        symmetric: bool = False,
        multi_positive: Several = "ignore",
        correct_log_q: bool = True,
        mask_false_negatives: bool = True,
    ) -> None:
        super().__init__(embedding_dim)
        if multi_positive not in ("ignore", "sum_out", "sum_in"):
            raise ConfigError(f"multi_positive = {multi_positive!r} must be ignore, sum_out or sum_in")
        self.divisor = Temperature(temperature, learn=learn_temperature)
        self.temperature = temperature
        self.learn_temperature = learn_temperature
        self.symmetric = symmetric
        self.multi_positive: Several = multi_positive
        self.correct_log_q = correct_log_q
        self.mask_false_negatives = mask_false_negatives

    def loss(self, contrast: Contrast) -> Tensor:
        """Return the loss of vectors in full precision."""
        temperature = self.divisor()
        logits = _logits(
            contrast.anchor / temperature,
            contrast.candidate,
            contrast.corrections(correct=self.correct_log_q),
        )
        itself = contrast.itself() if self.multi_positive != "ignore" else None
        value = weighted_mean(self._rows(logits, contrast.positive, contrast.also, itself), contrast.weight)
        if not self.symmetric:
            return value
        back = _logits(contrast.positives() / temperature, contrast.anchor, None)
        diagonal = torch.arange(len(back), device=back.device)
        itself = itself[:, contrast.positive].T if itself is not None else None
        rows = self._rows(back, diagonal, _also_back(contrast), itself)
        return (value + weighted_mean(rows, contrast.weight)) / 2

    def _rows(self, logits: Tensor, positive: Tensor, also: Tensor | None, itself: Tensor | None) -> Tensor:
        """Return the loss of each row, [B]; the logits are changed."""
        if also is None or (self.multi_positive == "ignore" and not self.mask_false_negatives):
            return cross_entropy(logits, positive)
        row = torch.arange(len(positive), device=positive.device)
        if self.multi_positive == "ignore":
            others = also.clone()
            others[row, positive] = False
            with torch.no_grad():  # a logit of -inf gets no gradient from the softmax anyway
                logits.masked_fill_(others, -torch.inf)
            return cross_entropy(logits, positive)
        positives = also.clone()
        positives[row, positive] = True
        return (sum_out if self.multi_positive == "sum_out" else sum_in)(logits, positives, itself)


def _logits(anchor: Tensor, candidate: Tensor, log_q: Tensor | None) -> Tensor:
    """Return anchor · candidate - log q, [B, M], in one pass."""
    if log_q is None:
        return anchor @ candidate.T
    return torch.addmm(log_q.to(anchor.dtype), anchor, candidate.T, beta=-1)


def _also_back(contrast: Contrast) -> Tensor:
    """Return which anchors took, or may stand for, the positive of each row, bool [B, B]."""
    same = contrast.positive[:, None] == contrast.positive
    return same if contrast.also is None else same | contrast.also[:, contrast.positive].T
