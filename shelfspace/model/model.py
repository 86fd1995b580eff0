"""Two towers in one space: items, and users by what they did and who they are.

B users, T history length, N items, D embedding_dim.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from shelfspace.encoders.fusion import Mean
from shelfspace.encoders.propagation import Propagation
from shelfspace.model.tower import Tower

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float32]]


@dataclass(frozen=True)
class Past:
    """What B users did, padded to T: item int64 [B, T], age float32 [B, T] in days or steps, mask bool [B, T].

    user: int64 [B], their rows of the profile; -1: nobody known.
    """

    item: Tensor
    age: Tensor
    mask: Tensor
    user: Tensor

    def take(self, rows: slice) -> "Past":
        """Return some of the users."""
        return Past(self.item[rows], self.age[rows], self.mask[rows], self.user[rows])


class UserTower(nn.Module):
    """A user's history, pooled over item vectors, beside their profile; one of them where the other is missing."""

    def __init__(self, history: nn.Module | None, profile: Tower | None, embedding_dim: int) -> None:
        super().__init__()
        self.history, self.profile = history, profile
        self.join = Mean(2, embedding_dim)

    def forward(self, items: Tensor, age: Tensor, mask: Tensor, user: Tensor) -> Tensor:
        """Return float [B, D] from item vectors [B, T, D]."""
        known = user >= 0
        profile = self.profile(user.clamp(min=0)) if self.profile is not None else None
        return self.joined(items, age, mask, profile, known)

    def joined(
        self, items: Tensor, age: Tensor, mask: Tensor, profile: Tensor | None, known: Tensor
    ) -> Tensor:
        """Return float [B, D] from item vectors and what the profile gave, where the user is known."""
        if self.history is None:
            assert profile is not None
            return profile * known[:, None]
        pooled: Tensor = self.history(items, age, mask)
        if profile is None:
            return pooled
        parts = torch.stack([pooled, profile], dim=1)
        present = torch.stack([mask.any(dim=1), known & (profile != 0).any(dim=1)], dim=1)
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

    def items(self, rows: Tensor) -> Tensor:
        """Return item vectors, float [b, D], for rows int64 [b]; in training each call is another view of them.

        With a graph the whole catalogue is encoded and propagated, whatever is asked for.
        """
        if self.graph is None:
            return self.scaled(self.item(rows))
        return self.scaled(self.graph(self.item(self._every()))[rows])

    def users(self, past: Past, vectors: Tensor, place: Tensor) -> Tensor:
        """Return user vectors, float [B, D]; `vectors[place]` are those of `past.item`."""
        return self.scaled(self.user(vectors[place], past.age, past.mask, past.user))

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
        return torch.arange(len(self.item.present))
