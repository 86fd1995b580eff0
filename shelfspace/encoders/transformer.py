"""A transformer over what a user did.

B histories, R rows that hold several histories, L slots of a row (T where a row is one history), H heads, D
embedding_dim.
"""

import math
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn import functional

from shelfspace.config import Range
from shelfspace.encoders.encoder import check_count, check_share
from shelfspace.encoders.pooling import check_heads, masked_softmax
from shelfspace.errors import ConfigError


class Transformer(nn.Module):
    """Attention over the events of a history, by item, order, time between events and event kind.

    What is read out stands at the last event. Weights begin so that it is the last item's own vector, normalised, of
    which training makes the next one's. Histories of unequal length share the rows of a batch (`states`), and each
    attends to itself alone: nothing is spent on padding, and where it is causal, every event of a history is read out
    in one pass.

    Args:
        embedding_dim: D.
        num_kinds: how many kinds of event there are; with more than one each has a vector that is added.
        num_blocks: attention and two linear layers, so often.
        num_heads: H; must divide D.
        hidden: hidden units of the linear layers, as a multiple of D.
        dropout: the share of numbers hidden in training, of the input and after each layer.
        causal: an event attends to those before it and itself. False: to all, and what is read out is a slot of its
            own after the last event, as hidden events (`hidden_item`) are in training.
        positions: distances between events that have a bias of their own for each head, and places in the history
            that have a vector, which is added; farther ones share the last. 0: order is not looked at.
        gaps: each head has a bias -a log(1 + time between two events), a learnt from 0.

    Cost: O(R L D (D + L)) time, O(R H L²) memory. At D = 64 the linear layers dominate up to some hundred events.

    Raises:
        ConfigError: a setting that cannot be meant.

    Sources: Kang and McAuley 2018 (SASRec); Sun et al. 2019 (BERT4Rec, not causal); Li, Wang and McAuley 2020
    (TiSASRec, times between events); Shaw et al. 2018 and Zhai et al. 2024 (HSTU: relative biases in place of
    positions).
    """

    reads_runs = True
    """Histories may be packed, and with `causal` read out at every event."""

    def __init__(
        self,
        embedding_dim: int,
        num_kinds: int = 1,
        *,
        num_blocks: Annotated[int, Range(1, 4)] = 2,
        num_heads: int = 2,
        hidden: int = 4,
        dropout: Annotated[float, Range(0.0, 0.6)] = 0.4,
        causal: bool = True,
        positions: int = 50,
        gaps: bool = True,
    ) -> None:
        super().__init__()
        check_heads(num_heads, embedding_dim)
        check_count("num_blocks", num_blocks)
        check_count("hidden", hidden)
        check_share("dropout", dropout)
        if positions < 0:
            raise ConfigError(f"positions = {positions} must not be below 0")
        self.num_blocks, self.num_heads, self.hidden = num_blocks, num_heads, hidden
        self.dropout, self.causal, self.positions, self.gaps = dropout, causal, positions, gaps
        self.kinds = nn.Embedding(num_kinds, embedding_dim) if num_kinds > 1 else None
        if self.kinds is not None:
            nn.init.zeros_(self.kinds.weight)
        self.unseen = nn.Parameter(torch.randn(embedding_dim) * embedding_dim**-0.5)
        self.places = nn.Embedding(positions, embedding_dim) if positions else None
        if self.places is not None:
            nn.init.normal_(self.places.weight, std=0.02)
        self.enter = nn.LayerNorm(embedding_dim)
        self.blocks = nn.ModuleList(
            _Block(embedding_dim, num_heads, hidden, dropout, positions, gaps=gaps) for _ in range(num_blocks)
        )

    def forward(self, items: Tensor, age: Tensor, mask: Tensor, kind: Tensor) -> Tensor:
        """Return float [B, D] from items [B, T, D], age [B, T], mask [B, T] (the latest last) and kind [B, T]."""
        segment = mask.long() - 1
        hidden = torch.zeros_like(mask)
        if not self.causal:
            items, age, segment, hidden = self._asking(items, age, segment, hidden)
            kind = functional.pad(kind, (0, 1))
        place = torch.arange(segment.shape[1], device=segment.device)
        last = ((segment >= 0) * (place + 1)).argmax(dim=1)
        states = self.states(items, age, kind, segment, hidden)
        read = states.gather(1, last[:, None, None].expand(-1, 1, states.shape[2]))[:, 0]
        return read * mask.any(dim=1, keepdim=True)

    def states(self, items: Tensor, age: Tensor, kind: Tensor, segment: Tensor, hidden: Tensor) -> Tensor:
        """Return float [R, L, D], what stands at every slot.

        Args:
            items: float [R, L, D].
            age: float [R, L].
            kind: int64 [R, L].
            segment: int64 [R, L], equal where slots belong to one history, -1 where they are free; a history's slots
                follow one another.
            hidden: bool [R, L], slots of which the item is not shown.
        """
        x = torch.where(hidden.unsqueeze(-1), self.unseen, items)
        if self.kinds is not None:
            x = x + self.kinds(kind)
        place = torch.arange(items.shape[1], device=items.device)
        distance = place[:, None] - place[None, :]
        seen = segment[:, :, None] == segment[:, None, :]
        if self.causal:
            seen = seen & (distance >= 0)
        if self.places is not None:
            before = (seen & (distance > 0)).sum(dim=2)
            x = x + self.places(before.clamp(max=self.positions - 1))
        passed = (age[:, None, :] - age[:, :, None]).abs().log1p() if self.gaps else None
        x = functional.dropout(self.enter(x), self.dropout, self.training)
        for block in self.blocks:
            x = block(x, seen.unsqueeze(1), distance, passed)
        return x

    def _asking(
        self, items: Tensor, age: Tensor, segment: Tensor, hidden: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Add a slot after the last event, of which the item is not shown."""
        return (
            functional.pad(items, (0, 0, 0, 1)),
            functional.pad(age, (0, 1)),
            functional.pad(segment, (0, 1)),
            functional.pad(hidden, (0, 1), value=True),
        )


class _Block(nn.Module):
    """Attention, then two linear layers; each is added to what came in, and the sum normalised."""

    def __init__(
        self, dim: int, num_heads: int, hidden: int, dropout: float, positions: int, *, gaps: bool
    ) -> None:
        super().__init__()
        self.num_heads, self.dropout = num_heads, dropout
        self.attended, self.left = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.into, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.widen, self.narrow = nn.Linear(dim, hidden * dim), nn.Linear(hidden * dim, dim)
        for layer in (self.into, self.out, self.widen, self.narrow):
            nn.init.normal_(layer.weight, std=0.02)
            nn.init.zeros_(layer.bias)
        self.near = nn.Parameter(torch.zeros(num_heads, 2 * positions + 1)) if positions else None
        self.slope = nn.Parameter(torch.zeros(num_heads)) if gaps else None

    def forward(self, x: Tensor, seen: Tensor, distance: Tensor, passed: Tensor | None) -> Tensor:
        """Return float [R, L, D] from x [R, L, D], seen [R, 1, L, L], distance [L, L] and passed [R, L, L]."""
        mixed = self.attended(x + self._dropped(self._attention(x, seen, distance, passed)))
        inner = self.narrow(functional.gelu(self.widen(mixed)))
        left: Tensor = self.left(mixed + self._dropped(inner))
        return left

    def _attention(self, x: Tensor, seen: Tensor, distance: Tensor, passed: Tensor | None) -> Tensor:
        rows, length, dim = x.shape
        heads = self.into(x).view(rows, length, 3, self.num_heads, dim // self.num_heads)
        query, key, value = heads.permute(2, 0, 3, 1, 4)
        logit = query @ key.transpose(-2, -1) / math.sqrt(dim // self.num_heads)
        if self.near is not None:
            most = self.near.shape[1] // 2
            logit = logit + self.near[:, distance.clamp(-most, most) + most]
        if self.slope is not None and passed is not None:
            logit = logit - self.slope[:, None, None] * passed.unsqueeze(1)
        mixed = (masked_softmax(logit, seen) @ value).transpose(1, 2).reshape(rows, length, dim)
        found: Tensor = self.out(mixed)
        return found

    def _dropped(self, x: Tensor) -> Tensor:
        return functional.dropout(x, self.dropout, self.training)
