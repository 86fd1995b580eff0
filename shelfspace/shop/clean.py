"""The rules of cleaning, as Ibis expressions: each takes events and says which rows go, and why.

Rows are never removed on the way: `reason` is null for what is still good, and says why for what is not. The
same expressions run on any Ibis backend.
"""

import re
from collections.abc import Mapping, Sequence

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from shelfspace.shop.cleaning import CleanSettings
from shelfspace.shop.columns import SEQ

CANCELLATION = "return or cancellation"
CANCELLED = "purchase that was cancelled"
NOT_A_PRODUCT = "not a product"
NOT_A_SALE = "price or quantity of zero or below"
NO_WEIGHT = "kind of event of weight 0"
UNKNOWN_ITEM = "item not in the catalogue"
BOT = "suspected bot"
COPY = "exact copy of a row"

CANCELLING_KINDS = (
    "return",
    "returned",
    "refund",
    "refunded",
    "cancel",
    "cancelled",
    "canceled",
    "cancellation",
)
SALES = ("purchase", "buy", "order", "transaction", "sale")

_NO_ITEMS = pa.table({"item_id": pa.array([], pa.string()), "events": pa.array([], pa.int64())})
_DIGIT = r"[0-9]"
_SERVICE_TITLE = "|".join(
    (
        r"((dotcom|amazon|uk|express|standard|free|international)\s+)?"
        r"(postage|shipping|delivery|carriage|freight|handling|p\s*&\s*p)"
        r"(\s+(and|&)\s+(packing|packaging|handling))?(\s+(fee|cost|charge)s?)?",
        r"(.*\s)?(bank charges?|fees?|commission)",
        r"manual|discounts?|samples?|adjust(ment)?\b.*|test( item| product)?|donations?|deposit|surcharge",
        r".*\b(gift|e-?gift) ?(voucher|card|certificate)s?\b.*",
        r"运费.*|邮费.*|快递费|补差价.*|差价|邮费补拍|打折卡|礼品卡.*|测试.*",
    )
)


def item_table(events: ir.Table | None, titles: ir.Table | None) -> ir.Table:
    """Return one row for each item: `item_id`, `events` (0 where it was never sold), and `title` where known.

    Args:
        events: as read; None: there are none.
        titles: `item_id`, `title` of the catalogue or of what is sold; None: there are none.
    """
    counts = ibis.memtable(_NO_ITEMS)
    if events is not None:
        good = events.filter(events.reason.isnull())
        counts = good.group_by("item_id").aggregate(events=good.count())
    if titles is None:
        return counts.mutate(title=ibis.null("string"))
    items = counts.select("item_id").union(titles.select("item_id"), distinct=True)
    items = items.left_join(counts, "item_id").drop("item_id_right").left_join(titles, "item_id")
    return items.select("item_id", events=items.events.fill_null(0), title="title")


def non_products(items: ir.Table, clean: CleanSettings) -> ir.Table:
    """Return `item_id` and `rule` of what is sold and is not a product.

    By rule: named in `drop_items`; a title that says postage, fee, discount, voucher … and no more than that;
    a code of at most four letters in a shop where nearly all codes have digits. `keep_items` are always
    products.
    """
    with_digits = items.item_id.re_search(_DIGIT).cast("float64").mean()
    items = items.cross_join(items.aggregate(_coded=(with_digits >= 0.95) & (items.count() >= 20)))
    by_rule = ibis.literal(clean.non_products)
    rule = ibis.cases(
        (items.item_id.isin(clean.keep_items), ibis.null("string")),
        (items.item_id.isin(clean.drop_items), "named in drop_items"),
        (by_rule & items.title.strip().lower().re_search(f"^({_SERVICE_TITLE})$"), "its title is a service"),
        (by_rule & items._coded & items.item_id.re_search("^[A-Za-z]{1,4}$"), "its code is a few letters"),
        else_=ibis.null("string"),
    )
    judged = items.mutate(rule=rule)
    return judged.filter(judged.rule.notnull()).select("item_id", "title", "events", "rule")


def mark(events: ir.Table, rows: ir.BooleanValue, reason: str) -> ir.Table:
    """Return the events with a reason where `rows` holds and none was given before."""
    said = (events.reason.isnull() & rows.fill_null(False)).ifelse(ibis.literal(reason), events.reason)
    return events.mutate(reason=said)


def mark_items(events: ir.Table, items: ir.Table, reason: str, *, absent: bool = False) -> ir.Table:
    """Return the events with a reason where the item is in `items`, or where it is not."""
    named = items.select(_named="item_id").distinct()
    joined = events.left_join(named, events.item_id == named._named)
    hit = joined._named.isnull() if absent else joined._named.notnull()
    return mark(joined, hit, reason).select(*events.columns)


def cancelling(events: ir.Table, prefix: str) -> ir.BooleanValue:
    """Return which events take something back: by quantity, by kind, or by the prefix of their invoice."""
    takes_back = (events.quantity < 0).fill_null(False) | events.kind.isin(CANCELLING_KINDS)
    return takes_back | cancelling_invoice(events, prefix) if prefix else takes_back


def cancelling_invoice(events: ir.Table, prefix: str) -> ir.BooleanValue:
    """Return which events are of an invoice that is the prefix and a number, such as C536379."""
    return events.basket_id.re_search(f"^(?i:{re.escape(prefix)})[0-9]+$").fill_null(False)


def settle_returns(events: ir.Table) -> ir.Table:
    """Return what each cancellation takes from the latest earlier purchases of the same user and item.

    Going back in time, the quantity still to be taken back is a queue: cancellations add to it, purchases
    serve it, and it is never below zero. So it is a running sum less its running minimum (Lindley, 1952), and
    no row waits for another. Going forward, the same of what is bought and not yet taken back tells which
    cancellations found nothing.

    Args:
        events: `_seq`, `user_id`, `item_id`, `time`, `amount` (1 where no quantity is known), `cancels`; only
            those of users and items that have a cancellation.

    Returns:
        `_seq`, `left`: the quantity of a purchase that remains; of a cancellation, what found no purchase.

    One sort by user, item and time.
    """
    step = events.cancels.ifelse(events.amount, -events.amount)
    back = {"group_by": ["user_id", "item_id"], "order_by": [ibis.desc("time"), ibis.desc(SEQ)]}
    forth = {"group_by": ["user_id", "item_id"], "order_by": ["time", SEQ]}
    owed = _queue(events.mutate(_step=step), back, "_owed")
    held = _queue(owed.mutate(_step=-owed._step), forth, "_held")
    served = held.cancels.ifelse(held._held_served, held._owed_served)
    return held.select(SEQ, left=held.amount - served)


def _queue(events: ir.Table, window: Mapping[str, Sequence[object]], name: str) -> ir.Table:
    """Return how much of each amount that leaves the queue (`_step` < 0) it could take, as `NAME_served`."""
    running = events.mutate(_sum=events._step.sum().over(ibis.cumulative_window(**window)))
    floor = ibis.least(running._sum.min().over(ibis.cumulative_window(**window)), 0.0)
    queued = running.mutate(_after=running._sum - floor)
    before = queued._after.lag().over(ibis.window(**window)).fill_null(0.0)
    served = ibis.greatest(before - queued._after, 0.0)
    return queued.mutate(**{f"{name}_served": served}).drop("_sum", "_after")


def busy_users(events: ir.Table, per_day: float) -> ir.Table:
    """Return the users (or sessions) with more than `per_day` events on their average active day.

    Returns:
        `user_id`, `events`, `days`, `per_day`.
    """
    named = events.filter(events.reason.isnull() & events.user_id.notnull())
    counted = named.group_by("user_id").aggregate(
        events=named.count(), days=named.time.floor().cast("int64").nunique()
    )
    rated = counted.mutate(per_day=counted.events / counted.days)
    return rated.filter(rated.per_day > per_day)
