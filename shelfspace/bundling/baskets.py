"""The shop's baskets, and what is in them together. B baskets, N items, E events."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shelfspace.errors import DataError
from shelfspace.shop.cooccurrence import groups
from shelfspace.shop.history import History

Source = Literal["baskets", "sessions"]
Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Baskets:
    """Which items each basket holds, one of each.

    members: float32 [B, N], 1 where the item is in the basket, earliest basket first;
    time: float64 [B], when it was begun;  source: whether they are baskets, or sessions for lack of them;
    kind: of the events, an index into the shop's kinds.
    """

    members: sparse.csr_array
    time: Floats
    source: Source = "baskets"
    kind: int = 0

    @classmethod
    def of(cls, history: History) -> Self:
        """Put together what was bought together: events of the kind that counts most, by basket or by session.

        Those are the purchases, where the shop tells them from views.

        Raises:
            DataError: events name neither a basket nor a session, nor a time by which to tell sessions.
        """
        kind = _heaviest(history)
        if (history.basket[history.kind == kind] >= 0).any():
            return cls._of(history, kind, "baskets")
        if history.clock != "calendar" or not history.num_events:
            raise DataError(
                "nothing says what was bought together: map `basket_id` or `session_id` in [events], "
                "or a timestamp with `user_id`"
            )
        return cls._of(history, kind, "sessions")

    def alike(self, history: History) -> Self:
        """Put another part of the history together in the same way."""
        return self._of(history, self.kind, self.source)

    def grouped(self, history: History) -> tuple[History, npt.NDArray[np.int64]]:
        """Return the purchases, and the basket or session of each, -1 where it has none."""
        return _grouped(history, self.kind, self.source)

    @classmethod
    def _of(cls, history: History, kind: int, source: Source) -> Self:
        history, group = _grouped(history, kind, source)
        kept = group >= 0
        _, first, row = np.unique(group[kept], return_index=True, return_inverse=True)
        begun = np.full(len(first), np.inf)
        np.minimum.at(begun, row, history.time[kept])
        order = np.argsort(begun, kind="stable")
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        ones = np.ones(len(row), np.float32)
        shape = (len(first), history.num_items)
        members = sparse.csr_array((ones, (place[row], history.item[kept])), shape=shape)
        members.sum_duplicates()
        members.data[:] = 1.0
        return cls(members, begun[order], source, kind)

    def __len__(self) -> int:
        return int(self.members.shape[0])

    @property
    def num_items(self) -> int:
        """N."""
        return int(self.members.shape[1])

    @cached_property
    def by_item(self) -> sparse.csr_array:
        """Return float32 [N, B], the baskets of each item."""
        return sparse.csr_array(self.members.T)

    @cached_property
    def sold(self) -> Floats:
        """Return in how many baskets each item is, float64 [N]."""
        return np.asarray(np.diff(self.by_item.indptr), np.float64)

    def together(self, rows: npt.ArrayLike, weight: npt.ArrayLike | None = None) -> Floats:
        """Return in how many baskets each item is with one of these, each counting by its weight, float64 [N].

        An item itself counts as well. As many steps as the baskets have items in all.
        """
        rows = np.asarray(rows, np.int64)
        some = self.by_item[rows]
        weights = np.ones(len(rows)) if weight is None else np.asarray(weight, np.float64)
        count = np.bincount(some.indices, np.repeat(weights, np.diff(some.indptr)), minlength=len(self))
        hit = np.flatnonzero(count)
        held = self.members[hit]
        weight_of = np.repeat(count[hit], np.diff(held.indptr))
        found: Floats = np.bincount(held.indices, weight_of, minlength=self.num_items).astype(np.float64)
        return found

    def holding(self, rows: Sequence[int] | Rows) -> Rows:
        """Return the baskets that hold all of these items."""
        found: Rows | None = None
        for row in rows:
            own = self.by_item.indices[self.by_item.indptr[row] : self.by_item.indptr[row + 1]]
            found = own.astype(np.int64) if found is None else np.intersect1d(found, own)
        return np.zeros(0, np.int64) if found is None else found

    def counts(self, baskets: Rows) -> Floats:
        """Return in how many of these baskets each item is, float64 [N]."""
        return np.asarray(np.bincount(self.members[baskets].indices, minlength=self.num_items), np.float64)

    def between(self, begin: float, end: float) -> Self:
        """Return the baskets begun from a moment on and before another."""
        kept = np.flatnonzero((self.time >= begin) & (self.time < end))
        return type(self)(self.members[kept], self.time[kept], self.source, self.kind)


def _heaviest(history: History) -> int:
    """Return the kind of event that counts most."""
    kinds = int(history.kind.max(initial=0)) + 1
    number = np.bincount(history.kind, minlength=kinds)
    mean = np.bincount(history.kind, history.weight, minlength=kinds) / np.maximum(number, 1)
    return int(mean.argmax())


def _grouped(history: History, kind: int, source: Source) -> tuple[History, npt.NDArray[np.int64]]:
    history = history.keep(history.kind == kind)
    return history, groups(history, window="basket" if source == "baskets" else "session")
