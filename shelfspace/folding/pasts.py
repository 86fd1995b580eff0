"""A longer past: what was known, without those who were forgotten, and what came after it.

U users before, V after, E events.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shelfspace.folding.gathered import SECONDS_A_DAY, Events
from shelfspace.live.past import kind_weights
from shelfspace.shop.history import History
from shelfspace.shop.ids import Ids
from shelfspace.stored import Contents

GAP = 30 / 1440
"""Days without an event that end a session, where the shop's sessions were found by them."""


@dataclass(frozen=True)
class Users:
    """The named users, and which of them were there before.

    ids: V of them: those who stay in their order, then who is new;  kept: int64, the rows of those who stay, rising.
    """

    ids: Ids
    kept: npt.NDArray[np.int64]
    num_before: int

    @classmethod
    def of(
        cls,
        before: Ids,
        events: Events,
        profiled: Iterable[str],
        forgotten: set[str],
        fingerprint: Callable[[str], str],
    ) -> Self:
        """Leave out who was forgotten, and add who comes: by their first events, then those of profiles alone."""
        texts = before.array.to_pylist()
        stays = [not forgotten or fingerprint(text) not in forgotten for text in texts]
        kept = np.flatnonzero(np.array(stays, bool)).astype(np.int64)
        there = Ids(before.array.take(pa.array(kept)), "user") if len(kept) < len(texts) else before
        named = dict.fromkeys([*(user for user in events.user if user is not None), *profiled])
        new = [user for user in named if user not in there]
        ids = Ids(pa.concat_arrays([there.array, pa.array(new, pa.string())]), "user") if new else there
        return cls(ids, kept, len(texts))

    @property
    def num_new(self) -> int:
        """How many came."""
        return len(self.ids) - len(self.kept)

    @property
    def moved(self) -> npt.NDArray[np.int32]:
        """Return the row that each user of before has now, int32 [U], -1 where they were forgotten."""
        rows = np.full(self.num_before, -1, np.int32)
        rows[self.kept] = np.arange(len(self.kept))
        return rows


@dataclass(frozen=True)
class Longer:
    """A longer past, with the rows of what is new in it: int32 item [E] and int64 user [E]."""

    history: History
    item: npt.NDArray[np.int32]
    user: npt.NDArray[np.int64]


def repeated(space: Contents, items: Ids, events: Events) -> npt.NDArray[np.bool_]:
    """Return which events the space's past has already: the same shopper, item and kind in the same second, or step.

    As where a shop trained again on its own log, which holds what its store holds too. O(E log E).
    """
    base = space.history
    if base.clock == "none" or not len(events):
        return np.zeros(len(events), bool)
    unit = SECONDS_A_DAY if base.clock == "calendar" else 1.0
    time = np.nan_to_num(np.rint(np.array(events.time) * unit), nan=-1.0)
    user = space.users.rows(pa.array(events.user, pa.string()))
    late = np.flatnonzero(np.rint(base.time * unit) >= time.min())
    kept = (base.user()[late], base.item[late], np.rint(base.time[late] * unit), base.kind[late])
    came = (user, items.rows(pa.array(events.item, pa.string())), time, np.array(events.kind))
    found: npt.NDArray[np.bool_] = np.isin(_keys(*came), _keys(*kept)) & (user >= 0)
    return found


def _keys(*columns: npt.NDArray[Any]) -> npt.NDArray[np.complex128]:
    """Return a number for each row of columns, equal where the rows are."""
    user, item, time, kind = (column.astype(np.float64) for column in columns)
    keys: npt.NDArray[np.complex128] = (user * 2.0**31 + item) + 1j * (time * 128.0 + kind)
    return keys


def longer(space: Contents, users: Users, items: Ids, events: Events) -> Longer:
    """Return the past of a space with what came after it; the items of all events must be known.

    Weights are those of the space: of the kinds, and of what is anonymous beside named users. O(E log E).
    """
    base, named = space.history, len(space.users)
    anonymous = base.num_users - named
    moved = np.append(users.moved, len(users.ids) + np.arange(anonymous, dtype=np.int32))
    row = moved[base.user()]
    stays = row >= 0
    item = items.rows(pa.array(events.item, pa.string()))
    user, num_rows = _rows(events, users.ids, len(users.ids) + anonymous)
    kind = np.array(events.kind, np.int8)
    time = _times(np.array(events.time, np.float64), user, base, moved)
    weight = kind_weights(space.kinds)[kind]
    now = base.now
    if now is not None and len(time):
        now = max(now, float(time.max()))
    history = History.of(
        np.concatenate([row[stays], user]),
        np.concatenate([base.item[stays], item]),
        np.concatenate([base.time[stays], time]),
        weight=np.concatenate(
            [base.weight[stays], np.where(user < len(users.ids), weight, weight * _discount(space))]
        ),
        kind=np.concatenate([base.kind[stays], kind]),
        basket=np.concatenate([base.basket[stays], _baskets(events, user, time, base)]),
        num_users=num_rows,
        num_items=len(items),
        clock=base.clock,
        now=now,
    )
    return Longer(history, item, user)


def _rows(events: Events, users: Ids, anonymous_from: int) -> tuple[npt.NDArray[np.int64], int]:
    """Return the row of each event, and how many rows there are: each group of nobody known has one of its own."""
    rows = users.rows(pa.array(events.user, pa.string())).astype(np.int64)
    groups: dict[str | None, int] = {}
    for n in np.flatnonzero(rows < 0).tolist():
        rows[n] = groups.setdefault(events.group[n], anonymous_from + len(groups))
    return rows, anonymous_from + len(groups)


def _times(
    time: npt.NDArray[np.float64],
    user: npt.NDArray[np.int64],
    base: History,
    moved: npt.NDArray[np.int32],
) -> npt.NDArray[np.float64]:
    """Return the times with what has no step one step behind the last of its row."""
    if not np.isnan(time).any():
        return time
    last: dict[int, float] = defaultdict(float)
    some = np.flatnonzero((base.lengths() > 0) & (moved >= 0))
    last.update(zip(moved[some].tolist(), base.time[base.indptr[1:][some] - 1].tolist(), strict=True))
    found = time.copy()
    for n, row in enumerate(user.tolist()):
        if np.isnan(found[n]):
            found[n] = last[row] + 1.0
        last[row] = max(last[row], float(found[n]))
    return found


def _baskets(
    events: Events, user: npt.NDArray[np.int64], time: npt.NDArray[np.float64], base: History
) -> npt.NDArray[np.int32]:
    """Return the basket of each event, -1 where it has none; numbers go on behind those of before.

    Where most of what was known lies in baskets, and nothing names those of what came, they are told by the time
    between events, as sessions are.
    """
    first = int(base.basket.max(initial=-1)) + 1
    known: dict[tuple[int, str], int] = {}
    found = np.full(len(events), -1, np.int32)
    for n, group in enumerate(events.group):
        if group is not None:
            found[n] = known.setdefault((int(user[n]), group), first + len(known))
    rest = np.flatnonzero(found < 0)
    if base.clock != "calendar" or not len(rest) or not base.num_events or (base.basket >= 0).mean() < 0.5:
        return found
    order = rest[np.lexsort((time[rest], user[rest]))]
    begins = np.ones(len(order), bool)
    begins[1:] = (np.diff(user[order]) != 0) | (np.diff(time[order]) > GAP)
    found[order] = first + len(known) + np.cumsum(begins) - 1
    return found


def _discount(space: Contents) -> np.float32:
    """Return what an anonymous event counts for beside a named user's of its kind, as the space has it."""
    history, start = space.history, int(space.history.indptr[len(space.users)])
    plain = kind_weights(space.kinds)[history.kind[start:]] if history.num_events else np.zeros(0)
    weighed = plain > 0
    if not weighed.any():
        return np.float32(1.0)
    return np.float32(np.median(history.weight[start:][weighed] / plain[weighed]))
