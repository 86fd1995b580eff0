"""Who took what and when: the one form in which models, protocols and answers see events.

U users, N items, E events.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

Clock = Literal["calendar", "steps", "none"]
"""calendar: times are days; steps: times are an order, and decay counts steps; none: there is no time."""


@dataclass(frozen=True)
class History:
    """The events of each user (or of each anonymous basket or session), earliest first, row by row.

    indptr: int64 [U + 1], the events of user u are indptr[u]:indptr[u + 1];
    item: int32 [E];  time: float64 [E], in days or steps, not falling within a user;
    weight: float32 [E], what an event counts for;  kind: int8 [E], an index into the shop's event kinds;
    basket: int32 [E], equal where events belong to one basket or session, -1 where to none;
    now: the moment of asking, from which ages are counted; None: each user's own last event;
    who: int32 [U], the shop's user that each row is, -1 for nobody known; None: row u is user u;
    numbers: float32 [E] by name, what else the log says of an event, NaN where it says nothing: `value` (price times
        quantity), `rating`; None: nothing.
    """

    indptr: npt.NDArray[np.int64]
    item: npt.NDArray[np.int32]
    time: npt.NDArray[np.float64]
    weight: npt.NDArray[np.float32]
    kind: npt.NDArray[np.int8]
    basket: npt.NDArray[np.int32]
    num_items: int
    clock: Clock = "calendar"
    now: float | None = None
    who: npt.NDArray[np.int32] | None = None
    numbers: Mapping[str, npt.NDArray[np.float32]] | None = None

    @classmethod
    def of(
        cls,
        user: npt.ArrayLike,
        item: npt.ArrayLike,
        time: npt.ArrayLike | None = None,
        *,
        weight: npt.ArrayLike | None = None,
        kind: npt.ArrayLike | None = None,
        basket: npt.ArrayLike | None = None,
        num_users: int,
        num_items: int,
        clock: Clock = "calendar",
        now: float | None = None,
        numbers: Mapping[str, npt.ArrayLike] | None = None,
    ) -> Self:
        """Order events by user and time; events of equal time keep the order they came in. O(E log E)."""
        user = np.asarray(user, dtype=np.int64)
        size = len(user)
        times = np.zeros(size) if time is None else np.asarray(time, dtype=np.float64)
        order = np.lexsort((times, user))

        def column(
            values: npt.ArrayLike | None, fill: float, dtype: npt.DTypeLike
        ) -> npt.NDArray[np.generic]:
            return np.full(size, fill, dtype) if values is None else np.asarray(values, dtype=dtype)[order]

        indptr = np.concatenate([[0], np.cumsum(np.bincount(user, minlength=num_users))])
        return cls(
            indptr=indptr.astype(np.int64),
            item=np.asarray(item, dtype=np.int32)[order],
            time=times[order],
            weight=column(weight, 1.0, np.float32),  # type: ignore[arg-type]
            kind=column(kind, 0, np.int8),  # type: ignore[arg-type]
            basket=column(basket, -1, np.int32),  # type: ignore[arg-type]
            num_items=num_items,
            clock=clock,
            now=now,
            numbers=None
            if numbers is None
            else {name: np.asarray(values, np.float32)[order] for name, values in numbers.items()},
        )

    @property
    def num_users(self) -> int:
        """U: rows, those without events included."""
        return len(self.indptr) - 1

    @property
    def num_events(self) -> int:
        """E."""
        return len(self.item)

    def __len__(self) -> int:
        return self.num_users

    def lengths(self) -> npt.NDArray[np.int64]:
        """Return how many events each user has, int64 [U]."""
        counts: npt.NDArray[np.int64] = self.indptr[1:] - self.indptr[:-1]
        return counts

    def user(self) -> npt.NDArray[np.int32]:
        """Return the user row of each event, int32 [E]."""
        return np.repeat(np.arange(self.num_users, dtype=np.int32), self.lengths())

    def age(self) -> npt.NDArray[np.float64]:
        """Return how long ago each event was, float64 [E], in days or steps: from `now`, or the user's last event."""
        if self.now is not None:
            return self.now - self.time
        last = np.zeros(self.num_users)
        some = self.lengths() > 0
        last[some] = self.time[self.indptr[1:][some] - 1]
        return np.repeat(last, self.lengths()) - self.time

    def keep(self, mask: npt.NDArray[np.bool_], *, now: float | None = None) -> Self:
        """Return the same users with only the events where the mask holds."""
        counts = np.concatenate([[0], np.cumsum(mask)])[self.indptr]
        return replace(
            self,
            indptr=counts.astype(np.int64),
            item=self.item[mask],
            time=self.time[mask],
            weight=self.weight[mask],
            kind=self.kind[mask],
            basket=self.basket[mask],
            now=self.now if now is None else now,
            numbers=self._numbers(mask),
        )

    def of_users(self, rows: npt.ArrayLike) -> Self:
        """Return a history whose rows are these users, in the order given."""
        rows = np.asarray(rows, dtype=np.int64)
        who = rows.astype(np.int32) if self.who is None else self.who[rows]
        lengths = self.lengths()[rows]
        starts = np.repeat(self.indptr[rows], lengths)
        indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        index = starts + np.arange(indptr[-1]) - np.repeat(indptr[:-1], lengths)
        return replace(
            self,
            indptr=indptr,
            item=self.item[index],
            time=self.time[index],
            weight=self.weight[index],
            kind=self.kind[index],
            basket=self.basket[index],
            who=who,
            numbers=self._numbers(index),
        )

    def _numbers(
        self, index: npt.NDArray[np.bool_] | npt.NDArray[np.int64]
    ) -> dict[str, npt.NDArray[np.float32]] | None:
        return None if self.numbers is None else {name: v[index] for name, v in self.numbers.items()}

    def matrix(self, values: npt.NDArray[np.floating] | None = None) -> sparse.csr_array:
        """Return float32 [U, N]; the values of a user's repeated items are added. Without values: 1 where taken."""
        data = np.ones(self.num_events, np.float32) if values is None else values.astype(np.float32)
        shape = (self.num_users, self.num_items)
        taken = sparse.csr_array((data, self.item.copy(), self.indptr.copy()), shape=shape)
        taken.sum_duplicates()
        if values is None:
            taken.data[:] = 1.0
        return taken
