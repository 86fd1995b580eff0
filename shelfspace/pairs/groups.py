"""Items that share something (a basket, a category, an edge of the graph), and pairs of two of them.

B batch, N items, G groups, M memberships: an item in a group.
"""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shelfspace.pairs.drawing import Categorical, expected, tempered
from shelfspace.pairs.pairs import Kind, Pairs, Sources
from shelfspace.pairs.positives import Marker, SharedValues

Ints = npt.NDArray[np.integer]


@dataclass(frozen=True)
class Groups:
    """Groups of at least two different items.

    group: int64 [M], ascending, from 0 without holes;  item: int32 [M], ascending within a group;
    weight: float64 [M], above 0;  num_items: N.
    """

    group: npt.NDArray[np.int64]
    item: npt.NDArray[np.int32]
    weight: npt.NDArray[np.float64]
    num_items: int

    @classmethod
    def of(cls, group: Ints, item: Ints, weight: npt.NDArray[np.float64] | None, *, num_items: int) -> Self:
        """Group items: each once, with the greatest of its weights; groups of one are left out. O(M log M).

        Args:
            group: what each row belongs to, -1 where to nothing.
            item: the item of each row.
            weight: of each row, 1 without; rows of weight 0 are left out.
            num_items: N.
        """
        weight = np.ones(len(group)) if weight is None else weight
        some = (group >= 0) & (weight > 0)
        key = group[some].astype(np.int64) * num_items + item[some]
        order = np.argsort(key, kind="stable")
        distinct, start = np.unique(key[order], return_index=True)
        if not len(distinct):
            return cls(np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0), num_items)
        greatest = np.maximum.reduceat(weight[some][order], start)
        number, size = np.unique(distinct // num_items, return_inverse=True, return_counts=True)[1:]
        several = size[number] > 1
        renumbered = np.cumsum(size > 1) - 1
        items = (distinct % num_items).astype(np.int32)
        return cls(renumbered[number[several]], items[several], greatest[several], num_items)

    def __len__(self) -> int:
        return int(self.group[-1]) + 1 if len(self.group) else 0

    def indptr(self) -> npt.NDArray[np.int64]:
        """Return where each group begins and the last one ends, int64 [G + 1]."""
        return np.searchsorted(self.group, np.arange(len(self) + 1))

    def members(self) -> sparse.csr_array:
        """Return who is in which group, float32 [G, N] of ones."""
        ones = np.ones(len(self.item), np.float32)
        return sparse.csr_array((ones, self.item, self.indptr()), shape=(len(self), self.num_items))


class OfGroups:
    """Draws a group, then two different items of it.

    P(group) ∝ W^power, W the sum of its weights; P(anchor | group) = w / W; P(positive | anchor) = w / (W - w
    of the anchor). Without weights W is the size of the group, and its pairs are drawn alike.
    """

    kind: ClassVar[Kind] = "item"
    counts: npt.NDArray[np.float64]
    sources: Sources
    groups: Groups
    law: Categorical

    def take(self, sources: Sources, groups: Groups, power: float) -> None:
        """Make the law of the groups. O(M), some 45 bytes a membership."""
        self.sources, self.groups = sources, groups
        group, weight = groups.group, groups.weight
        self.start, self.stop = groups.indptr()[:-1], groups.indptr()[1:]
        self.before = np.concatenate([[0.0], np.cumsum(weight)])
        probability = tempered(weight, group, power)
        self.law = Categorical(probability)
        total = np.bincount(group, weight)[group]
        after = weight / total / np.maximum(total - weight, np.finfo(np.float64).eps * total)
        others = np.maximum(np.bincount(group, after)[group] - after, 0.0)
        as_positive = np.bincount(group, probability)[group] * weight * others
        self.counts = expected(groups.item, as_positive, num_items=groups.num_items, draws=len(group))

    def __len__(self) -> int:
        return len(self.groups.item)

    def draw(self, rng: np.random.Generator, size: int) -> Pairs:
        """Draw B pairs. The positive is found where the anchor's own share of the group is cut out. O(B log M)."""
        anchor = self.law.draw(rng, size)
        group = self.groups.group[anchor]
        start, stop = self.start[group], self.stop[group]
        low, own = self.before[start], self.groups.weight[anchor]
        at = low + rng.random(size) * (self.before[stop] - low - own)
        at += np.where(at >= self.before[anchor], own, 0.0)
        positive = np.clip(np.searchsorted(self.before, at, side="right") - 1, start, stop - 1)
        self_drawn = positive == anchor  # by rounding alone: then a neighbour
        positive += np.where(self_drawn, np.where(anchor + 1 < stop, 1, -1), 0)
        item = self.groups.item
        pairs = Pairs("item", item[anchor], item[positive], np.ones(size, np.float32))
        return pairs.take(rng.permutation(size))

    def positives(self) -> Marker:
        """Return what marks items that share a group with the anchor."""
        return SharedValues.of(self.groups.members(), self.sources.catalogue)
