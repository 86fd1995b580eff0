"""The settings of [clean]: what counts as dirt, and what is done with it."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class CleanSettings:
    """What counts as dirt, and what is done with it. Every rule tells in the check what it dropped.

    memory: what the database may hold in memory while reading; the rest lies on disk;
    max_dropped: the share of rows that may be quarantined before reading stops with an error;
    drop_items, keep_items: ids that are never, or always, products, whatever the rule says;
    non_products: whether postage, fees, vouchers and the like are recognised by code and title;
    cancel_prefix: an invoice of this prefix and digits cancels, where most invoices have no such prefix;
    returns: whether cancellations and negative quantities take back the purchases that they name;
    bad_prices: what is done with sales at a price of zero or below;
    absurd_price: how many times the median price makes a price absurd (told, kept);
    unknown_items: whether events for items that are not in the catalogue are kept (the item then has no more
        than its id) or dropped;
    drop_duplicates: whether an exact copy of a row is dropped; else copies are told and kept: an invoice may
        name a product twice; what counts is unaffected, equal events are merged anyway;
    bots, bot_events_per_day: users with more events on their average active day are told, or dropped;
    min_year, max_days_ahead: dates before that year or further in the future are absurd;
    duplicate_listings: whether near-identical listings are looked for.
    """

    memory: str = "4GB"
    max_dropped: float = 0.2
    drop_items: list[str] = field(default_factory=list)
    keep_items: list[str] = field(default_factory=list)
    non_products: bool = True
    cancel_prefix: str = "C"
    returns: bool = True
    bad_prices: Literal["drop", "keep"] = "drop"
    absurd_price: float = 1000.0
    unknown_items: Literal["keep", "drop"] = "keep"
    drop_duplicates: bool = False
    bots: Literal["tell", "drop"] = "tell"
    bot_events_per_day: float = 1000.0
    min_year: int = 1990
    max_days_ahead: float = 366.0
    duplicate_listings: bool = True
