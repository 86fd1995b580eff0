"""Another wording of the same text: words hidden, moved, and replaced by what means the same. B rows, L words."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from shelfspace.encoders.view import View


class Wording(View):
    """Words int64 [B, L], -1 where there is none, as another could have written them.

    A row keeps at least one word, and what is hidden leaves an empty place.

    Args:
        groups: words that mean the same, int64 each; a word in two groups is of the last.
        hide: the share of words that is hidden.
        swap: the share of words that change places with the next.
        replace: the share of words in a group that one of it, drawn alike, stands in for.

    Cost: O(B L log L).

    Sources: Wei and Zou 2019 (EDA); Gao, Yao and Chen 2021 (SimCSE: two drop-outs of a text as two views).
    """

    group: Tensor
    members: Tensor
    sizes: Tensor

    def __init__(
        self,
        groups: Sequence[npt.NDArray[np.int64]] = (),
        *,
        hide: float = 0.0,
        swap: float = 0.0,
        replace: float = 0.0,
    ) -> None:
        super().__init__()
        self.hide, self.swap, self.replace = hide, swap, replace if groups else 0.0
        highest, widest = (max(f(g) for g in groups) if groups else 0 for f in (np.max, len))
        group, members = np.full(int(highest) + 1, -1, np.int64), np.zeros((len(groups), widest), np.int64)
        for n, words in enumerate(groups):
            group[words], members[n, : len(words)] = n, words
        for name, array in (("group", group), ("members", members)):
            self.register_buffer(name, torch.from_numpy(array), persistent=False)
        self.register_buffer("sizes", torch.tensor([len(g) for g in groups]), persistent=False)

    def altered(self, given: Tensor) -> Tensor:
        """Return other words, int64 [B, L]."""
        ids = self._replaced(given) if self.replace else given
        ids = self._swapped(ids) if self.swap else ids
        return self._hidden(ids) if self.hide else ids

    def _replaced(self, ids: Tensor) -> Tensor:
        known = (ids >= 0) & (ids < len(self.group))
        group = torch.where(known, self.group[ids.clamp(0, len(self.group) - 1)], -1)
        chosen = (group >= 0) & (torch.rand(ids.shape) < self.replace)
        size = self.sizes[group.clamp(min=0)]
        other = self.members[group.clamp(min=0), (torch.rand(ids.shape) * size).long()]
        return torch.where(chosen, other, ids)

    def _swapped(self, ids: Tensor) -> Tensor:
        """A word that moves is drawn behind its neighbour; sorting by where words are drawn to moves them."""
        place = torch.arange(ids.shape[1]).expand_as(ids)
        moved = (torch.rand(ids.shape) < self.swap) & (ids >= 0)
        order = (place + 1.5 * moved + (ids < 0) * ids.shape[1]).argsort(dim=1, stable=True)
        return ids.gather(1, order)

    def _hidden(self, ids: Tensor) -> Tensor:
        drawn = torch.where(ids >= 0, torch.rand(ids.shape), -1.0)
        kept = (drawn >= self.hide) | (drawn == drawn.amax(dim=1, keepdim=True))
        return torch.where(kept, ids, -1)
