"""What a store holds beyond a write, put together: events, listings as they are now, profiles, who was forgotten.

E events, in the order in which they were kept.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Any

from shelfspace.live.listings import listing_of
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import Clock
from shelfspace.store.records import Record
from shelfspace.store.store import Store

AT_ONCE = 10_000
"""Writes read at once."""

SECONDS_A_DAY = 86_400.0

AHEAD = 1.0
"""Days that a shop's clock may be ahead of the store's; a later time counts as the time at which it was kept."""

UNKNOWN_KIND = "of a kind that the space was not trained with"
RETURNED = "that take something back"
UNREADABLE = "whose time is no number"
NOBODY = "of no shopper, session or basket"
REPEATED = "that say again what another says"

Told = Callable[[str, int, int], None]


@dataclass
class Events:
    """Columns of E events.

    user: the shopper's id, None for nobody known;  group: the session or basket, None for none;
    time: in days or steps, NaN where nothing says it and the shop counts steps;  kind: an index into the space's kinds.
    """

    user: list[str | None] = field(default_factory=list)
    group: list[str | None] = field(default_factory=list)
    item: list[str] = field(default_factory=list)
    time: list[float] = field(default_factory=list)
    kind: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.item)

    def add(self, user: str | None, group: str | None, item: str, time: float, kind: int) -> None:
        """Put one more behind the others."""
        self.user.append(user)
        self.group.append(group)
        self.item.append(item)
        self.time.append(time)
        self.kind.append(kind)

    def keep(self, chosen: Sequence[bool]) -> None:
        """Leave out the others."""
        for name in ("user", "group", "item", "time", "kind"):
            setattr(self, name, list(compress(getattr(self, name), chosen)))


@dataclass(frozen=True)
class Profile:
    """What was said of a shopper, by the write `seq`: the whole of their profile, or some columns of it."""

    columns: dict[str, Any]
    whole: bool
    seq: int


@dataclass
class Gathered:
    """What a store holds beyond a write.

    seq: up to which write;  listings: what items say now, whole, by id;  deleted: ids of items that are gone;
    profiles: by shopper;  forgotten: fingerprints;  left_out: how many events were not taken, by the reason;
    passed: writes of other kinds, such as impressions.
    """

    seq: int
    events: Events = field(default_factory=Events)
    listings: dict[str, dict[str, Any]] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    profiles: dict[str, Profile] = field(default_factory=dict)
    forgotten: set[str] = field(default_factory=set)
    left_out: Counter[str] = field(default_factory=Counter)
    passed: Counter[str] = field(default_factory=Counter)

    def __bool__(self) -> bool:
        return bool(self.events.item or self.listings or self.deleted or self.profiles or self.forgotten)


def gathered(
    store: Store,
    seq: int,
    catalogue: Catalogue,
    kinds: Sequence[str],
    clock: Clock,
    told: Told | None = None,
) -> Gathered:
    """Read what a store holds beyond a write.

    Args:
        store: the store.
        seq: the last write that is known already.
        catalogue: the items as they were then, which patches change.
        kinds: the kinds of events of the space, in their order.
        clock: what kind of time it has.
        told: progress.

    Raises:
        StoreError: the store cannot be read.

    Cost: some 5 μs a write, and what it says in memory.
    """
    reader = _Reader(Gathered(seq), catalogue, list(kinds), clock, store.fingerprint)
    last = store.latest()
    while reader.found.seq < last:
        if told is not None:
            told("reading the store", reader.found.seq - seq, last - seq)
        records = store.since(reader.found.seq, limit=AT_ONCE)
        if not records:
            break
        reader.take(records)
        reader.found.seq = records[-1].seq
    return reader.finished()


@dataclass
class _Reader:
    found: Gathered
    catalogue: Catalogue
    kinds: list[str]
    clock: Clock
    fingerprint: Callable[[str], str]
    seen: set[tuple[Any, ...]] = field(default_factory=set)
    cuts: dict[str, tuple[int, int]] = field(default_factory=dict)

    def take(self, records: Iterable[Record]) -> None:
        """Take in what was written, in its order."""
        for record in records:
            if record.kind == "event":
                self._event(record)
            elif record.kind == "item" and record.item_id is not None:
                self._item(record.item_id, record.action, record.body)
            elif record.kind == "user" and record.action == "forget":
                mark = str(record.body["fingerprint"])
                self.found.forgotten.add(mark)
                self.cuts[mark] = len(self.found.events), record.seq
            elif record.kind == "user" and record.user_id is not None:
                self._user(record.user_id, record)
            else:
                self.found.passed[record.kind] += 1

    def _event(self, record: Record) -> None:
        said, events = record.body, self.found.events
        kind = said.get("event")
        if record.item_id is None or not self.kinds or (kind is not None and kind not in self.kinds):
            self.found.left_out[UNKNOWN_KIND] += 1
            return
        if isinstance(said.get("quantity"), int | float) and said["quantity"] < 0:
            self.found.left_out[RETURNED] += 1
            return
        time = self._time(record)
        if time is None:
            self.found.left_out[UNREADABLE] += 1
            return
        group = _group(said)
        if record.user_id is None and group is None:
            self.found.left_out[NOBODY] += 1
            return
        number = self.kinds.index(kind) if kind is not None else len(self.kinds) - 1
        row = (record.user_id, group, record.item_id, time, number)
        if row in self.seen:
            self.found.left_out[REPEATED] += 1
            return
        if not math.isnan(time):
            self.seen.add(row)
        events.add(*row)

    def _time(self, record: Record) -> float | None:
        """Return when an event was, in days or steps; None where it cannot be read."""
        given = record.body.get("timestamp")
        if isinstance(given, bool) or not isinstance(given, int | float | None):
            return None
        if given is not None and not math.isfinite(given):
            return None
        if self.clock == "none":
            return 0.0
        if self.clock == "steps":
            return math.nan if given is None else float(given)
        kept = record.at / SECONDS_A_DAY
        when = kept if given is None else float(given) / SECONDS_A_DAY
        return when if when <= kept + AHEAD else kept

    def _item(self, item_id: str, action: str, body: Mapping[str, Any]) -> None:
        found = self.found
        if action == "delete":
            found.deleted.add(item_id)
            found.listings.pop(item_id, None)
            return
        before: Mapping[str, Any] = {}
        if action == "patch":
            before = found.listings.get(item_id, self._listing(item_id))
        found.deleted.discard(item_id)
        found.listings[item_id] = {**before, **body}

    def _listing(self, item_id: str) -> dict[str, Any]:
        [row] = self.catalogue.ids.rows([item_id]).tolist()
        return listing_of(self.catalogue, row) if row >= 0 else {}

    def _user(self, user_id: str, record: Record) -> None:
        before, said = self.found.profiles.get(user_id), dict(record.body)
        if record.action == "delete":
            profile = Profile({}, whole=True, seq=record.seq)
        elif record.action == "patch" and before is not None:
            profile = Profile({**before.columns, **said}, before.whole, record.seq)
        else:
            profile = Profile(said, record.action == "put", record.seq)
        self.found.profiles[user_id] = profile

    def finished(self) -> Gathered:
        """Return what was found, without what was forgotten after it: the store may have held it until a moment ago."""
        events, profiles = self.found.events, self.found.profiles
        if self.cuts:
            named = {user: self.fingerprint(user) for user in {*events.user, *profiles} if user is not None}
            cut = {user: self.cuts.get(mark, (0, 0)) for user, mark in named.items()}
            events.keep([user is None or n >= cut[user][0] for n, user in enumerate(events.user)])
            for user in [user for user, one in profiles.items() if one.seq < cut[user][1]]:
                del profiles[user]
        return self.found


def _group(said: Mapping[str, Any]) -> str | None:
    """Return what an event belongs to: a session, else a basket, as a shop's own log is read."""
    for name in ("session_id", "basket_id"):
        if said.get(name) is not None:
            return f"{name[0]}{said[name]}"
    return None
