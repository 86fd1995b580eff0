"""Two towers in one space: items, and users by what they did and who they are.

B users, T history length, R rows of L slots where histories are packed, N items, D embedding_dim.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from shelfspace.encoders.fusion import Mean
from shelfspace.encoders.propagation import Propagation
from shelfspace.encoders.transformer import Transformer
from shelfspace.model.tower import Tower

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float32]]


@dataclass(frozen=True)
class Past:
    """What B users did, padded to T.

    item: int64 [B, T];  age: float32 [B, T], in days or steps;  kind: int64 [B, T];  mask: bool [B, T];
    user: int64 [B], their rows of the profile; -1: nobody known.
    """

    item: Tensor
    age: Tensor
    kind: Tensor
    mask: Tensor
    user: Tensor

    def take(self, rows: slice) -> "Past":
        """Return some of the users."""
        return Past(self.item[rows], self.age[rows], self.kind[rows], self.mask[rows], self.user[rows])


@dataclass(frozen=True)
class Packed:
    """What users did, several histories in a row; of each, what B anchors know is read out where they stand.

    item, kind: int64 [R, L];  age: float32 [R, L];  segment: int64 [R, L], equal within a history, -1 where a slot is
    free;  hidden: bool [R, L];  at: int64 [B], slots of the rectangle laid flat, -1: an empty history;
    user: int64 [B], as in `Past`.
    """

    item: Tensor
    age: Tensor
    kind: Tensor
    segment: Tensor
    hidden: Tensor
    at: Tensor
    user: Tensor

    def take(self, rows: slice) -> "Packed":
        """Return some of the anchors; the histories stay."""
        return replace(self, at=self.at[rows], user=self.user[rows])


class UserTower(nn.Module):
    """A user's history, pooled over item vectors, beside their profile; one of them where the other is missing."""

    def __init__(self, history: nn.Module | None, profile: Tower | None, embedding_dim: int) -> None:
        super().__init__()
        self.history, self.profile = history, profile
        self.join = Mean(2, embedding_dim)

    def forward(self, items: Tensor, past: Past | Packed) -> Tensor:
        """Return float [B, D] from item vectors [B, T, D], or [R, L, D] where histories are packed."""
        known = past.user >= 0
        profile = self.profile(past.user.clamp(min=0)) if self.profile is not None else None
        if isinstance(past, Past):
            return self.joined(items, past.age, past.mask, past.kind, profile, known)
        assert isinstance(self.history, Transformer)
        states = self.history.states(items, past.age, past.kind, past.segment, past.hidden)
        there = past.at >= 0
        read = states.flatten(0, 1)[past.at.clamp(min=0)] * there[:, None]
        return self._with_profile(read, there, profile, known)

    def joined(
        self,
        items: Tensor,
        age: Tensor,
        mask: Tensor,
        kind: Tensor,
        profile: Tensor | None,
        known: Tensor,
    ) -> Tensor:
        """Return float [B, D] from item vectors and what the profile gave, where the user is known."""
        if self.history is None:
            assert profile is not None
            return profile * known[:, None]
        return self._with_profile(self.history(items, age, mask, kind), mask.any(dim=1), profile, known)

    def _with_profile(self, pooled: Tensor, there: Tensor, profile: Tensor | None, known: Tensor) -> Tensor:
        if profile is None:
            return pooled
        parts = torch.stack([pooled, profile], dim=1)
        present = torch.stack([there, known & (profile != 0).any(dim=1)], dim=1)
        both: Tensor = self.join(parts, present)
        return both


class Model(nn.Module):
    """The item tower and the user tower.

    Args:
        item: the item tower.
        user: the user tower.
        unit: vectors are of unit length, so that their inner product is the cosine.
        graph: passes the item tower's vectors over who took what; None: they are the items' vectors as they are.
    """

    def __init__(
        self, item: Tower, user: UserTower, *, unit: bool = True, graph: Propagation | None = None
    ) -> None:
        super().__init__()
        self.item, self.user, self.unit, self.graph = item, user, unit, graph

    def items(self, rows: Tensor, shown: Collection[str] | None = None) -> Tensor:
        """Return item vectors, float [b, D], for rows int64 [b]; in training each call is another view of them.

        They are seen by the fields named, else by all. With a graph the whole catalogue is encoded and propagated,
        whatever is asked for, and seen by all its fields.
        """
        if self.graph is None:
            return self.scaled(self.item(rows, shown))
        return self.scaled(self.graph(self.item(self._every()))[rows])

    def users(self, past: Past | Packed, vectors: Tensor, place: Tensor) -> Tensor:
        """Return user vectors, float [B, D]; `vectors[place]` are those of `past.item`."""
        return self.scaled(self.user(vectors[place], past))

    def scaled(self, vectors: Tensor) -> Tensor:
        """Return the vectors at unit length, where the model is so; a vector of 0 stays 0."""
        return functional.normalize(vectors, dim=-1, eps=1e-6) if self.unit else vectors

    def all_items(self, size: int = 8192) -> Tensor:
        """Return the vectors of all items, float32 [N, D], without gradient and without drop-out."""
        was = self.training
        self.eval()
        with torch.no_grad():
            rows = self._every()
            blocks = [self.item(rows[start : start + size]) for start in range(0, len(rows), size)]
            vectors = torch.cat(blocks) if blocks else torch.zeros((0, self.item.embedding_dim))
            vectors = self.scaled(vectors if self.graph is None else self.graph(vectors))
        self.train(was)
        return vectors

    def _every(self) -> Tensor:
        return torch.arange(self.item.num_rows)
