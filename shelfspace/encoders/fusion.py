"""Several fields of a row made one vector. B rows, F fields, H heads, D embedding_dim.

Each is built from F and D, and takes fields float [B, F, D] and present bool [B, F]. What an absent field holds is not
looked at; a row without any field is 0.
"""

import torch
from torch import Tensor, nn

from shelfspace.encoders.pooling import check_heads, masked_softmax, pooled


class Mean(nn.Module):
    """The mean of the fields that are there: Σ_f present_f x_f / Σ_f present_f. Nothing is learnt.

    The choice where data are few, and the baseline of the others. O(B F D).

    Example:
        >>> fields = torch.tensor([[[1.0, 0.0], [0.0, 4.0]]])
        >>> Mean(2, 2)(fields, torch.tensor([[True, False]])).tolist()
        [[1.0, 0.0]]
    """

    def __init__(self, num_fields: int, embedding_dim: int) -> None:
        super().__init__()

    def forward(self, fields: Tensor, present: Tensor) -> Tensor:
        """Return float [B, D]."""
        count = present.sum(dim=1, keepdim=True).clamp(min=1)
        return _there(fields, present).sum(dim=1) / count


class Concat(nn.Module):
    """The fields side by side, 0 where absent, projected: W [x_1; …; x_F], as systems that fuse title and photo do.

    A row that lacks a field has a shorter vector, and the others do not take its share; where fields are often
    missing prefer Gated or Attention. O(B F D²) time, 4 F D² bytes.
    """

    def __init__(self, num_fields: int, embedding_dim: int) -> None:
        super().__init__()
        self.out = nn.Linear(num_fields * embedding_dim, embedding_dim, bias=False)
        nn.init.normal_(self.out.weight, std=embedding_dim**-0.5)

    def forward(self, fields: Tensor, present: Tensor) -> Tensor:
        """Return float [B, D]."""
        fused: Tensor = self.out(_there(fields, present).flatten(1))
        return fused


class Gated(nn.Module):
    """A weight for each field that is there, from its own vector: softmax_f(w_f · x_f + b_f), fields weighed by it.

    It starts as the mean. One field is kept as it is. The choice where fields differ in how much they can be
    trusted, and are missing at times. O(B F D).

    Source: Arevalo et al. 2017, Gated Multimodal Units, with a softmax over any number of fields.
    """

    def __init__(self, num_fields: int, embedding_dim: int) -> None:
        super().__init__()
        self.gate = nn.Parameter(torch.zeros(num_fields, embedding_dim))
        self.bias = nn.Parameter(torch.zeros(num_fields))

    def forward(self, fields: Tensor, present: Tensor) -> Tensor:
        """Return float [B, D]."""
        held = _there(fields, present)
        weight = masked_softmax((held * self.gate).sum(dim=-1) + self.bias, present)
        return pooled(weight.unsqueeze(1), held)


class Attention(nn.Module):
    """One learnt query a head over the fields that are there: softmax_f(q_h · x_f + b_hf).

    Each head weighs its own share of the D numbers, so that the fields may differ in what they are asked for; b says
    how much a field counts whatever it holds. A projection to keys before one learnt query would add nothing. One
    field is kept as it is; it starts as the mean. O(B F H D).

    Args:
        num_heads: H; must divide D.

    Raises:
        ConfigError: num_heads does not divide D.

    Source: Yang et al. 2016 (a learnt query); Vaswani et al. 2017 (heads).
    """

    def __init__(self, num_fields: int, embedding_dim: int, *, num_heads: int = 1) -> None:
        super().__init__()
        check_heads(num_heads, embedding_dim)
        self.num_heads = num_heads
        self.query = nn.Parameter(torch.zeros(num_heads, embedding_dim))
        self.bias = nn.Parameter(torch.zeros(num_heads, num_fields))

    def forward(self, fields: Tensor, present: Tensor) -> Tensor:
        """Return float [B, D]."""
        held = _there(fields, present)
        logit = self.query @ held.transpose(1, 2) + self.bias
        return pooled(masked_softmax(logit, present.unsqueeze(1)), held)


def _there(fields: Tensor, present: Tensor) -> Tensor:
    return fields.masked_fill(~present.unsqueeze(-1), 0.0)


FUSIONS: dict[str, type] = {"mean": Mean, "concat": Concat, "gated": Gated, "attention": Attention}
