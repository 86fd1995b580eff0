"""Rows that were not kept: counted by reason, and written whole so that a person can look at them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import ibis.expr.types as ir

from shelfspace.errors import DirtyDataError
from shelfspace.shop import clean
from shelfspace.shop.columns import SEQ
from shelfspace.shop.observed import Gone
from shelfspace.shop.sources import Source
from shelfspace.shop.textfiles import UNREADABLE
from shelfspace.shop.workbench import Workbench, literal, quoted, refusals

_RULES = (
    clean.CANCELLATION,
    clean.CANCELLED,
    clean.NOT_A_PRODUCT,
    clean.NOT_A_SALE,
    clean.NO_WEIGHT,
    clean.UNKNOWN_ITEM,
    clean.BOT,
    clean.COPY,
)


@dataclass(frozen=True)
class Marked:
    """A table's rows with what became of them: `_seq` (from `offset` on) and `reason`, null where kept."""

    table: str
    source: Source
    rows: ir.Table
    offset: int = 0


def count_gone(bench: Workbench, tables: Sequence[Marked]) -> tuple[Gone, ...]:
    """Return how many rows of each table were not kept, by reason, the most frequent first."""
    gone = [g for marked in tables for g in _marked_gone(marked)]
    lines = bench.duckdb.execute(
        f'SELECT "table", reason, count(*), arg_min(file, "row"), min("row") FROM {UNREADABLE} GROUP BY ALL'
    ).fetchall()
    gone += [Gone(t, reason, "quarantined", n, f"{file}, line {row:,}") for t, reason, n, file, row in lines]
    return tuple(sorted(gone, key=lambda g: (g.table, -g.rows, g.reason)))


def refuse_too_many(gone: Sequence[Gone], tables: Sequence[Marked], limit: float) -> None:
    """Stop where too large a share of a table could not be read.

    Raises:
        DirtyDataError: naming the table, the share, the reasons and where the first such row is.
    """
    quarantined: dict[str, list[Gone]] = defaultdict(list)
    for g in gone:
        if g.fate == "quarantined":
            quarantined[g.table].append(g)
    for table, several in quarantined.items():
        rows = sum(m.source.rows + m.source.unreadable for m in tables if m.table == table)
        share = sum(g.rows for g in several) / max(rows, 1)
        if share > limit:
            reasons = "; ".join(f"{g.rows:,} {g.reason} (first: {g.first})" for g in several[:3])
            raise DirtyDataError(
                f"{share:.0%} of the rows of {table} cannot be read, more than clean.max_dropped = {limit:g} "
                f"allows: {reasons}. Correct the mapping or the file, or allow more"
            )


def write_quarantine(bench: Workbench, tables: Sequence[Marked], path: Path) -> None:
    """Write every row that was not kept as Parquet.

    Its columns: `_table`, `_file`, `_row` (from 1; of lines that could not be cut into columns, the line),
    `_fate`, `_reason`, `_line` (the text of such a line), and the row's own columns as text.

    Raises:
        DataError: it cannot be written.
    """
    queries = [
        f'SELECT "table" AS _table, file AS _file, "row" AS _row, '
        "'quarantined' AS _fate, reason AS _reason, "
        f"line AS _line FROM {UNREADABLE}"
    ]
    rules = ", ".join(literal(r) for r in _RULES)
    for number, marked in enumerate(tables):
        name = f"gone_{number}"
        bad = _bad_rows(marked)
        bench.keep(name, bad.select(seq=bad[SEQ] - marked.offset, reason="reason"), about=marked.source.label)
        own = ", ".join(f"r.{quoted(c)}::VARCHAR AS {quoted(c)}" for c in marked.source.columns)
        starts = sorted(marked.source.starts, reverse=True)
        file = " ".join(f"WHEN g.seq >= {start} THEN {literal(label)}" for start, label in starts)
        first = " ".join(f"WHEN g.seq >= {start} THEN {start}" for start, _ in starts)
        queries.append(
            f"SELECT {literal(marked.table)} AS _table, CASE {file} END AS _file, "
            f"g.seq - CASE {first} END + 1 AS _row, "
            f"CASE WHEN g.reason IN ({rules}) THEN 'dropped' ELSE 'quarantined' END AS _fate, "
            f"g.reason AS _reason, NULL::VARCHAR AS _line, {own} "
            f"FROM {quoted(marked.source.raw)} r JOIN {name} g ON r.rowid = g.seq"
        )
    with refusals(str(path)):
        query = " UNION ALL BY NAME ".join(queries)
        bench.duckdb.execute(f"COPY ({query}) TO {literal(str(path))} (FORMAT parquet)")


def _marked_gone(marked: Marked) -> list[Gone]:
    rows = _bad_rows(marked)
    counted = rows.group_by("reason").aggregate(rows=rows.count(), first=rows[SEQ].min() - marked.offset)
    return [
        Gone(
            table=marked.table,
            reason=g["reason"],
            fate="dropped" if g["reason"] in _RULES else "quarantined",
            rows=g["rows"],
            first=marked.source.place(g["first"]),
        )
        for g in counted.to_pyarrow().to_pylist()
    ]


def _bad_rows(marked: Marked) -> ir.Table:
    last = marked.offset + marked.source.rows - 1
    return marked.rows.filter(marked.rows.reason.notnull() & marked.rows[SEQ].between(marked.offset, last))
