"""What was found in a shop's data, and what was done about it: as a table, a page, and JSON."""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import numpy.typing as npt
from markupsafe import Markup
from matplotlib.figure import Figure
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from shelfspace import plots
from shelfspace.shop.observed import (
    Bot,
    Dropped,
    Gone,
    Listings,
    Prices,
    Returns,
    Shape,
    SourceCheck,
    TimeCheck,
)
from shelfspace.shop.photos import Photos


@dataclass(frozen=True)
class Check:
    """What was found and what was done; empty where a shop was not read from files.

    sources: the tables; gone: rows that were not kept;
    returns, prices, times, listings, photos: what is in them;
    non_products, bots: who they are, so that a person can object;
    merged: events that were one with another;
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
    times: TimeCheck = field(default_factory=TimeCheck)
    returns: Returns = field(default_factory=Returns)
    prices: Prices = field(default_factory=Prices)
    listings: Listings = field(default_factory=Listings)
    photos: Photos = field(default_factory=Photos)
    non_products: tuple[Dropped, ...] = ()
    bots: tuple[Bot, ...] = ()
    shape: Shape = field(default_factory=Shape)
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def num_rows(self) -> int:
        """All rows of events that were read, those that could not be cut into columns included."""
        return self.rows_of("events")

    def rows_of(self, table: str) -> int:
        """Return how many rows of a table were read."""
        return sum(s.rows + s.unreadable for s in self.sources if s.table == table)

    def num_gone(self, fate: str | None = None) -> int:
        """Return how many rows of events were not kept."""
        return sum(g.rows for g in self.gone if g.table == "events" and fate in (None, g.fate))

    def to_json(self) -> dict[str, Any]:
        """Return all of it as plain values, ready for `json.dumps`."""
        return dataclasses.asdict(self)

    def figures(self) -> list[tuple[str, str]]:
        """Return the figures that matter most: a name and a text each."""
        some = [
            ("rows of events", f"{self.num_rows:,}"),
            ("not kept", f"{self.num_gone():,} ({share(self.num_gone(), self.num_rows)})"),
            ("of them unreadable", f"{self.num_gone('quarantined'):,}"),
            ("events", f"{self.num_events:,}"),
            ("users", f"{self.num_users:,}"),
            ("anonymous baskets or sessions", f"{self.num_anonymous:,}"),
            ("baskets or sessions", f"{self.num_baskets:,}"),
            ("items", f"{self.num_items:,}"),
        ]
        return some if self.num_rows else [some[-1]]

    def facts(self) -> list[tuple[str, str]]:
        """Return what else was found: a name and a sentence each."""
        return list(_facts(self))

    def table(self) -> RenderableType:
        """Return the check for a terminal."""
        top = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
        for name, value in [*self.figures(), *self.facts()]:
            top.add_row(Text(name, style="dim"), value)
        parts: list[RenderableType] = [top]
        if self.gone:
            gone = _grid("not kept", "why", "what", "rows", "first")
            for g in self.gone:
                gone.add_row(g.table, g.reason, g.fate, f"{g.rows:,}", Path(g.first).name)
            parts.append(gone)
        for source in self.sources:
            columns = _grid(source.table, "found as", "how", "missing", "unreadable", "distinct (about)")
            for c in source.columns:
                columns.add_row(
                    c.column, c.source, c.how, f"{c.nulls:,}", f"{c.unparseable:,}", f"{c.distinct:,}"
                )
            parts.append(columns)
        parts += [Text(f"· {note}", style="dim") for note in self.notes]
        parts += [Text(f"! {problem}", style="bold red") for problem in self.problems]
        return Group(*parts)


def write_page(check: Check, path: Path) -> None:
    """Write the check as one HTML file that needs no other."""
    source = (resources.files("shelfspace.shop") / "check.html").read_text("utf-8")
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["count"] = "{:,}".format
    environment.filters["file"] = lambda label: Path(label).name
    page = environment.from_string(source).render(check=check, pictures=_pictures(check), share=share)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, "utf-8")


def share(part: int, whole: int) -> str:
    """Return a part as a percentage, never 0 % where there is some."""
    if not part or not whole:
        return "0%"
    percent = 100 * part / whole
    return "<0.01%" if percent < 0.01 else f"{percent:.2g}%" if percent < 1 else f"{percent:.1f}%"


def _facts(check: Check) -> Iterator[tuple[str, str]]:
    times, returns, prices, listings, photos = (
        check.times,
        check.returns,
        check.prices,
        check.listings,
        check.photos,
    )
    if check.num_rows:
        span = f"{times.first} to {times.last}, {times.told}" if times.first else times.told
        yield "time", span
    if len(check.kinds) > 1:
        yield "kinds of events", ", ".join(f"{name} {n:,}" for name, n in list(check.kinds.items())[:8])
    if returns.events:
        yield (
            "returns",
            f"{returns.events:,} lines: {returns.by_invoice:,} of cancelling invoices, "
            f"{returns.by_quantity:,} by "
            f"negative quantity, {returns.by_kind:,} by kind; they took back {returns.purchases_cancelled:,} "
            f"purchases whole and {returns.purchases_reduced:,} in part; "
            f"{returns.unmatched:,} found no purchase",
        )
    if prices.median is not None:
        yield (
            "prices",
            f"median {prices.median:,.2f}; {prices.zero:,} zero, {prices.negative:,} negative, "
            f"{prices.absurd:,} absurdly high (told, kept)",
        )
    if check.non_products:
        lines = sum(d.events for d in check.non_products)
        yield (
            "non-products",
            f"{len(check.non_products):,} items, {lines:,} lines: {_some(check.non_products)}",
        )
    if check.bots:
        yield (
            "suspected bots",
            ", ".join(f"{b.user} ({b.events:,} events on {b.days:,} days)" for b in check.bots[:5]),
        )
    if listings.duplicate_groups:
        yield (
            "near-identical listings",
            f"{listings.duplicate_listings:,} listings in {listings.duplicate_groups:,} groups",
        )
    if check.num_rows and listings.never_sold:
        yield "items without events", f"{listings.never_sold:,}"
    if listings.unknown_items:
        yield (
            "items not in the catalogue",
            f"{listings.unknown_items:,}, with {listings.unknown_events:,} events; "
            "kept (clean.unknown_items)",
        )
    if photos.named:
        yield (
            "photos",
            f"{photos.named:,} named, {photos.missing:,} missing, {photos.unreadable:,} unreadable, "
            f"{photos.remote:,} at an address (not fetched)",
        )


def _some(dropped: tuple[Dropped, ...]) -> str:
    return ", ".join(d.item for d in dropped[:12]) + (" …" if len(dropped) > 12 else "")


def _grid(title: str, *headers: str) -> Table:
    grid = Table(box=box.SIMPLE_HEAD, title_justify="left", header_style="bold")
    grid.add_column(title)
    for header in headers:
        numbers = header in ("rows", "missing", "unreadable", "distinct (about)")
        grid.add_column(header, justify="right" if numbers else "left")
    return grid


def _pictures(check: Check) -> dict[str, Markup]:
    """Return the pictures that there is something to show in, as safe HTML."""
    shape = check.shape
    made: dict[str, Figure] = {}
    if len(shape.months) > 1:
        names = [month for month, _ in shape.months]
        made["Events a month"] = plots.lines(names, {"events": [n for _, n in shape.months]}, filled=True)
    ours = [g for g in check.gone if g.table == "events"]
    if ours:
        made["Rows of events that were not kept"] = plots.bars(
            [g.reason for g in ours], [g.rows for g in ours]
        )
    for name, counts in (("user or session", shape.per_user), ("item", shape.per_item)):
        if len(counts) > 1:
            edges = 2.0 ** np.arange(len(counts) + 1)
            made[f"Events of one {name}"] = plots.histogram(
                edges, counts, x_label="events", y_label="how many", log_x=True, log_y=True
            )
    if shape.prices and shape.prices[0] < shape.prices[-1]:
        made["Prices of items"] = _prices(np.asarray(shape.prices))
    return {title: Markup(plots.figure_html(picture, title)) for title, picture in made.items()}


def _prices(quantiles: npt.NDArray[np.float64]) -> Figure:
    """Draw a histogram of prices from their quantiles, in ten bins a decade."""
    low, high = np.log10(quantiles[0]), np.log10(quantiles[-1])
    edges = np.logspace(low, high, max(6, min(40, int(10 * (high - low)))))
    ticks = [m * 10.0**e for e in range(-3, 9) for m in (1, 2, 5) if edges[0] <= m * 10.0**e <= edges[-1]]
    ticks = ticks[:: max(1, -(-len(ticks) // 10))]
    shares = np.diff(np.interp(edges, quantiles, np.linspace(0, 100, len(quantiles))))
    return plots.histogram(
        edges, shares, x_label="price", y_label="% of items", log_x=True, ticks=ticks or None
    )
