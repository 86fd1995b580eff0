"""The event log into the workbench: from where the settings say, with the held-out part if there is one."""

from dataclasses import dataclass, replace

import ibis
import ibis.expr.types as ir

from shelfspace.errors import DataError
from shelfspace.shop import events
from shelfspace.shop.cleaning import CleanSettings
from shelfspace.shop.columns import SEQ, Found, find_columns, select
from shelfspace.shop.history import Clock
from shelfspace.shop.observed import Figures
from shelfspace.shop.sections import Section
from shelfspace.shop.sources import Source, read_source
from shelfspace.shop.times import Times
from shelfspace.shop.workbench import Workbench

READ = "events_read"


@dataclass(frozen=True)
class Part:
    """One source of events, and how its rows are numbered among all: from `offset` on."""

    source: Source
    found: dict[str, Found]
    figures: tuple[Figures, ...]
    copies: int
    offset: int


@dataclass(frozen=True)
class EventLog:
    """The events as read, good and bad, in the table `read`; the second part, if any, is held out."""

    section: Section
    parts: tuple[Part, ...]
    read: ir.Table
    times: Times | None

    @property
    def label(self) -> str:
        """What messages call it."""
        return self.parts[0].source.label

    @property
    def held_from(self) -> int | None:
        """The row number from which on events are held out."""
        return self.parts[1].offset if len(self.parts) > 1 else None

    @property
    def clock(self) -> Clock:
        """What kind of time the events have."""
        return "none" if self.times is None else self.times.clock

    def kinds(self) -> list[str]:
        """Return the kinds of events that could be read, the most frequent first."""
        good = self.read.filter(self.read.reason.isnull())
        counted = good.group_by("kind").aggregate(n=good.count()).order_by(ibis.desc("n"), "kind")
        kinds: list[str] = counted.to_pyarrow()["kind"].to_pylist()
        return kinds

    def has(self, *names: str) -> bool:
        """Say whether any of the columns was found."""
        return any(name in self.parts[0].found for name in names)


def read_log(
    bench: Workbench, section: Section, clean: CleanSettings, frame: object | None, test: str | None
) -> EventLog:
    """Read the events, and the held-out ones of the file `test` by the same settings.

    Raises:
        DataError: a file or column is missing, or there is no row.
    """
    parts: list[Part] = []
    rows: list[ir.Table] = []
    times: Times | None = None
    files = [(section, "events", frame)]
    if test is not None:
        files.append((replace(section, source=replace(section.source, path=test)), "test", None))
    for where, name, given in files:
        source = read_source(bench, name, where.source, given)
        if not source.rows:
            raise DataError(f"{source.label} holds no event{_why_none(source)}")
        found = find_columns(where, source)
        if not {"user_id", "session_id", "basket_id"} & set(found):
            raise DataError(
                f'{source.label} has no user, session or basket; say which it is: [events] user_id = "…". '
                f"Columns: {', '.join(source.columns)}"
            )
        seen = select(bench, source, list(found.values()))
        reading = events.parse(seen, found, clean, section.source.timestamp_format)
        times = reading.times if times is None else times
        offset = sum(p.source.rows for p in parts)
        raw = bench.ibis.table(source.raw)
        copies = source.rows - int(raw.distinct().count().to_pyarrow().as_py())
        parts.append(Part(source, found, reading.figures, copies, offset))
        rows.append(reading.rows.mutate(**{SEQ: reading.rows[SEQ] + offset}))
    read = bench.keep(READ, ibis.union(*rows), about=parts[0].source.label)
    return EventLog(section, tuple(parts), read, times)


def item_columns(bench: Workbench, log: EventLog, items: Section) -> tuple[ir.Table, dict[str, Found]]:
    """Return what the events say of items: the columns that [items] finds there and the events do not use."""
    part = log.parts[0]
    taken = {s for f in part.found.values() for s in f.sources}
    found = find_columns(items, part.source, optional=("item_id",), taken=taken)
    found.pop("item_id", None)
    return select(bench, part.source, list(found.values()), view="seen_items"), found


def _why_none(source: Source) -> str:
    return f": {source.unreadable} lines, none of them readable" if source.unreadable else ""
