"""Models and arrays of a catalogue that grows: what came later has room behind what was there.

N items in all, the first of them those of the space as it was made; D numbers.
"""

from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from shelfspace.encode.learnt import Learnt
from shelfspace.linear.counts import Floats
from shelfspace.linear.popularity import Popularity
from shelfspace.linear.retriever import Arrays, Reason, Retriever, Scores
from shelfspace.linear.vectors import VectorKNN, VectorWeights
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import History

ROOM = 1_024
"""Rows that are made free at least when an array is full."""


class Rows:
    """An array whose rows become more. The first `size` of them are in use; those in use may be overwritten.

    Example:
        >>> rows = Rows(np.zeros((2, 3), np.float32))
        >>> rows.put([2], np.ones((1, 3)))
        >>> rows.held.shape
        (3, 3)
    """

    def __init__(self, given: npt.NDArray[Any], *, own: bool = False) -> None:
        """Take an array; where it is not `own` the first change copies it."""
        self._buffer = given
        self._own = own
        self.size = len(given)

    @property
    def held(self) -> npt.NDArray[Any]:
        """Return the rows in use, not to be changed."""
        return self._buffer[: self.size]

    def put(self, rows: npt.ArrayLike, values: npt.ArrayLike) -> None:
        """Set rows; those behind the end make it longer. O(rows), or O(N) where it has to be moved."""
        places = np.asarray(rows, np.int64)
        if not len(places):
            return
        size = max(self.size, int(places.max()) + 1)
        if size > len(self._buffer) or not self._own:
            shape = (size + max(ROOM, size // 16), *self._buffer.shape[1:])
            grown = np.zeros(shape, self._buffer.dtype)
            grown[: self.size] = self._buffer[: self.size]
            self._buffer, self._own = grown, True
        self._buffer[places] = values
        self.size = size


@dataclass(frozen=True)
class Grown:
    """A model that knows nothing of what came later: its score of that is 0, and past events of it say nothing."""

    part: Any
    num_base: int

    def fit(self, history: History, catalogue: Catalogue) -> "Grown":
        """Refuse: a space that answers is not fitted."""
        raise TypeError("what came later is learnt from by `shelfspace update`")

    def score(self, queries: History) -> Scores:
        """Return float32 [B, N]."""
        found: Scores = np.zeros((len(queries), queries.num_items), np.float32)
        found[:, : self.num_base] = self.part.score(self.asked(queries))
        return found

    def reasons(self, query: History, items: npt.NDArray[np.int32]) -> list[list[Reason]]:
        """Return the parts of each score; of what came later there are none."""
        old = items < self.num_base
        found = iter(self.part.reasons(self.asked(query), items[old]) if old.any() else [])
        return [next(found) if known else [] for known in old.tolist()]

    def arrays(self) -> Arrays:
        """Return what was learnt."""
        found: Arrays = self.part.arrays()
        return found

    def restore(self, arrays: Arrays) -> "Grown":
        """Take what `arrays` gave."""
        return replace(self, part=self.part.restore(arrays))

    def asked(self, queries: History) -> History:
        """Return the pasts as far as the model knows their items."""
        return replace(queries.keep(queries.item < self.num_base), num_items=self.num_base)


def padded(values: Floats, size: int) -> Floats:
    """Return values with 0 behind them, float32 [size]."""
    return (
        np.concatenate([values, np.zeros(size - len(values), np.float32)]) if size > len(values) else values
    )


def grown(part: Retriever, num_base: int, size: int, vectors: npt.NDArray[np.float32] | None) -> Retriever:
    """Return a model of `size` items, the first `num_base` of which it knows.

    Args:
        part: the model; it stays as it is.
        num_base: the items that it was made with.
        size: N.
        vectors: float32 [N, D], the vectors that it goes by, where it goes by vectors.
    """
    if size == num_base and vectors is None:
        return part
    if isinstance(part, Learnt) and vectors is not None:
        more = copy(part)
        more.take(vectors, np.expm1(padded(part.prior, size)), part.encode, padded(part.rising, size))
        if part.towers is not None:
            more.take_towers(part.towers)
        return more
    if isinstance(part, VectorKNN) and vectors is not None:
        more_of = copy(part)
        gain = np.concatenate([part.weights.gain, np.ones(size - num_base, np.float32)])  # type: ignore[attr-defined]
        more_of.vectors, more_of.weights = vectors, VectorWeights(vectors, gain)
        return more_of
    if isinstance(part, Popularity):
        same = copy(part)
        same.popularity = padded(part.popularity, size)
        return same
    return Grown(part, num_base)
