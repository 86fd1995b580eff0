"""What goes with an item: baskets first, what like items' baskets lend, then what the categories foretell. N items."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from shelfspace.bundling.baskets import Baskets, Floats, Rows
from shelfspace.bundling.kinds import Kinds

Vectors = npt.NDArray[np.float32]

PARTS = ("baskets", "like products", "categories", "chance")
"""What a score is made of; what chance would give counts against it."""

LIKE = 0.7
"""The cosine from which two items without a category count as one kind."""


@dataclass(frozen=True, kw_only=True)
class Weighing:
    """How counts become a score.

    drawn: expected baskets at which an item's own count and what is foretold count alike;
    lent: the same of what like items lend, against what the categories foretell;
    popular: 1 ranks by how many baskets more than by chance, 0 by lift alone;
    substitutes: 0 lets alike items be, 1 asks them to be together more often than their kind is;
    rare: how much more an item of a basket says the rarer it is.
    """

    drawn: float = 0.3
    lent: float = 1.0
    popular: float = 0.6
    substitutes: float = 1.0
    rare: float = 0.2


@dataclass(frozen=True)
class Scored:
    """The scores of all items for what was asked: parts [4, N], in the order of `PARTS`; they sum to the score."""

    parts: Floats

    @property
    def score(self) -> Floats:
        """Return float64 [N]."""
        total: Floats = self.parts.sum(axis=0)
        return total

    @property
    def smoothed(self) -> Floats:
        """Return how much of what speaks for each item is not from the asked item's own baskets, float64 [N]."""
        whole = self.parts[:3].sum(axis=0)
        found: Floats = np.divide(
            self.parts[1:3].sum(axis=0), whole, out=np.ones(len(whole)), where=whole > 0
        )
        return found


@dataclass(frozen=True)
class Complements:
    """Lift with what goes before it.

    The lift of a pair is a rate: n_ij baskets seen where e_ij = n_i n_j / B were expected. It is drawn towards a
    prior, (n_ij + drawn · prior) / (e_ij + drawn), the mean of a gamma distribution given a Poisson count (DuMouchel
    1999). The prior is itself such a rate: of the baskets of like items, drawn towards that of the two categories.
    For a pair of one kind the lift is then divided by the kind's own, raised to `substitutes`: what is left is
    association beyond what their likeness foretells. The score is (lift - 1) · (n_j / B)^popular, what the item brings
    beyond chance (at 1 and without smoothing the leverage of Piatetsky-Shapiro 1991, over n_i / B); that of several
    items is the mean of theirs, each weighed by n_i^-rare.

    Cost: some milliseconds an item and 100 thousand items: one sparse product over the baskets that hold it.
    """

    baskets: Baskets
    kinds: Kinds
    weighing: Weighing = Weighing()
    num_like: int = 20

    def weighed(self, weighing: Weighing) -> Self:
        """Return the same, weighed otherwise."""
        return type(self)(self.baskets, self.kinds, weighing, self.num_like)

    def scored(self, row: int, vectors: Vectors) -> Scored:
        """Return the scores of all items beside one; its own is 0.

        Args:
            row: the item.
            vectors: float32 [N, D], unit length, by which like items are found.
        """
        return self.counted(row, vectors).weighed(self.weighing)

    def several(self, rows: Rows, vectors: Vectors) -> tuple[Scored, list[Scored]]:
        """Return the scores of all items beside several, and what each of these adds."""
        return joined([self.counted(int(row), vectors) for row in rows], self.weighing)

    def counted(self, row: int, vectors: Vectors) -> "Counted":
        """Return all that is counted of an item, before it is weighed."""
        baskets, sold = self.baskets, self.baskets.sold
        total = max(1, len(baskets))
        near, cosine, alike = self._like(row, vectors)
        weight = np.maximum(cosine, 0.0) ** 2
        both, expected = baskets.together([row]), sold[row] * sold / total
        both[row] = expected[row] = 0.0
        foretold = self.kinds.lifts(row)
        prior = float(self.kinds.own[self.kinds.narrow[row]]) if self.kinds.narrow[row] >= 0 else 1.0
        kin = (both[alike].sum() + prior) / (expected[alike].sum() + 1.0)
        lent = baskets.together(near, weight)
        lent[near] -= weight * sold[near]  # a like item lends what goes with it, not itself
        return Counted(
            row,
            float(sold[row]),
            both,
            expected,
            np.maximum(lent, 0.0),
            float(weight @ sold[near]) * sold / total,
            foretold,
            alike,
            max(1.0, float(kin)),
            (sold + 0.1) / total,
        )

    def _like(self, row: int, vectors: Vectors) -> tuple[Rows, Floats, npt.NDArray[np.bool_]]:
        """Return the nearest sold items of the same kind, their cosines, and which items are of that kind."""
        narrow = self.kinds.narrow
        if narrow[row] >= 0:
            alike = narrow == narrow[row]
            alike[row] = False
            rows = np.flatnonzero(alike & (self.baskets.sold > 0))
            cosine = (vectors[rows] @ vectors[row]).astype(np.float64)
        else:
            every = (vectors @ vectors[row]).astype(np.float64)
            alike = every >= LIKE
            alike[row] = False
            every[row] = -np.inf
            every[self.baskets.sold == 0] = -np.inf
            size = min(self.num_like, len(every))
            rows = np.sort(np.argpartition(-every, size - 1)[:size])
            rows = rows[np.isfinite(every[rows])]
            cosine = every[rows]
        best = np.argsort(-cosine, kind="stable")[: self.num_like]
        best = best[cosine[best] > 0]
        return rows[best], cosine[best], alike


@dataclass(frozen=True)
class Counted:
    """What is counted of one item with all others, [N] each.

    sold: the baskets of the item;
    both, expected: baskets with both, and how many chance would give;  lent, lent_expected: the same of like items;
    foretold: the lift of the categories;  alike: which are of the same kind;  kin: the lift of that kind;
    share: how many of all baskets hold each.
    """

    row: int
    sold: float
    both: Floats
    expected: Floats
    lent: Floats
    lent_expected: Floats
    foretold: Floats
    alike: npt.NDArray[np.bool_]
    kin: float
    share: Floats

    def weighed(self, weighing: Weighing) -> Scored:
        """Return the scores."""
        drawn, spread = weighing.drawn, self.expected + weighing.drawn
        under = self.lent_expected + weighing.lent
        size = self.share**weighing.popular
        size[self.row] = 0.0
        chance = -size
        size = size.copy()
        size[self.alike] *= self.kin**-weighing.substitutes
        parts = (self.both, drawn * self.lent / under, drawn * weighing.lent * self.foretold / under)
        return Scored(np.stack([*(part * size / spread for part in parts), chance]))


def joined(counted: Sequence[Counted], weighing: Weighing) -> tuple[Scored, list[Scored]]:
    """Return the scores of all items beside several, and what each of these adds."""
    weight = np.array([one.sold + 1.0 for one in counted]) ** -weighing.rare
    weight /= weight.sum()
    each = [Scored(one.weighed(weighing).parts * w) for one, w in zip(counted, weight, strict=True)]
    return Scored(np.sum([one.parts for one in each], axis=0)), each
