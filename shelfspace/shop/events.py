"""Events as the contract has them: values parsed, times in days, unreadable rows marked with the reason."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from shelfspace.shop import columns
from shelfspace.shop.cleaning import CleanSettings
from shelfspace.shop.columns import SEQ, Found
from shelfspace.shop.figures import count_columns, unreadable
from shelfspace.shop.history import Clock
from shelfspace.shop.observed import Figures
from shelfspace.shop.times import Times, recognise

IDS = ("user_id", "item_id", "session_id", "basket_id")
NUMBERS = ("quantity", "price", "rating")

_EPOCH = datetime.date(1970, 1, 1)


@dataclass(frozen=True)
class Reading:
    """A table of events on its way through cleaning.

    rows: `_seq`, the ids, `time`, `kind`, `quantity`, `price`, `rating`, `query`, `reason` (null: good so far);
    figures: what was counted in each column;
    times: how the times are written; None: there are none.
    """

    rows: ir.Table
    figures: tuple[Figures, ...]
    times: Times | None

    @property
    def clock(self) -> Clock:
        """What kind of time the events have."""
        return "none" if self.times is None else self.times.clock


def parse(seen: ir.Table, found: Mapping[str, Found], clean: CleanSettings, pattern: str | None) -> Reading:
    """Return every row with its values parsed, and the reason where it cannot be used.

    Args:
        seen: the columns found, as they are, with the row number.
        found: where they came from.
        clean: what is absurd.
        pattern: how times are written, where they are not ISO.
    """
    times = recognise(seen.timestamp, pattern) if "timestamp" in found else None
    values = {name: columns.text(seen[name]) for name in (*IDS, "event") if name in found}
    values |= {name: columns.number(seen[name]) for name in NUMBERS if name in found}
    if times is not None:
        values["timestamp"] = times.read(seen.timestamp)
    default = "purchase" if {"basket_id", "quantity", "price"} & set(found) else "event"
    kind = values["event"].lower().fill_null(default) if "event" in found else ibis.literal(default)
    rows = seen.mutate(
        **{name: values.get(name, ibis.null("string")) for name in IDS},
        quantity=values.get("quantity", ibis.null("float64")),
        price=values.get("price", ibis.null("float64")),
        rating=values.get("rating", ibis.null("float64")),
        query=columns.text(seen.query) if "query" in found else ibis.null("string"),
        time=values.get("timestamp", ibis.literal(0.0)),
        kind=kind,
        reason=_reason(seen, found, values, times, clean),
    )
    kept = rows.select(SEQ, *IDS, "time", "kind", "quantity", "price", "rating", "query", "reason")
    return Reading(kept, count_columns(seen, found, values), times)


def _reason(
    seen: ir.Table,
    found: Mapping[str, Found],
    values: Mapping[str, ir.Value],
    times: Times | None,
    clean: CleanSettings,
) -> ir.StringValue:
    cases: list[tuple[ir.BooleanValue, str]] = [(values["item_id"].isnull(), "no item")]
    actors = [values[name] for name in ("user_id", "session_id", "basket_id") if name in found]
    if actors:
        cases.append((ibis.coalesce(*actors).isnull(), "no user, session or basket"))
    written = [name for name in ("timestamp", *NUMBERS) if name in found]
    cases += [(unreadable(seen[name], values[name]), f"unreadable {name}") for name in written]
    if times is not None:
        cases.append((values["timestamp"].isnull(), "no timestamp"))
        if times.clock == "calendar":
            first = (datetime.date(clean.min_year, 1, 1) - _EPOCH).days
            last = (datetime.datetime.now(datetime.UTC).date() - _EPOCH).days + clean.max_days_ahead
            cases.append((~values["timestamp"].between(first, last), "absurd timestamp"))
    return ibis.cases(*cases, else_=ibis.null("string"))
