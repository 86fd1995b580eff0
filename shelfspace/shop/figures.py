"""What is counted in each column of a table while it is read."""

from collections.abc import Mapping

import ibis
import ibis.expr.types as ir

from shelfspace.shop import columns
from shelfspace.shop.columns import Found
from shelfspace.shop.observed import Figures


def count_columns(
    seen: ir.Table, found: Mapping[str, Found], parsed: Mapping[str, ir.Value]
) -> tuple[Figures, ...]:
    """Count the null, unparseable and distinct values of each column found. One pass.

    Args:
        seen: the columns as they are.
        found: where they came from.
        parsed: the values as read, of those columns where something may be unreadable.
    """
    counts: dict[str, ir.Value] = {}
    for name, f in found.items():
        value = seen[f.parts()[0]]
        counts[f"{name}|nulls"] = blank(value).sum()
        counts[f"{name}|bad"] = unreadable(value, parsed[name]).sum() if name in parsed else ibis.literal(0)
        counts[f"{name}|distinct"] = value.approx_nunique()
    row = {k: int(v or 0) for k, v in seen.aggregate(**counts).to_pyarrow().to_pylist()[0].items()}
    return tuple(
        Figures(n, f.shown, f.how, row[f"{n}|nulls"], row[f"{n}|bad"], row[f"{n}|distinct"])
        for n, f in found.items()
    )


def blank(value: ir.Value) -> ir.BooleanValue:
    """Return where nothing is written."""
    return value.isnull() if value.type().is_array() else columns.text(value).isnull()


def unreadable(value: ir.Value, parsed: ir.Value) -> ir.BooleanValue:
    """Return where something is written and could not be read."""
    return ~blank(value) & parsed.isnull()
