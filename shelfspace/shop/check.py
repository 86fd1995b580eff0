"""What was found in a shop's data, and what was done about it: for people as a table or a page, for programs as JSON."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.console import Group
from rich.table import Table as RichTable

from shelfspace.shop.figures import Figures
from shelfspace.shop.history import Clock
from shelfspace.shop.judging import Bot, Dropped, Returns
from shelfspace.shop.photos import Photos
from shelfspace.shop.quarantine import Gone


@dataclass(frozen=True)
class SourceCheck:
    """One table as it was read."""

    table: str
    label: str
    format: str
    rows: int
    unreadable: int
    columns: tuple[Figures, ...] = ()
    copies: int = 0


@dataclass(frozen=True)
class TimeCheck:
    """When the events were: ISO dates for a calendar, numbers for steps."""

    clock: Clock = "none"
    told: str = "there is no time"
    first: str = ""
    last: str = ""


@dataclass(frozen=True)
class Prices:
    """Prices of events: how many are zero, negative or absurd (told, kept), and the median."""

    zero: int = 0
    negative: int = 0
    absurd: int = 0
    median: float | None = None


@dataclass(frozen=True)
class Listings:
    """The catalogue: near-identical listings and items that nothing happens to."""

    never_sold: int = 0
    unknown_items: int = 0
    unknown_events: int = 0
    duplicate_groups: int = 0
    duplicate_listings: int = 0
    duplicate_examples: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Shape:
    """How events spread, for the plots: the edges of bins are in `*_edges`, one more than counts."""

    months: tuple[tuple[str, int], ...] = ()
    per_user: tuple[int, ...] = ()
    per_item: tuple[int, ...] = ()
    prices: tuple[float, ...] = ()
    top_items: tuple[tuple[str, str, int], ...] = ()


@dataclass(frozen=True)
class Check:
    """What was found and what was done; empty where a shop was not read from files.

    sources: the tables; gone: rows that did not make it; returns, prices, times, listings, photos: what is in them;
    non_products, bots: who they are, so that a person can object;
    problems: what stands in the way of learning; notes: what was assumed and what is worth knowing.
    """

    num_users: int = 0
    num_anonymous: int = 0
    num_items: int = 0
    num_baskets: int = 0
    num_events: int = 0
    merged: int = 0
    kinds: Mapping[str, int] = field(default_factory=dict)
    sources: tuple[SourceCheck, ...] = ()
    gone: tuple[Gone, ...] = ()
    times: TimeCheck = TimeCheck()
    returns: Returns = Returns()
    prices: Prices = Prices()
    listings: Listings = Listings()
    photos: Photos = Photos()
    non_products: tuple[Dropped, ...] = ()
    bots: tuple[Bot, ...] = ()
    shape: Shape = Shape()
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def to_json(self) -> str:
        """Return all of it as JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=2)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        return dataclasses.asdict(self)
