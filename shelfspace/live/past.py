"""What shoppers did, followed as it happens. E events of one shopper, B shoppers, N items."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from shelfspace.shop.history import History
from shelfspace.shop.ids import Ids

Floats = npt.NDArray[np.float32]


SAME = 1e-5
"""Days between two times of one event: less than a second."""


class Columns(NamedTuple):
    """The events of shoppers: int32, float64, float32, int8 and int32 [E]."""

    item: npt.NDArray[np.int32]
    time: npt.NDArray[np.float64]
    weight: Floats
    kind: npt.NDArray[np.int8]
    basket: npt.NDArray[np.int32]

    def where(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> "Columns":
        """Return some of the events, or all in another order."""
        return Columns(*(column[rows] for column in self))  # type: ignore[arg-type]


@dataclass(slots=True)
class Since:
    """The events of one shopper that came after the space was made, in the order they were kept.

    started: the sequence number of the first of them;  latest: the time that none of them was before, so far;
    late: whether one was.
    """

    started: int = 0
    latest: float = -math.inf
    late: bool = False
    item: list[int] = field(default_factory=list)
    time: list[float] = field(default_factory=list)
    kind: list[int] = field(default_factory=list)
    basket: list[int] = field(default_factory=list)


@dataclass
class Followed:
    """The space's own history, and what shoppers did since.

    base: the history of the space;  users: its named users, the first rows of it;
    weights: float32, what an event of each kind counts for;
    fingerprint: what stands for the id of somebody who was forgotten;
    since: the events since, by the shopper's id;  forgotten: by fingerprint, the write up to which nothing counts.

    Cost: an event is added in O(1), 32 bytes and what Python adds; a past is read in O(E).
    """

    base: History
    users: Ids
    weights: Floats
    fingerprint: Callable[[str], str]
    since: dict[str, Since] = field(default_factory=dict)
    forgotten: dict[str, int] = field(default_factory=dict)
    baskets: dict[str, int] = field(default_factory=dict)
    taken: npt.NDArray[np.float32] = field(init=False)
    next_basket: int = field(init=False)

    def __post_init__(self) -> None:
        self.next_basket = int(self.base.basket.max(initial=-1)) + 1
        self.taken = np.bincount(self.base.item, minlength=self.base.num_items).astype(np.float32)

    def add(self, seq: int, user: str | None, item: int, time: float, kind: int, basket: str | None) -> None:
        """Add an event; one of nobody known only counts for how often the item was taken."""
        if item >= len(self.taken):
            self.taken = np.append(self.taken, np.zeros(item + 1 - len(self.taken) + 1024, np.float32))
        self.taken[item] += 1
        if user is None:
            return
        own = self.own(user)
        if own is None:
            own = self.since[user] = Since(seq, self._last(user))
        own.late, own.latest = own.late or time < own.latest, max(own.latest, time)
        own.item.append(item)
        own.time.append(time)
        own.kind.append(kind)
        own.basket.append(-1 if basket is None else self._basket(basket))

    def forget(self, fingerprint: str, seq: int) -> None:
        """Leave out all that a shopper did up to this write; what they do from then on counts."""
        self.forgotten[fingerprint] = seq

    def own(self, user: str) -> Since | None:
        """Return what a shopper did since the space was made, or since they were forgotten."""
        found = self.since.get(user)
        if found is not None and found.started < self._forgotten_at(user):
            del self.since[user]
            return None
        return found

    def holds(self, user: str, item: int, time: float) -> bool:
        """Return whether the base has the event: a store may hold what the space was made with. O(E)."""
        if self.base.now is None or time > self.base.now + SAME:
            return False
        row = self.row(user)
        if row < 0:
            return False
        part = slice(*self.base.indptr[row : row + 2].tolist())
        there = self.base.time[part][self.base.item[part] == item]
        return bool((np.abs(there - time) < SAME).any())

    def latest(self, user: str, item: int) -> float | None:
        """Return when a shopper took an item last, None where they never did. O(E)."""
        found: float | None = None
        row = self.row(user)
        if row >= 0:
            part = slice(*self.base.indptr[row : row + 2].tolist())
            there = np.flatnonzero(self.base.item[part] == item)
            found = float(self.base.time[part][there[-1]]) if len(there) else None
        own = self.own(user)
        if own is not None and item in own.item:
            times = [time for one, time in zip(own.item, own.time, strict=True) if one == item]
            found = max([*times, *([found] if found is not None else [])])
        return found

    def columns(self, user: str) -> Columns:
        """Return items, times, weights, kinds and baskets of one shopper, the earliest first."""
        row, base = self.row(user), self.base
        part = slice(*base.indptr[row : row + 2].tolist()) if row >= 0 else slice(0, 0)
        item, time, kind, basket = base.item[part], base.time[part], base.kind[part], base.basket[part]
        weight = base.weight[part]
        own = self.own(user)
        if own is None:
            return Columns(item, time, weight, kind, basket)
        whole = len(own.basket)  # another thread may be adding an event: its basket comes last
        kinds = np.array(own.kind[:whole], np.int8)
        item = np.concatenate([item, np.array(own.item[:whole], np.int32)])
        time = np.concatenate([time, np.array(own.time[:whole])])
        weight = np.concatenate([weight, self.weights[kinds]])
        kind = np.concatenate([kind, kinds])
        basket = np.concatenate([basket, np.array(own.basket[:whole], np.int32)])
        if own.late:
            order = np.argsort(time, kind="stable")
            return Columns(item, time, weight, kind, basket).where(order)
        return Columns(item, time, weight, kind, basket)

    def rows(self, users: Sequence[str]) -> npt.NDArray[np.int32]:
        """Return the row of each shopper in the base, -1 for none, and for those whose past was forgotten."""
        rows = self.users.rows(users)
        if self.forgotten:
            rows[[self._forgotten_at(user) > 0 for user in users]] = -1
        return rows

    def _last(self, user: str) -> float:
        """Return when a shopper did something last in the base."""
        row = self.row(user)
        start, end = self.base.indptr[row : row + 2].tolist() if row >= 0 else (0, 0)
        return float(self.base.time[end - 1]) if end > start else -math.inf

    def _forgotten_at(self, user: str) -> int:
        return self.forgotten.get(self.fingerprint(user), 0) if self.forgotten else 0

    def row(self, user: str) -> int:
        """Return the row of a shopper in the base, -1 for none, and for one whose past was forgotten."""
        row = self.users.find(user)
        return -1 if row is None or self._forgotten_at(user) else row

    def _basket(self, name: str) -> int:
        """Return the number of a basket; those of the base are below."""
        number = self.baskets.get(name)
        if number is None:
            number = self.baskets[name] = self.next_basket
            self.next_basket += 1
        return number


@dataclass(frozen=True)
class View:
    """The past as a snapshot of N items sees it: events of items that it does not have are left out."""

    followed: Followed
    num_items: int

    def of(self, users: Sequence[str]) -> History:
        """Return a row of events for each of these shoppers; see `shop.past.Past.of`.

        The moment of asking is that of the space, or, of who did something since, their last event. In a batch the
        times of each are moved so that their ages are those.
        """
        followed, base = self.followed, self.followed.base
        if len(users) == 1:
            return self._of_one(users[0])
        found = list(self._columns(users)) or [_NOTHING]
        lengths = [len(one.item) for one in found]
        now = base.now
        if now is not None:
            last = [float(one.time[-1]) if len(one.time) else now for one in found]
            found = [
                one._replace(time=one.time + (now - max(now, late)))
                for one, late in zip(found, last, strict=True)
            ]
        every = found[0] if len(found) == 1 else _joined(found)
        return History(
            indptr=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            **every._asdict(),
            num_items=self.num_items,
            clock=base.clock,
            now=now,
            who=followed.rows(users) if users else np.full(1, -1, np.int32),
        )

    def _of_one(self, user: str) -> History:
        """Return what `of` does for one shopper, in fewer steps: most questions are of one."""
        [found] = self._columns([user])
        base, now = self.followed.base, self.followed.base.now
        if now is not None and len(found.time):
            now = max(now, float(found.time[-1]))
        return History(
            np.array([0, len(found.item)]),
            *found,
            num_items=self.num_items,
            clock=base.clock,
            now=now,
            who=np.array([self.followed.row(user)], np.int32),
        )

    def taken(self) -> Floats:
        """Return how often each item was taken, float32 [N]."""
        taken = self.followed.taken
        if len(taken) < self.num_items:
            return np.append(taken, np.zeros(self.num_items - len(taken), np.float32))
        return taken[: self.num_items]

    def _columns(self, users: Sequence[str]) -> Iterator[Columns]:
        for user in users:
            found = self.followed.columns(user)
            is_older = self.num_items < len(self.followed.taken) and len(found.item) > 0
            if is_older and found.item.max() >= self.num_items:
                yield found.where(found.item < self.num_items)
            else:
                yield found


def _joined(several: Sequence[Columns]) -> Columns:
    return Columns(*(np.concatenate(columns) for columns in zip(*several, strict=True)))


_NOTHING = Columns(
    np.zeros(0, np.int32),
    np.zeros(0, np.float64),
    np.zeros(0, np.float32),
    np.zeros(0, np.int8),
    np.zeros(0, np.int32),
)


def kind_weights(kinds: Mapping[str, float]) -> Floats:
    """Return what an event of each kind counts for, float32, in the order of the kinds; 1 where the shop has none."""
    return np.array(list(kinds.values()) or [1.0], np.float32)
