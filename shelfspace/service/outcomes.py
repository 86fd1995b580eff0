"""How two variants do: who was shown what, what they clicked, and whether they bought."""

import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from rich.table import Table

from shelfspace.evaluation.intervals import Interval
from shelfspace.evaluation.variants import Difference, Rate, difference, mismatch, rate
from shelfspace.service.variants import NAMES, Assignment
from shelfspace.store.records import Kind, Record

DAY = 86_400.0

WINDOW = 7.0
"""Days after the first list in which a purchase counts."""

SALES = frozenset({"purchase", "buy", "order", "transaction", "sale"})
"""Kinds of events that are purchases, as cleaning knows them."""

UNLIKELY = 0.001
"""A split less likely than this has another cause than chance."""

AT_ONCE = 10_000

CALENDAR = 1e8
"""Seconds since 1970 (in 1973): a smaller timestamp is a step, and no time."""


class Kept(Protocol):
    """A store that is read from its begin."""

    def since(self, seq: int, *, limit: int = 10_000, kinds: Collection[Kind] | None = None) -> list[Record]:
        """Return what was kept after a number."""
        ...


@dataclass(frozen=True)
class VariantRates:
    """What was counted of one variant.

    users: who were shown a list, by user or session id;  lists: that were shown;  clicked: those of which something was
    clicked, or of which an event came;  bought: users who bought within the window after their first list.
    """

    users: int
    lists: int
    clicked: int
    bought: int
    click_rate: Rate
    conversion_rate: Rate


@dataclass(frozen=True)
class Rates:
    """How two variants do: `variants` by name, `differences` b - a by rate, and what to know of them."""

    variants: Mapping[str, VariantRates]
    differences: Mapping[str, Difference]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data; null where there is nothing to count."""
        variants = {
            name: {
                **{count: getattr(found, count) for count in ("users", "lists", "clicked", "bought")},
                "click_rate": _plain(found.click_rate.interval),
                "conversion_rate": _plain(found.conversion_rate.interval),
            }
            for name, found in self.variants.items()
        }
        told = {name: found.to_json() for name, found in self.differences.items()}
        return {"variants": variants, "differences": told, "notes": list(self.notes)}

    def to_table(self) -> Table:
        """Return a table for the terminal."""
        table = Table(title="variants", title_justify="left", header_style="bold")
        for name in ("", *self.variants, "b - a", "can be seen", "more users for 5 %"):
            table.add_column(name, justify="left" if not name else "right")
        for count in ("users", "lists", "clicked", "bought"):
            table.add_row(count, *[f"{getattr(v, count):,}" for v in self.variants.values()], "", "", "")
        for name, found in self.differences.items():
            said = found.to_json()
            more = said["more_users"]
            cells = [_shown(getattr(v, name).interval) for v in self.variants.values()]
            cells.append(_shown(Interval(found.value, found.low, found.high), sign="+"))
            cells.append("–" if said["detectable"] is None else f"±{100 * found.detectable:.2f} %")
            table.add_row(name.replace("_", " "), *cells, "–" if more is None else f"{more:,}")
        return table


def rates(
    store: Kept,
    assignment: Assignment | None = None,
    *,
    window: float = WINDOW,
    bought: Collection[str | None] = SALES,
    start: float | None = None,
    end: float | None = None,
) -> Rates:
    """Count what the store holds of two variants.

    A list is an impression's `list_id` for one shopper; its variant is what the impression says or, where it says none,
    that of its user. Shoppers are told apart by user, else by session; a list of neither counts for itself, for clicks
    only. Who was shown both variants, as after a change of the share, is left out and counted. Times are those that
    were sent (seconds since 1970), else when they were kept. O(writes) time, memory for the shoppers and their lists.

    Args:
        store: it is read once, from its begin.
        assignment: who should be answered by which; its share is what the split is held against.
        window: days after the first list in which a purchase counts.
        bought: the kinds of events that are purchases, see `purchases_of`; None: events of no kind.
        start: seconds since 1970; lists shown before are not looked at.
        end: likewise, from this on; a purchase may still come after it.

    Raises:
        StoreError: the store cannot be read just now.
    """
    counting = _Counting(assignment or Assignment(), frozenset(bought), start or -math.inf, end or math.inf)
    seq = 0
    while records := store.since(seq, limit=AT_ONCE, kinds=("event", "impression")):
        for record in records:
            counting.take(record)
        seq = records[-1].seq
    return counting.rates(window * DAY)


def purchases_of(kinds: Collection[str]) -> frozenset[str | None]:
    """Return which of a space's kinds of events are purchases; where it knows one kind only, that is.

    Example:
        >>> sorted(purchases_of(["view", "cart", "purchase"]))
        ['purchase']
    """
    return frozenset(kind for kind in kinds if kind in SALES) if len(kinds) > 1 else frozenset({*kinds, None})


@dataclass
class _Shopper:
    """What was shown to one: when first, by which variants, and which lists."""

    known: bool
    first: float = math.inf
    variants: set[str] = field(default_factory=set)
    lists: dict[str, bool] = field(default_factory=dict)


@dataclass
class _Counting:
    assignment: Assignment
    bought: frozenset[str | None]
    start: float
    end: float
    shoppers: dict[str, _Shopper] = field(default_factory=dict)
    purchases: dict[str, list[float]] = field(default_factory=dict)
    came_of: dict[str, set[str]] = field(default_factory=dict)
    seen: Counter[str] = field(default_factory=Counter)

    def take(self, record: Record) -> None:
        """Count a write."""
        if record.kind == "impression":
            self._shown(record)
        elif record.kind == "event":
            who, list_id = _who(record), record.body.get("list_id")
            if isinstance(list_id, str):
                self.came_of.setdefault(list_id, set()).add(who or "")
            if who is not None and record.body.get("event") in self.bought:
                self.purchases.setdefault(who, []).append(_when(record))

    def _shown(self, record: Record) -> None:
        list_id, when = str(record.body.get("list_id", "")), _when(record)
        if not self.start <= when < self.end:
            return
        who = _who(record)
        told = record.body.get("variant")
        if told is None and who is not None:
            told = self.assignment.of(who[1:])
        if told not in NAMES:
            self.seen["of no variant"] += 1
            return
        shopper = self.shoppers.setdefault(who or f"l{list_id}", _Shopper(who is not None))
        shopper.first = min(shopper.first, when)
        shopper.variants.add(told)
        shopper.lists[list_id] = shopper.lists.get(list_id, False) or record.body.get("clicked") is True

    def rates(self, window: float) -> Rates:
        """Return what was counted."""
        readers = Counter(list_id for shopper in self.shoppers.values() for list_id in shopper.lists)
        rows: dict[str, list[tuple[int, int, bool, bool]]] = {name: [] for name in NAMES}
        for who, shopper in self.shoppers.items():
            if len(shopper.variants) > 1:
                self.seen["both"] += 1
                continue
            clicked = sum(
                was or who in self.came_of.get(one, ()) or (readers[one] == 1 and one in self.came_of)
                for one, was in shopper.lists.items()
            )
            late = shopper.first + window
            converted = any(shopper.first <= when <= late for when in self.purchases.get(who, ()))
            rows[min(shopper.variants)].append((len(shopper.lists), clicked, shopper.known, converted))
        found = {name: _counted(row) for name, row in rows.items()}
        a, b = found["a"], found["b"]
        differences = {
            name: difference(getattr(a, name), getattr(b, name)) for name in ("click_rate", "conversion_rate")
        }
        return Rates(found, differences, tuple(self._notes(a, b)))

    def _notes(self, a: VariantRates, b: VariantRates) -> Iterator[str]:
        chance = mismatch(a.users, b.users, self.assignment.share)
        if chance < UNLIKELY:
            yield (
                f"{a.users:,} users got a and {b.users:,} got b, where a share of {self.assignment.share:g} was to get "
                f"b: chance does so in {chance:.1g} of experiments; find the cause before the rates are believed"
            )
        if both := self.seen["both"]:
            yield f"{both:,} users were shown both variants and are left out"
        if others := self.seen["of no variant"]:
            yield f"{others:,} impressions say no variant and no user, or one that is neither a nor b"
        if not a.lists or not b.lists:
            yield "no lists of both variants: send impressions with list_id and variant, see docs/variants.md"


def _who(record: Record) -> str | None:
    """Return who it is: u and a user's id, or s and a session's."""
    if record.user_id is not None:
        return f"u{record.user_id}"
    session = record.body.get("session_id")
    return f"s{session}" if isinstance(session, str) else None


def _when(record: Record) -> float:
    said = record.body.get("timestamp")
    return float(said) if isinstance(said, int | float) and said > CALENDAR else record.at


def _counted(rows: list[tuple[int, int, bool, bool]]) -> VariantRates:
    lists, clicked, known, bought = np.array(rows, np.float64).reshape(-1, 4).T
    users = known == 1.0
    return VariantRates(
        users=int(users.sum()),
        lists=int(lists.sum()),
        clicked=int(clicked.sum()),
        bought=int(bought[users].sum()),
        click_rate=rate(clicked, lists),
        conversion_rate=rate(bought[users], np.ones(int(users.sum()))),
    )


def _plain(interval: Interval) -> dict[str, float | None]:
    return {name: None if math.isnan(value) else value for name, value in interval.to_json().items()}


def _shown(interval: Interval, sign: str = "") -> str:
    if math.isnan(interval.value):
        return "–"
    value, low, high = (f"{100 * edge:{sign}.2f}" for edge in (interval.value, interval.low, interval.high))
    return f"{value} % [{low}, {high}]"
