"""What shoppers took after which query."""

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc

from shelfspace.shop.columns import SEQ

MAX_QUERY = 200
"""Letters of a query; longer ones are no queries but noise, and are left out."""


def searched(judged: ir.Table, items: pa.Array, held_from: int | None) -> pa.Table:
    """Return `query`, `item_id`, `count`: how many good events of an item came after a query, the most first.

    Args:
        judged: the events with the reason why one is dropped.
        items: the ids of the catalogue; events of others are left out.
        held_from: the row number from which on events are held out, and not counted; None: none are.
    """
    good = judged.filter(judged.reason.isnull() & judged.query.notnull())
    good = good.mutate(query=good.query.strip()).filter(
        lambda rows: rows.query.length().between(1, MAX_QUERY)
    )
    if held_from is not None:
        good = good.filter(good[SEQ] < held_from)
    counted = good.group_by("query", "item_id").aggregate(count=good.count())
    table = counted.order_by(ibis.desc("count"), "query", "item_id").to_pyarrow()
    return table.filter(pc.is_in(table["item_id"], value_set=items))
