"""The cross-entropy of a row of logits with one positive or several.

B batch, M candidates.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

Several = Literal["ignore", "sum_out", "sum_in"]


def cross_entropy(logits: Tensor, positive: Tensor) -> Tensor:
    """Return -log softmax of the positive column of each row, [B]; a logit of -inf is no candidate."""
    return functional.cross_entropy(logits, positive, reduction="none")


def sum_out(logits: Tensor, positives: Tensor, without: Tensor | None = None) -> Tensor:
    """Return the mean of -log softmax over the positives of each row (bool [B, M]), [B].

    `without` are no candidates, bool [B, M].

    Source: Khosla et al. 2020 (SupCon, L_out).
    """
    logits, positives = _left(logits, positives, without)
    log_probability = torch.log_softmax(logits, dim=1)
    total = torch.where(positives, log_probability, 0.0).sum(dim=1)
    return -total / positives.sum(dim=1)


def sum_in(logits: Tensor, positives: Tensor, without: Tensor | None = None) -> Tensor:
    """Return -log of the sum of softmax over the positives of each row (bool [B, M]), [B].

    `without` are no candidates, bool [B, M].

    Source: Miech et al. 2020 (MIL-NCE); SupCon's L_in but for a constant.
    """
    logits, positives = _left(logits, positives, without)
    chosen = logits.masked_fill(~positives, -torch.inf)
    return torch.logsumexp(logits, dim=1) - torch.logsumexp(chosen, dim=1)


def _left(logits: Tensor, positives: Tensor, without: Tensor | None) -> tuple[Tensor, Tensor]:
    if without is None:
        return logits, positives
    return logits.masked_fill(without, -torch.inf), positives & ~without
