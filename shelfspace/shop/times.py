"""Times as a shop writes them: timestamps, dates, ISO text, epoch numbers, YYYYMMDD, or a mere order."""

import datetime
from dataclasses import dataclass
from typing import Literal

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from shelfspace.shop.columns import text
from shelfspace.shop.history import Clock

Writing = Literal["timestamp", "format", "digits", "epoch", "steps"]

SECONDS_A_DAY = 86_400.0

_UNITS = (
    (1e8, "steps", 1.0),
    (1e11, "seconds", 1.0),
    (1e14, "milliseconds", 1e3),
    (1e17, "microseconds", 1e6),
)
_NANOSECONDS = ("nanoseconds", 1e9)
_SAMPLE = 200_000
_ZONE = r"(Z|UTC|[+-]\d{2}:?\d{0,2})$"


def _try_strptime(text: str, pattern: str) -> datetime.datetime:  # type: ignore[empty-body]
    """The database's own parser: null where the text does not fit."""


_parsed = ibis.udf.scalar.builtin(_try_strptime, name="try_strptime")


@dataclass(frozen=True)
class Times:
    """How a column of times is written.

    writing: timestamp (typed or ISO), format (as the settings say), digits (20110131), epoch, or steps;
    per_second: units of an epoch in a second;
    told: what the check says of it, with the zone.
    """

    writing: Writing
    told: str
    per_second: float = 1.0
    pattern: str = ""

    @property
    def clock(self) -> Clock:
        """Whether the times are days or an order."""
        return "steps" if self.writing == "steps" else "calendar"

    def read(self, values: ir.Value) -> ir.FloatingValue:
        """Return the values as days since 1970 (UTC), or as steps; null where blank or not readable."""
        if self.writing in ("epoch", "steps"):
            numbers = (
                values.cast("float64") if values.type().is_numeric() else text(values).try_cast("float64")
            )
            numbers = numbers.isnan().ifelse(ibis.null("float64"), numbers)
            return numbers if self.writing == "steps" else numbers / (self.per_second * SECONDS_A_DAY)
        if self.writing in ("format", "digits"):
            moments = _parsed(text(values), self.pattern)
        elif values.type().is_string():
            moments = text(values).try_cast(dt.Timestamp(timezone="UTC"))
        else:
            moments = values.cast("timestamp") if values.type().is_date() else values
        return moments.epoch_seconds().cast("float64") / SECONDS_A_DAY


def recognise(values: ir.Column, pattern: str | None) -> Times:
    """Find out how a column of times is written, from its type and, where that does not say it, its values.

    Numbers whose median is below 1e8 are an order, not seconds since 1970 (that would be before 1974), but
    eight digits that are all dates are dates. The first 200,000 values are looked at.
    """
    kind = values.type()
    if kind.is_timestamp() and kind.timezone:
        return Times("timestamp", f"timestamps, from {kind.timezone} to UTC")
    if kind.is_timestamp() or kind.is_date():
        return Times(
            "timestamp", f"{'dates' if kind.is_date() else 'timestamps'} without a zone, taken as UTC"
        )
    if pattern is not None:
        return Times("format", f"text as {pattern!r}, taken as UTC", pattern=pattern)
    sample = values.as_table().limit(_SAMPLE)
    seen = sample[values.get_name()]
    written = text(seen)
    numbers = written.try_cast("float64")
    moments = written.try_cast(dt.Timestamp(timezone="UTC"))
    digits = written.re_search(r"^(19|20)\d{6}(\.0)?$") & _parsed(written.left(8), "%Y%m%d").notnull()
    counts = sample.aggregate(
        numbers=numbers.count(),
        digits=digits.sum(),
        moments=moments.count(),
        zoned=(moments.notnull() & written.re_search(_ZONE)).sum(),
        middle=numbers.abs().approx_median(),
    )
    row = {k: v or 0 for k, v in counts.to_pyarrow().to_pylist()[0].items()}
    if row["digits"] and row["digits"] >= 0.99 * row["numbers"] and row["digits"] >= row["moments"]:
        return Times("digits", "dates written YYYYMMDD, taken as UTC", pattern="%Y%m%d")
    if row["numbers"] > row["moments"]:
        return _of_numbers(float(row["middle"]))
    zone = (
        "with their offsets, to UTC" if row["zoned"] * 2 > row["moments"] else "without a zone, taken as UTC"
    )
    return Times("timestamp", f"ISO text {zone}")


def _of_numbers(middle: float) -> Times:
    name, per_second = next(((n, p) for below, n, p in _UNITS if middle < below), _NANOSECONDS)
    if name == "steps":
        return Times("steps", "small whole numbers: an order, not a calendar")
    return Times("epoch", f"{name} since 1970, UTC", per_second)
