"""Counting where the events are: sessions, baskets and pairs as Ibis expressions.

Nothing here runs anything. Each function returns an expression, which DuckDB, Spark or the shop's own
warehouse works out in its own memory, spilling to disk where it can. Below memory,
`shelfspace.shop.cooccurrence` counts the same pairs faster.
"""

import ibis
import ibis.expr.types as ir


def sessions(events: ir.Table, *, gap: float) -> ir.Table:
    """Number the sessions of each user: a new one begins where the user was away for longer than `gap`.

    Numbers depend on the rows alone, never on their order or on the number of threads: they run from 0
    without holes by user, and by time within a user. Events at the same moment belong to one session. One
    sort of the events by user and time, O(E log E), in the database's memory and, beyond it, on its disk.

    Args:
        events: `user`, `time` in days as float64, and anything else, which is kept.
        gap: days without an event that end a session; 30 minutes are `30 / 1440`.

    Returns:
        The same rows with `session`, int64, null where `user` is null. Any earlier `session` is replaced.

    Example:
        >>> import pyarrow as pa
        >>> events = ibis.memtable(pa.table({"user": ["a", "a", "b"], "time": [0.0, 3.0, 0.0]}))
        >>> sessions(events, gap=1.0).order_by("session").session.to_pyarrow().to_pylist()
        [0, 1, 2]
    """
    before = events.time.lag().over(group_by="user", order_by="time")
    away = (events.time - before > gap).fill_null(False).cast("int64")
    events = events.mutate(_away=away)
    events = events.mutate(
        _session=events._away.sum().over(ibis.range_window(group_by="user", order_by="time", following=0))
    )
    anyone = events.user.notnull()
    number = ibis.dense_rank().over(order_by=[(~anyone).asc(), "user", "_session"]).cast("int64")
    return events.mutate(session=anyone.ifelse(number, ibis.null("int64"))).drop("_away", "_session")


def baskets(events: ir.Table, *, by: str = "basket") -> ir.Table:
    """Aggregate events to one row for each basket and item.

    A product that a basket names twice counts once, with the greater weight: two lines of one invoice are no
    stronger sign than one.

    Args:
        events: `item`, the column `by`, and `weight` where kinds of events count differently.
        by: what events are put together by: `basket`, `session`, `user`. Rows without it are left out.

    Returns:
        `basket`, `item`, `weight` as float64. One pass and a hash table of the distinct pairs.

    Example:
        >>> import pyarrow as pa
        >>> events = ibis.memtable(pa.table({"basket": [1, 1, 1], "item": ["tea", "tea", "cup"]}))
        >>> sorted(baskets(events).to_pyarrow().to_pylist(), key=lambda row: row["item"])
        [{'basket': 1, 'item': 'cup', 'weight': 1.0}, {'basket': 1, 'item': 'tea', 'weight': 1.0}]
    """
    known = events.filter(events[by].notnull() & events.item.notnull())
    weight = known.weight.cast("float64").max() if "weight" in known.columns else ibis.literal(1.0)
    return known.group_by(basket=known[by], item=known.item).aggregate(weight=weight)


def pairs_in_database(baskets: ir.Table, *, minimum_support: int = 1) -> ir.Table:
    """Count the pairs of items that share a basket, by a join of the baskets with themselves.

    For logs above memory: below it `cooccurrence.pair_counts` gives the same pairs, faster. The work is
    the sum of the squared sizes of the baskets, the memory a hash table of the pairs, which DuckDB spills to
    its `temp_directory` above its `memory_limit`.

    Args:
        baskets: `basket`, `item`, `weight`, one row for each basket and item, as `baskets` gives.
        minimum_support: pairs in fewer baskets are left out.

    Returns:
        `left`, `right` (the items, left before right), `weight` (the sum over baskets of the product of both
        weights) and `support` (the number of baskets with both). Each unordered pair once, no pair of an
        item with itself.

    Example:
        >>> import pyarrow as pa
        >>> both = ibis.memtable(pa.table({"basket": [1, 1], "item": ["cup", "tea"], "weight": [1.0, 2.0]}))
        >>> pairs_in_database(both).to_pyarrow().to_pylist()
        [{'left': 'cup', 'right': 'tea', 'weight': 2.0, 'support': 1}]
    """
    left = baskets.select(basket="basket", left="item", left_weight="weight")
    right = baskets.select(basket="basket", right="item", right_weight="weight")
    both = left.join(right, [left.basket == right.basket, left.left < right.right])
    pairs = both.group_by("left", "right").aggregate(
        weight=(both.left_weight * both.right_weight).sum(), support=both.count()
    )
    return pairs.filter(pairs.support >= minimum_support)
