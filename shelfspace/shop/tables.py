"""The other tables of the contract, from `users` to `judgments`."""

from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from shelfspace.shop import columns
from shelfspace.shop.columns import SEQ, Found, find_columns, select
from shelfspace.shop.figures import blank, count_columns, unreadable
from shelfspace.shop.observed import Figures
from shelfspace.shop.sections import Section
from shelfspace.shop.sources import Source, read_source
from shelfspace.shop.times import recognise
from shelfspace.shop.workbench import Workbench


@dataclass(frozen=True)
class OtherTable:
    """A table as it was read.

    table: the rows that can be used, under the names of the contract;
    marked: `_seq` and `reason` of every row, null where it is used;
    figures: what was counted in each column.
    """

    source: Source
    table: pa.Table
    marked: ir.Table
    figures: tuple[Figures, ...]


def read_table(bench: Workbench, section: Section, frame: object | None) -> OtherTable:
    """Read a table; rows that lack a required value, or hold one that cannot be read, are marked.

    Ids are text, numbers float64, times days since 1970 (or steps), flags booleans.

    Raises:
        DataError: the file or a required column is missing.
    """
    source = read_source(bench, section.name, section.source, frame)
    found = find_columns(section, source)
    used = {s for f in found.values() for s in f.sources}
    own = [c for c in source.columns if c not in used] if section.schema.own_columns else []
    seen = select(bench, source, list(found.values()), own)
    parsed = {name: typed(seen[name], f, section.source.timestamp_format) for name, f in found.items()}
    cases = [(blank(seen[name]), f"no {name}") for name, f in found.items() if f.column.required]
    cases += [(unreadable(seen[name], parsed[name]), f"unreadable {name}") for name in found]
    rows = seen.mutate(**parsed, _reason=ibis.cases(*cases, else_=ibis.null("string")))
    rows = bench.keep(f"read_{section.name}", rows, about=source.label)
    good = rows.filter(rows._reason.isnull()).order_by(SEQ).drop(SEQ, "_reason").to_pyarrow()
    return OtherTable(
        source=source,
        table=good,
        marked=rows.select(SEQ, reason="_reason"),
        figures=count_columns(seen, found, parsed),
    )


def typed(value: ir.Column, found: Found, pattern: str | None) -> ir.Value:
    """Return values as the contract's type of the column, null where they cannot be read."""
    match found.column.type:
        case "number":
            return columns.number(value)
        case "flag":
            return columns.flag(value)
        case "time":
            return recognise(value, pattern).read(value)
        case _:
            return columns.text(value)
