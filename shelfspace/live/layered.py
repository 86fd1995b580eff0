"""An index that does not change, and beside it what came later. N rows in all, M of them beside it, B queries."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shelfspace.index import Found, Index
from shelfspace.index.checks import (
    checked_additions,
    checked_filters,
    checked_rows,
    checked_vectors,
    fit_flags,
)
from shelfspace.index.protocol import Rows, Vectors


class Layered:
    """An index over one that several processes share; what is added is looked at row by row.

    A search costs what it costs below, and O(B M D).

    Example:
        >>> from shelfspace.index import Exact
        >>> below = Exact(2)
        >>> below.add([0, 1], [[1.0, 0.0], [0.0, 1.0]])
        >>> index = Layered(below)
        >>> index.add([2], [[0.8, 0.6]])
        >>> index.search([[1.0, 0.0]], 2)[0].tolist()
        [[0, 2]]
    """

    def __init__(self, below: Index) -> None:
        self.below = below
        self.dim = below.dim
        self._rows: Rows = np.zeros(0, np.int32)
        self._vectors: Vectors = np.zeros((0, below.dim), np.float32)
        self._hidden: Rows = np.zeros(0, np.int32)
        self._length = len(below)
        present = getattr(below, "present", None)
        self._capacity = len(below) if present is None else len(present)

    def __len__(self) -> int:
        return self._length

    def add(self, rows: npt.ArrayLike, vectors: npt.ArrayLike) -> None:
        """Put vectors at rows; see `Index.add`. O(M D)."""
        good, array = checked_additions(rows, vectors, self.dim)
        kept = ~np.isin(self._rows, good)
        there = self._there(good)
        both = np.concatenate([self._rows[kept], good])
        order = np.argsort(both)
        self._vectors = np.concatenate([self._vectors[kept], array])[order]
        self._rows = both[order]
        self._hidden = np.union1d(self._hidden, good).astype(np.int32)
        self._length += int(np.count_nonzero(~there))

    def remove(self, rows: npt.ArrayLike) -> None:
        """Take rows out; see `Index.remove`."""
        good = np.unique(checked_rows(rows))
        self._length -= int(np.count_nonzero(self._there(good)))
        kept = ~np.isin(self._rows, good)
        self._rows, self._vectors = self._rows[kept], self._vectors[kept]
        self._hidden = np.union1d(self._hidden, good).astype(np.int32)

    def search(
        self,
        queries: npt.ArrayLike,
        k: int,
        *,
        allowed: npt.NDArray[np.bool_] | None = None,
        exclude: sparse.csr_array | None = None,
    ) -> Found:
        """Return the k best rows of each query; see `Index.search`."""
        if not len(self._hidden):
            return self.below.search(queries, k, allowed=allowed, exclude=exclude)
        asked = checked_vectors(queries, self.dim, "queries")
        checked_filters(len(asked), k, allowed, exclude)
        size = max(int(self._hidden[-1]) + 1, self._capacity if allowed is None else len(allowed))
        flags = fit_flags(allowed, size) if allowed is not None else np.ones(size, bool)
        below = flags.copy()
        below[self._hidden] = False
        found, scores = self.below.search(asked, k, allowed=below, exclude=exclude)
        beside = np.flatnonzero(flags[self._rows])
        if not len(beside):
            return found, scores
        rows = self._rows[beside]
        own = asked @ self._vectors[beside].T
        if exclude is not None:
            own[exclude[:, rows].toarray() != 0] = -np.inf
        every = np.concatenate([scores, own], axis=1)
        names = np.concatenate(
            [found, np.where(np.isneginf(own), -1, np.tile(rows, (len(asked), 1)))], axis=1
        )
        order = np.lexsort((names, -every), axis=1)[:, :k]
        return np.take_along_axis(names, order, axis=1).astype(np.int32), np.take_along_axis(
            every, order, axis=1
        )

    def save(self, folder: Path) -> None:
        """Refuse: `shelfspace update` makes one index of both."""
        raise TypeError("an index with what came later is not saved: `shelfspace update` makes one of both")

    def load(self, folder: Path) -> None:
        """Refuse, as `save` does."""
        raise TypeError("an index with what came later is not loaded")

    def _there(self, rows: Rows) -> npt.NDArray[np.bool_]:
        """Return which of these rows are in the index now."""
        in_below = self._below_has(rows) & ~np.isin(rows, self._hidden)
        found: npt.NDArray[np.bool_] = np.isin(rows, self._rows) | in_below
        return found

    def _below_has(self, rows: Rows) -> npt.NDArray[np.bool_]:
        present = getattr(self.below, "present", None)
        if present is None:
            return rows < len(self.below)
        return fit_flags(present, int(rows.max(initial=-1)) + 1)[rows]
