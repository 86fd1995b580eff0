"""What is seen in a shop's data while it is read: plain values, ready for JSON."""

from dataclasses import dataclass
from typing import Literal

from shelfspace.shop.history import Clock

Fate = Literal["quarantined", "dropped"]
"""quarantined: the row could not be read; dropped: it was read, and a rule says that it does not count."""


@dataclass(frozen=True)
class Figures:
    """One column: where it was found, and how many of its values are missing or cannot be read.

    `distinct` is approximate.
    """

    column: str
    source: str
    how: str
    nulls: int
    unparseable: int
    distinct: int


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
class Gone:
    """Rows that were not kept, and why; `first` says where the first of them is."""

    table: str
    reason: str
    fate: Fate
    rows: int
    first: str


@dataclass(frozen=True)
class Returns:
    """What came back.

    by_invoice, by_quantity, by_kind: events that take something back, by what says so (the first that does);
    unmatched: of them, those that found no earlier purchase of the same user and item, not even in part;
    purchases_cancelled, purchases_reduced: purchases taken back whole, and in part.
    """

    by_invoice: int = 0
    by_quantity: int = 0
    by_kind: int = 0
    unmatched: int = 0
    purchases_cancelled: int = 0
    purchases_reduced: int = 0

    @property
    def events(self) -> int:
        """All events that take something back."""
        return self.by_invoice + self.by_quantity + self.by_kind


@dataclass(frozen=True)
class Dropped:
    """An item that is sold and is not a product, and the rule that says so."""

    item: str
    title: str | None
    events: int
    rule: str


@dataclass(frozen=True)
class Bot:
    """A user with more events a day than people have."""

    user: str
    events: int
    days: int


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
    duplicate_examples: tuple[tuple[tuple[str, str], ...], ...] = ()


@dataclass(frozen=True)
class Shape:
    """How events spread, for the plots.

    months: `2011-12` and its events;
    per_user, per_item: how many have 1, 2-3, 4-7 … events (bin i: 2^i to 2^(i+1) - 1);
    prices: 101 quantiles of the items' prices; top_items: id, title, events.
    """

    months: tuple[tuple[str, int], ...] = ()
    per_user: tuple[int, ...] = ()
    per_item: tuple[int, ...] = ()
    prices: tuple[float, ...] = ()
    top_items: tuple[tuple[str, str, int], ...] = ()
