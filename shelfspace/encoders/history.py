"""Many items made one vector: what a user did. B users, T history length, H heads, D embedding_dim.

Each is built from D and the number of event kinds, and takes items float [B, T, D], their age float [B, T] in days or
steps (below 0 counts as 0), a mask bool [B, T] and their kind int64 [B, T]. What stands where the mask is False is not
looked at; an empty history is 0.
"""

import math

import torch
from torch import Tensor, nn

from shelfspace.encoders.pooling import check_heads, masked_softmax, pooled
from shelfspace.encoders.transformer import Transformer
from shelfspace.errors import ConfigError


class Mean(nn.Module):
    """The mean of the items, whatever their age. Nothing is learnt; the baseline of the others. O(B T D).

    Example:
        >>> items, mask = torch.tensor([[[2.0], [4.0], [9.0]]]), torch.tensor([[True, True, False]])
        >>> Mean(1)(items, torch.zeros(1, 3), mask).tolist()
        [[3.0]]
    """

    def __init__(self, embedding_dim: int, num_kinds: int = 1) -> None:
        super().__init__()

    def forward(self, items: Tensor, age: Tensor, mask: Tensor, kind: Tensor | None = None) -> Tensor:
        """Return float [B, D]."""
        return _there(items, mask).sum(dim=1) / mask.sum(dim=1, keepdim=True).clamp(min=1)


class Recency(nn.Module):
    """The mean of the items weighed by 2^(-age / half_life). The choice where what was last counts most.

    Only differences of age count: of a history long past the latest events still do. O(B T D).

    Args:
        half_life: in the unit of the ages; where it is learnt, its start.
        learnt: whether it is learnt, as a logarithm, so that it stays above 0.

    Raises:
        ConfigError: half_life not above 0.
    """

    log_half_life: Tensor

    def __init__(
        self, embedding_dim: int, num_kinds: int = 1, *, half_life: float = 30.0, learnt: bool = True
    ) -> None:
        super().__init__()
        if not 0 < half_life < math.inf:
            raise ConfigError(f"half_life = {half_life} must be above 0 and finite")
        self.half_life, self.learnt = half_life, learnt
        start = torch.tensor(math.log(half_life))
        if learnt:
            self.log_half_life = nn.Parameter(start)
        else:
            self.register_buffer("log_half_life", start)

    def forward(self, items: Tensor, age: Tensor, mask: Tensor, kind: Tensor | None = None) -> Tensor:
        """Return float [B, D]."""
        weight = masked_softmax(-math.log(2.0) * _passed(age, mask) / self.log_half_life.exp(), mask)
        return pooled(weight.unsqueeze(1), _there(items, mask))


class Attention(nn.Module):
    """One learnt query a head over the items, with a bias for age: softmax_t(q_h · x_t - a_h log(1 + age_t)).

    It starts as weights (1 + age)^-a: a power falls slower than a half-life, so that the distant past is not lost. Each
    head weighs its own share of the D numbers. The choice where some kinds of item say more about a user than others.
    O(B T H D).

    Args:
        num_heads: H; must divide D.
        age_power: the start of a, which is learnt.

    Raises:
        ConfigError: num_heads does not divide D, or age_power is not finite.

    Source: Yang et al. 2016 (a learnt query); Press et al. 2022 (a bias in place of positions).
    """

    def __init__(
        self, embedding_dim: int, num_kinds: int = 1, *, num_heads: int = 1, age_power: float = 0.5
    ) -> None:
        super().__init__()
        check_heads(num_heads, embedding_dim)
        if not math.isfinite(age_power):
            raise ConfigError(f"age_power = {age_power} must be finite")
        self.num_heads, self.age_power = num_heads, age_power
        self.query = nn.Parameter(torch.zeros(num_heads, embedding_dim))
        self.power = nn.Parameter(torch.full((num_heads, 1), age_power))

    def forward(self, items: Tensor, age: Tensor, mask: Tensor, kind: Tensor | None = None) -> Tensor:
        """Return float [B, D]."""
        held = _there(items, mask)
        logit = self.query @ held.transpose(1, 2) - self.power * _passed(age, mask).log1p().unsqueeze(1)
        return pooled(masked_softmax(logit, mask.unsqueeze(1)), held)


def _there(items: Tensor, mask: Tensor) -> Tensor:
    return items.masked_fill(~mask.unsqueeze(-1), 0.0)


def _passed(age: Tensor, mask: Tensor) -> Tensor:
    return age.masked_fill(~mask, 0.0).clamp(min=0.0)


HISTORIES: dict[str, type] = {
    "mean": Mean,
    "recency": Recency,
    "attention": Attention,
    "transformer": Transformer,
}
