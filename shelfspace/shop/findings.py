"""From what was read to the check: what a person wants to know of the data before believing in any number."""

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.check import Check
from shelfspace.shop.cleaning import CleanSettings
from shelfspace.shop.eventlog import EventLog
from shelfspace.shop.history import History
from shelfspace.shop.items import Listed
from shelfspace.shop.judging import Judged
from shelfspace.shop.numbering import WEIGHTS, Numbered
from shelfspace.shop.observed import (
    Dropped,
    Figures,
    Gone,
    Listings,
    Prices,
    Returns,
    Shape,
    SourceCheck,
    TimeCheck,
)
from shelfspace.shop.photos import Photos, look_at
from shelfspace.shop.quarantine import Marked, count_gone
from shelfspace.shop.sources import Source
from shelfspace.shop.tables import OtherTable
from shelfspace.shop.times import Times
from shelfspace.shop.workbench import Workbench

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_TOP = 20
_EXAMPLES = 12


@dataclass(frozen=True)
class Findings:
    """All that reading a shop leaves behind for the check to look at."""

    bench: Workbench
    clean: CleanSettings
    log: EventLog | None
    listed: Listed | None
    others: Mapping[str, OtherTable]
    marked: Sequence[Marked]
    judged: Judged | None
    dropped: tuple[Dropped, ...]
    numbered: Numbered
    catalogue: Catalogue
    photos: pa.Table | None
    num_listed: int


def check_of(found: Findings) -> Check:
    """Return the check of a shop that was read. A few passes over the events, in the database."""
    history, catalogue, numbered = found.numbered.history, found.catalogue, found.numbered
    gone = count_gone(found.bench, found.marked)
    return Check(
        num_users=len(numbered.users),
        num_anonymous=numbered.anonymous,
        num_items=len(catalogue),
        num_baskets=numbered.baskets,
        num_events=history.num_events,
        merged=numbered.merged,
        kinds=counts_of(numbered.kinds, history.kind),
        sources=_sources(found),
        gone=gone,
        times=times_of(history, found.log.times if found.log is not None else None),
        returns=found.judged.returns if found.judged is not None else Returns(),
        prices=prices_of(found.log.read, found.clean.absurd_price) if found.log is not None else Prices(),
        listings=listings_of(catalogue, history, np.arange(len(catalogue)) >= found.num_listed),
        photos=_photos(found),
        non_products=found.dropped,
        bots=found.judged.bots if found.judged is not None else (),
        shape=shape_of(history, catalogue),
        problems=problems_of(history, catalogue, has_log=found.log is not None),
        notes=tuple(_notes(found, gone)),
    )


def _notes(found: Findings, gone: Sequence[Gone]) -> Iterator[str]:
    sources = _sources(found)
    for source in sources:
        for c in source.columns:
            if c.how == "alias":
                yield f"[{source.table}] {c.column} was taken to be {c.source!r}; map it if that is wrong"
    copies = sum(s.copies for s in sources)
    if copies:
        done = "dropped" if found.clean.drop_duplicates else "kept, since an invoice may name a product twice"
        yield f"{copies:,} rows are exact copies of another; {done} (clean.drop_duplicates)"
    if found.numbered.merged:
        same = "user, basket, item, time, kind"
        yield f"{found.numbered.merged:,} events say what another says ({same}) and were merged"
    if any(g.reason == "bad encoding" for g in gone):
        yield 'lines in another encoding were quarantined: say encoding = "latin-1", "gbk" … there'
    if found.log is not None and found.log.has("event"):
        known = {**WEIGHTS, **found.log.section.events.weights}
        strange = [kind for kind in found.numbered.kinds if kind not in known]
        if strange:
            yield f"kinds of events without a weight count 1: {', '.join(strange[:8])} (events.weights)"
    if found.log is not None and found.log.times is None:
        yield "without a time, only protocols that need none are offered (leave-one-out needs an order)"


def _sources(found: Findings) -> tuple[SourceCheck, ...]:
    read: list[tuple[str, Source, tuple[Figures, ...], int]] = []
    if found.log is not None:
        read += [("events", p.source, p.figures, p.copies) for p in found.log.parts]
    if found.listed is not None:
        read.append(("items", found.listed.source, found.listed.figures, 0))
    read += [(name, t.source, t.figures, 0) for name, t in found.others.items()]
    return tuple(
        SourceCheck(name, source.label, source.format, source.rows, source.unreadable, figures, copies)
        for name, source, figures, copies in read
    )


def _photos(found: Findings) -> Photos:
    images, photos = found.catalogue.column("image"), found.photos
    ours = look_at(images.to_pylist() if images is not None else [])
    return ours if photos is None else ours + look_at(photos["image"].to_pylist())


def times_of(history: History, times: Times | None) -> TimeCheck:
    """Return when the events were."""
    if times is None or not history.num_events:
        return TimeCheck()
    first, last = float(history.time.min()), float(history.time.max())
    if history.clock == "steps":
        return TimeCheck("steps", times.told, f"{first:g}", f"{last:g}")
    return TimeCheck("calendar", times.told, moment(first), moment(last))


def prices_of(read: ir.Table, absurd: float) -> Prices:
    """Count the prices of events that cannot be. One pass."""
    price = read.price
    paid = (price > 0).ifelse(price, None)
    row = read.aggregate(zero=(price == 0).sum(), negative=(price < 0).sum(), median=paid.approx_median())
    counts = row.to_pyarrow().to_pylist()[0]
    median = counts["median"]
    high = 0 if median is None else read.filter(price > absurd * median).count().to_pyarrow().as_py()
    return Prices(int(counts["zero"] or 0), int(counts["negative"] or 0), int(high), median)


def listings_of(catalogue: Catalogue, history: History, unknown: npt.NDArray[np.bool_]) -> Listings:
    """Return what is odd about the catalogue; `unknown` marks items that only the events know."""
    sold = np.bincount(history.item, minlength=len(catalogue))
    sizes = np.bincount(catalogue.duplicates)
    groups = np.flatnonzero(sizes > 1)
    titles, ids = catalogue.titles(), catalogue.ids
    examples = [np.flatnonzero(catalogue.duplicates == g)[:4] for g in groups[:_EXAMPLES]]
    return Listings(
        never_sold=int((sold == 0).sum()),
        unknown_items=int(unknown.sum()),
        unknown_events=int(sold[unknown].sum()),
        duplicate_groups=len(groups),
        duplicate_listings=int(sizes[groups].sum()),
        duplicate_examples=tuple(tuple((ids.text(i), titles[i]) for i in rows) for rows in examples),
    )


def shape_of(history: History, catalogue: Catalogue) -> Shape:
    """Return how events spread over time, users and items."""
    per_item = np.bincount(history.item, minlength=len(catalogue))
    titles, ids = catalogue.titles(), catalogue.ids
    top = np.argsort(-per_item, kind="stable")[:_TOP]
    prices = catalogue.column("price")
    return Shape(
        months=_months(history),
        per_user=_histogram(history.lengths()),
        per_item=_histogram(per_item),
        prices=_price_quantiles(prices.to_numpy() if prices is not None else np.zeros(0)),
        top_items=tuple((ids.text(i), titles[i], int(per_item[i])) for i in top if per_item[i]),
    )


def problems_of(history: History, catalogue: Catalogue, *, has_log: bool = True) -> tuple[str, ...]:
    """Return what stands in the way of learning, each with what is needed. Without a log listings are learnt from."""
    problems = []
    if not len(catalogue):
        problems.append("the catalogue is empty: at least two items are needed")
    if not has_log:
        if len(catalogue) == 1:
            problems.append("the catalogue has one item: at least two are needed")
        return tuple(problems)
    if not history.num_events:
        problems.append(
            "there is no event to learn from: give [events] with an item and a user, session or basket"
        )
        return tuple(problems)
    items = len(np.unique(history.item))
    rows = int((history.lengths() > 0).sum())
    if rows < 2:
        problems.append("all events are of one user: at least two users, sessions or baskets are needed")
    if items < 2:
        problems.append("all events are of one item: at least two items are needed")
    if history.clock == "calendar" and history.time.min() == history.time.max():
        problems.append(
            f"all events happened at one instant ({moment(float(history.time[0]))}): map the column that "
            "tells when each happened, or leave timestamp out"
        )
    return tuple(problems)


def moment(days: float) -> str:
    """Return days since 1970 as text, to the minute."""
    return (_EPOCH + datetime.timedelta(days=days)).strftime("%Y-%m-%d %H:%M")


def counts_of(names: Sequence[str], numbers: npt.NDArray[np.integer]) -> Mapping[str, int]:
    """Return how often each name stands, the most frequent first."""
    counts = np.bincount(numbers, minlength=len(names))
    return {names[i]: int(counts[i]) for i in np.argsort(-counts, kind="stable")}


def _months(history: History) -> tuple[tuple[str, int], ...]:
    if history.clock != "calendar" or not history.num_events:
        return ()
    months = history.time.astype("int64").astype("datetime64[D]").astype("datetime64[M]").astype("int64")
    first = int(months.min())
    counts = np.bincount(months - first)
    return tuple((str(np.datetime64(first + i, "M")), int(n)) for i, n in enumerate(counts))


def _histogram(counts: npt.NDArray[np.integer]) -> tuple[int, ...]:
    """Return how many have 1, 2-3, 4-7, 8-15 … events: bin i counts those from 2^i to 2^(i+1) - 1."""
    some = counts[counts > 0]
    if not len(some):
        return ()
    return tuple(int(n) for n in np.bincount(np.floor(np.log2(some)).astype(np.int64)))


def _price_quantiles(prices: npt.NDArray[np.floating]) -> tuple[float, ...]:
    """Return 101 quantiles of the known prices above zero."""
    known = prices[np.isfinite(prices) & (prices > 0)] if len(prices) else prices
    return tuple(float(q) for q in np.quantile(known, np.linspace(0, 1, 101))) if len(known) else ()
