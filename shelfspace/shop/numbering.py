"""From ids to rows and from good events to a History: the last step inside the database."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shelfspace.shop.clean import SALES
from shelfspace.shop.columns import SEQ
from shelfspace.shop.counting import sessions
from shelfspace.shop.history import Clock, History
from shelfspace.shop.workbench import Workbench

WEIGHTS = {
    "view": 1.0,
    "click": 1.0,
    "wishlist": 2.0,
    "cart": 3.0,
    "addtocart": 3.0,
    "add_to_cart": 3.0,
    "remove_from_cart": 0.0,
    **dict.fromkeys(SALES, 5.0),
}
"""What kinds of events count for before validation knows better; others count 1."""


@dataclass(frozen=True)
class Numbered:
    """The events as rows and columns.

    users: ids of the named users, in the order of their first event, those only in the users table last;
    anonymous: how many rows follow them, one for each basket or session without a user;
    merged: how many events were one with another: same user, basket, item, time and kind.
    """

    history: History
    held_out: History | None
    kinds: tuple[str, ...]
    users: pa.Array
    anonymous: int
    baskets: int
    merged: int


def weights_of(kinds: Sequence[str], given: Mapping[str, float], *, told_apart: bool) -> list[float]:
    """Return what each kind counts for; where the source does not tell kinds apart, all count 1."""
    known = {**WEIGHTS, **given} if told_apart else {}
    return [float(known.get(kind, 1.0)) for kind in kinds]


def first_items(good: ir.Table) -> pa.Array:
    """Return the item ids of events in the order in which they first come."""
    first = good.group_by("item_id").aggregate(first=good[SEQ].min())
    return _texts(first.order_by("first").select("item_id"))


def number(
    bench: Workbench,
    good: ir.Table,
    *,
    items: pa.Array,
    further_users: pa.Array,
    kinds: Sequence[str],
    weights: Sequence[float],
    clock: Clock,
    gap: float | None,
    held_from: int | None,
    about: str,
    measures: Sequence[str] = (),
) -> Numbered:
    """Give users, items and baskets their rows and put the events in order.

    A row's weight is that of its kind alone: six cups in one line are one decision, and a wholesaler's
    dozens would drown everybody else's.

    Args:
        bench: where the events lie.
        good: `_seq`, the ids, `time`, `kind`, and what the `measures` are made of.
        items: the catalogue's ids; events of others are left out.
        further_users: users that are known and may have no event.
        kinds: the kinds of events; `weights`: what each counts for.
        weights: as `kinds`.
        clock: what kind of time there is.
        gap: days without an event that end a session, where sessions must be found; None: they are given.
        held_from: the row number from which on events are held out; None: none are.
        about: what messages call the events.
        measures: what else is kept of an event: `value`, its price times what is left of its quantity, added up where
            events are one; `rating`, their mean.

    A few hash joins and one sort, in the database's bounded memory; what comes out is 32 bytes an event, and
    4 for each of the measures.
    """
    users = _users(bench, good, further_users, about)
    ids = {"items": items, "kinds": pa.array(list(kinds), pa.string())}
    rows = good.mutate(
        _basket=ibis.coalesce("s" + good.session_id, "b" + good.basket_id),
        held=good[SEQ] >= held_from if held_from is not None else ibis.literal(False),
        **{name: _MEASURES[name](good) for name in measures},
    )
    named = bench.keep("user_rows", _rows_of(users, "user_id", "user"), about=about)
    nameless = rows.filter(rows.user_id.isnull()).group_by("_basket").aggregate(first=rows[SEQ].min())
    order = ibis.row_number().over(order_by="first") + len(users)
    anonymous = bench.keep("anonymous_rows", nameless.select(_key="_basket", _anonymous=order), about=about)
    rows = rows.left_join(named, "user_id").drop("user_id_right")
    rows = rows.left_join(anonymous, rows.user_id.isnull() & (rows._basket == anonymous._key))
    rows = rows.inner_join(_rows_of(ids["items"], "item_id", "item"), "item_id")
    rows = rows.inner_join(_rows_of(ids["kinds"], "kind", "kind_row"), "kind")
    rows = rows.mutate(user=ibis.coalesce(rows.user, rows._anonymous))
    numbers = bench.keep(
        "numbers",
        rows.select(SEQ, "user", "item", "time", "kind_row", "_basket", "held", *measures),
        about=about,
    )
    if gap is not None:
        table = sessions(numbers, gap=gap).rename(basket="session").drop("_basket")
    else:
        baskets = numbers.filter(numbers._basket.notnull()).group_by("user", "_basket")
        baskets = baskets.aggregate(first=numbers[SEQ].min())
        baskets = baskets.mutate(basket=ibis.row_number().over(order_by="first")).drop("first")
        baskets = bench.keep("basket_rows", baskets, about=about)
        table = numbers.left_join(baskets, ["user", "_basket"])
    key = ["user", "time", "item", "kind_row", "basket", "held"]
    together = {name: table[name].sum() if name == "value" else table[name].mean() for name in measures}
    merged = table.group_by(*key).aggregate(first=table[SEQ].min(), **together)
    merged = bench.keep("merged", merged, about=about)
    num_events = int(numbers.count().to_pyarrow().as_py())
    num_rows = len(users) + int(anonymous.count().to_pyarrow().as_py())
    shape = (num_rows, len(items), clock, np.asarray(weights, np.float32), measures)
    history = _history(merged.filter(~merged.held), *shape)
    held_out = _history(merged.filter(merged.held), *shape) if held_from is not None else None
    return Numbered(
        history=history,
        held_out=held_out,
        kinds=tuple(kinds),
        users=users,
        anonymous=num_rows - len(users),
        baskets=int(history.basket.max(initial=-1)) + 1,
        merged=num_events - int(merged.count().to_pyarrow().as_py()),
    )


def _value(good: ir.Table) -> ir.Value:
    return good.price * ibis.coalesce(good.left, good.quantity, 1.0)


_MEASURES: dict[str, Callable[[ir.Table], ir.Value]] = {"value": _value, "rating": lambda good: good.rating}


def nothing(users: pa.Array, num_items: int) -> Numbered:
    """Return what a shop without events has: its users and no history."""
    history = History.of([], [], num_users=len(users), num_items=num_items, clock="none")
    return Numbered(history, None, (), users, anonymous=0, baskets=0, merged=0)


def _users(bench: Workbench, good: ir.Table, further: pa.Array, about: str) -> pa.Array:
    first = good.filter(good.user_id.notnull()).group_by("user_id").aggregate(first=good[SEQ].min())
    known = _texts(bench.keep("first_users", first, about=about).order_by("first").select("user_id"))
    return pa.concat_arrays([known, further]).unique()


def _rows_of(texts: pa.Array, text: str, row: str) -> ir.Table:
    return ibis.memtable(pa.table({text: texts, row: pa.array(np.arange(len(texts), dtype=np.int32))}))


def _texts(column: ir.Table) -> pa.Array:
    texts = column.to_pyarrow().column(0).cast(pa.string())
    return texts.combine_chunks() if texts.num_chunks else pa.array([], pa.string())


def _history(
    merged: ir.Table,
    num_users: int,
    num_items: int,
    clock: Clock,
    weights: npt.NDArray[np.float32],
    measures: Sequence[str],
) -> History:
    ordered = merged.order_by("user", "time", "first").select(
        "item",
        "time",
        user=merged.user.cast("int32"),
        kind=merged.kind_row.cast("int8"),
        basket=merged.basket.fill_null(-1).cast("int32"),
        **{name: merged[name].cast("float32") for name in measures},
    )
    table = ordered.to_pyarrow()
    columns = {name: table[name].to_numpy() for name in table.column_names}
    counts = np.bincount(columns["user"], minlength=num_users)
    return History(
        indptr=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        item=columns["item"].astype(np.int32),
        time=columns["time"],
        weight=weights[columns["kind"]] if len(columns["kind"]) else np.zeros(0, np.float32),
        kind=columns["kind"],
        basket=columns["basket"],
        num_items=num_items,
        clock=clock,
        numbers={name: columns[name] for name in measures} or None,
    )
