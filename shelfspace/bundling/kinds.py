"""Kinds of products: whether two do for each other, and how often their categories go together. N items, G groups."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shelfspace.bundling.baskets import Baskets, Floats
from shelfspace.shop.catalogue import Catalogue

MOST_GROUPS = 1024
"""Categories whose co-occurrence is counted one against the other; where there are more, broader ones are."""

DRAWN = 5.0
"""Expected pairs with which a category's lift is drawn towards 1."""

Ints = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Kinds:
    """What the categories say.

    narrow: int32 [N], the whole category of an item, -1 where it has none;
    group: int32 [N], a broader one, or the same;
    own: float32, by narrow category, how much more often than by chance two of it are in one basket;
    lift: float32 [G + 1, G + 1], the same for two groups; the last is for items without one, of lift 1.
    """

    narrow: Ints
    group: Ints
    own: npt.NDArray[np.float32]
    lift: npt.NDArray[np.float32]

    @classmethod
    def of(cls, catalogue: Catalogue, baskets: Baskets) -> Self:
        """Count how often categories are in one basket, pair of items by pair of items."""
        paths = _paths(catalogue)
        narrow, _ = _coded(paths)
        depth = max(map(len, paths), default=0)
        group, size = narrow, int(narrow.max(initial=-1)) + 1
        while size > MOST_GROUPS and depth > 1:
            depth -= 1
            group, size = _coded([path[:depth] for path in paths])
        own = _lifts(narrow, baskets, diagonal=True)
        if size > MOST_GROUPS:  # of one step, and too many: nothing broader to count by
            group, size = np.full(len(paths), -1, np.int32), 0
        lift = np.ones((size + 1, size + 1), np.float32)
        lift[:size, :size] = _lifts(group, baskets).reshape(size, size)
        return cls(narrow, group, own, lift)

    def lifts(self, row: int) -> Floats:
        """Return what the categories foretell of an item with each other, float64 [N], 1 where they say nothing."""
        found: Floats = self.lift[self.group[row]][self.group].astype(np.float64)  # -1 is the last
        if self.narrow[row] >= 0:
            found[self.narrow == self.narrow[row]] = self.own[self.narrow[row]]
        return found


def _paths(catalogue: Catalogue) -> list[tuple[str, ...]]:
    column = catalogue.column("category")
    if column is None:
        return [()] * len(catalogue)
    return [tuple(path) if isinstance(path, list) else (path,) if path else () for path in column.to_pylist()]


def _coded(paths: list[tuple[str, ...]]) -> tuple[Ints, int]:
    """Return a number for each path, -1 for an empty one, and how many there are."""
    known = {path: n for n, path in enumerate(sorted({path for path in paths if path}))}
    return np.array([known.get(path, -1) for path in paths], np.int32).reshape(-1), len(known)


def _lifts(group: Ints, baskets: Baskets, *, diagonal: bool = False) -> npt.NDArray[np.float32]:
    """Return by how much pairs of items of two groups are together more often than by chance, drawn towards 1."""
    size = int(group.max(initial=-1)) + 1
    some = np.flatnonzero(group >= 0)
    into = sparse.csr_array((np.ones(len(some)), (some, group[some])), shape=(len(group), size))
    held = sparse.csr_array(baskets.members @ into)
    sold, total = baskets.sold, max(1, len(baskets))
    itself, squares, sums = into.T @ sold, into.T @ sold**2, into.T @ sold
    if diagonal:
        both = held.multiply(held).sum(axis=0) - itself
        expected = (sums**2 - squares) / total
    else:
        both = np.asarray((held.T @ held).todense()) - np.diag(itself)
        expected = (np.outer(sums, sums) - np.diag(squares)) / total
    found: npt.NDArray[np.float32] = (both + DRAWN) / (np.maximum(expected, 0.0) + DRAWN)
    return found.astype(np.float32)
