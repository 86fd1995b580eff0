"""The rules of cleaning in their order, over the events of a workbench."""

from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from shelfspace.shop import clean as rules
from shelfspace.shop.cleaning import CleanSettings
from shelfspace.shop.columns import SEQ
from shelfspace.shop.history import Clock
from shelfspace.shop.observed import Bot, Dropped, Returns
from shelfspace.shop.workbench import Workbench

_ALMOST_NOTHING = 1e-9


@dataclass(frozen=True)
class Judged:
    """The events with what became of each: `reason` is null where it is kept."""

    rows: ir.Table
    returns: Returns
    bots: tuple[Bot, ...]


def judge(
    bench: Workbench,
    events: ir.Table,
    clean: CleanSettings,
    *,
    clock: Clock,
    dropped: ir.Table,
    catalogue: ir.Table | None,
    weightless: list[str],
    about: str,
) -> Judged:
    """Apply every rule.

    Args:
        bench: where the events lie.
        events: as read, each with `reason` where it could not be read.
        clean: what is dirt.
        clock: users are suspected of being bots only where there are days.
        dropped: `item_id` of what is not a product.
        catalogue: the `item_id` that the shop sells; None: what is in the events.
        weightless: kinds of events that count nothing.
        about: what messages call the events.

    Three passes over the events, one sort of those of users and items with a cancellation.
    """
    prefix = _prefix(events, clean)
    marked = rules.mark_items(events, dropped, rules.NOT_A_PRODUCT)
    if catalogue is not None and clean.unknown_items == "drop":
        marked = rules.mark_items(marked, catalogue, rules.UNKNOWN_ITEM, absent=True)
    marked = rules.mark(marked, marked.kind.isin(weightless), rules.NO_WEIGHT) if weightless else marked
    takes_back = marked.reason.isnull() & rules.cancelling(marked, prefix)
    marked = marked.mutate(cancels=takes_back, amount=marked.quantity.abs().fill_null(1.0))
    if clean.bad_prices == "drop":
        free = (marked.price <= 0) | (marked.quantity == 0)
        sale = marked.kind.isin(rules.SALES)
        marked = rules.mark(marked, free & sale & ~marked.cancels, rules.NOT_A_SALE)
    marked = bench.keep("events_marked", marked, about=about)
    settled = _settle(bench, marked, clean, about)
    rows = rules.mark(settled, settled.cancels, rules.CANCELLATION)
    taken = ~rows.cancels & (rows.left <= _ALMOST_NOTHING)
    rows = rules.mark(rows, taken, rules.CANCELLED)
    if clean.drop_duplicates:
        rows = _mark_copies(rows)
    rows = bench.keep("events_judged", rows, about=about)
    returns = _returns(events, rows, prefix)
    bots = rules.busy_users(rows, clean.bot_events_per_day) if clock == "calendar" else None
    suspects = [] if bots is None else bots.order_by(ibis.desc("events")).to_pyarrow().to_pylist()
    if suspects and clean.bots == "drop":
        named = rows.user_id.isin([s["user_id"] for s in suspects])
        rows = bench.keep("events_without_bots", rules.mark(rows, named, rules.BOT), about=about)
    return Judged(
        rows=rows,
        returns=returns,
        bots=tuple(Bot(s["user_id"], s["events"], s["days"]) for s in suspects),
    )


def dropped_items(dropped: ir.Table) -> tuple[Dropped, ...]:
    """Return the items that are not products, those with the most events first."""
    rows = dropped.order_by(ibis.desc("events"), "item_id").to_pyarrow().to_pylist()
    return tuple(Dropped(d["item_id"], d["title"], d["events"], d["rule"]) for d in rows)


def _prefix(events: ir.Table, clean: CleanSettings) -> str:
    """Return the prefix of cancelling invoices, or nothing where it is how most invoices are named."""
    if not clean.cancel_prefix or not clean.returns:
        return ""
    share = rules.cancelling_invoice(events, clean.cancel_prefix).cast("float64").mean()
    return clean.cancel_prefix if (share.to_pyarrow().as_py() or 0.0) < 0.5 else ""


def _settle(bench: Workbench, marked: ir.Table, clean: CleanSettings, about: str) -> ir.Table:
    """Return the events with what is left of each purchase, null where nothing was taken from it."""
    if not clean.returns:
        return marked.mutate(left=ibis.null("float64"))
    pairs = marked.filter(marked.cancels & marked.user_id.notnull()).select("user_id", "item_id").distinct()
    sides = marked.filter(marked.reason.isnull() & (marked.cancels | marked.kind.isin(rules.SALES)))
    left = bench.keep(
        "settled", rules.settle_returns(sides.semi_join(pairs, ["user_id", "item_id"])), about=about
    )
    left = left.rename(_settled=SEQ)
    return marked.left_join(left, marked[SEQ] == left._settled).drop("_settled")


def _mark_copies(rows: ir.Table) -> ir.Table:
    same = [c for c in rows.columns if c not in (SEQ, "left", "rating", "query", "reason")]
    nth = ibis.row_number().over(group_by=[rows.reason.isnull(), *same], order_by=SEQ)
    numbered = rows.mutate(_nth=nth)
    return rules.mark(numbered, numbered._nth > 0, rules.COPY).drop("_nth")


def _returns(events: ir.Table, rows: ir.Table, prefix: str) -> Returns:
    none = events.kind.isnull() & ibis.literal(False)
    by_invoice = rules.cancelling_invoice(events, prefix) if prefix else none
    by_quantity = (events.quantity < 0).fill_null(False) & ~by_invoice
    by_kind = events.kind.isin(rules.CANCELLING_KINDS) & ~by_invoice & ~by_quantity
    said = events.aggregate(by_invoice=by_invoice.sum(), by_quantity=by_quantity.sum(), by_kind=by_kind.sum())
    whole = rows.reason == rules.CANCELLED
    found = rows.aggregate(
        unmatched=(rows.cancels & (rows.left.isnull() | (rows.left >= rows.amount - _ALMOST_NOTHING))).sum(),
        purchases_cancelled=whole.sum(),
        purchases_reduced=(rows.reason.isnull() & (rows.left < rows.amount - _ALMOST_NOTHING)).sum(),
    )
    counts = said.to_pyarrow().to_pylist()[0] | found.to_pyarrow().to_pylist()[0]
    return Returns(**{name: int(count or 0) for name, count in counts.items()})
