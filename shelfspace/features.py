"""What a ranker sees of a query and a candidate beside the retrievers' scores. All of it is known when it is asked.

B queries, N items, R retrievers, P places (a query and a candidate), F features.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shelfspace.linear.counts import decay, latest_of_each
from shelfspace.linear.retriever import Scores
from shelfspace.linear.trending import LONGER, PRIOR, RECENT
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import History
from shelfspace.slicing import measured

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]

FACTS = ("item popularity", "item recent share", "item trend", "item age", "item price")
QUERY = ("history length", "age of last event")
PAIR = ("price against usual", "taken before", "since taken")


@dataclass(frozen=True)
class Facts:
    """What a past says of each item.

    values: float32 [N, 5], by `FACTS`: the logarithms of how many users took it, of its recent share and of that
    over its longer share (as multiples of the mean share), of its age in days or steps, of its price; NaN: not known.
    """

    values: Floats

    @classmethod
    def of(cls, history: History, catalogue: Catalogue) -> Self:
        """Count what lies in `history`, and look prices and dates of publication up. O(E log E)."""
        latest = latest_of_each(history)
        takers = np.bincount(history.item[latest], minlength=history.num_items)
        item, age, weight = history.item[latest], history.age()[latest], history.weight[latest]

        def share(half_life: float) -> npt.NDArray[np.float64]:
            count = np.bincount(item, weight * decay(age, half_life), minlength=history.num_items)
            shares: npt.NDArray[np.float64] = np.log(PRIOR + count / max(count.mean(), 1e-30))
            return shares

        recent = share(RECENT)
        columns = [
            np.log1p(takers),
            recent,
            recent - share(LONGER),
            _ages(history, catalogue),
            _prices(catalogue),
        ]
        return cls(np.stack(columns, axis=1).astype(np.float32))

    @property
    def price(self) -> Floats:
        """The logarithm of each item's price, float32 [N]."""
        return self.values[:, FACTS.index("item price")]


@dataclass(frozen=True)
class Places:
    """P places of a block of queries, those of one query together.

    query: int64 [P], not falling;  item: int64 [P];  scores: float32 [R, P], scaled.
    """

    query: Rows
    item: Rows
    scores: Scores


def names_of(retrievers: list[str], *, repeats: bool) -> list[str]:
    """Return the names of the F features: two of each retriever, then what is known of item, query and both."""
    by_retriever = [f"{what} {name}" for name in retrievers for what in ("score", "rank")]
    return [*by_retriever, *FACTS, *QUERY, *PAIR[: 3 if repeats else 1]]


def table(places: Places, ranks: Floats, queries: History, facts: Facts, *, repeats: bool) -> Floats:
    """Return the features, float32 [P, F], in the order of `names_of`.

    Args:
        places: the candidates.
        ranks: float32 [R, P], as `ranks_of` gives them.
        queries: the B histories.
        facts: of the items.
        repeats: whether items that were had before may be answered.

    Cost: O(P R + E log E) time, 4 P F bytes.
    """
    lengths, ages = np.log1p(queries.lengths()), np.log1p(np.maximum(measured(queries, "age"), 0.0))
    columns: list[npt.NDArray[np.floating]] = []
    for score, rank in zip(places.scores, ranks, strict=True):
        columns += [score, rank]
    columns += list(facts.values[places.item].T)
    columns += [lengths[places.query], ages[places.query]]
    columns.append(facts.price[places.item] - _usual_prices(queries, facts)[places.query])
    if repeats:
        columns += _taken(places, queries)
    return np.stack(columns, axis=1).astype(np.float32)


def ranks_of(places: Places, among: Places, most: int) -> Floats:
    """Return where each retriever ranks each place among those of the same query, float32 [R, P].

    1 is the best; equal scores share their mean rank, so no order of ids decides; beyond `most`, and where a
    retriever knows nothing of the item, `most` + 1.
    """
    ranks = np.full(places.scores.shape, most + 1, np.float32)
    queries = np.unique(places.query)
    edges = np.stack([np.searchsorted(places.query, queries, side) for side in ("left", "right")], axis=1)
    others = np.stack([np.searchsorted(among.query, queries, side) for side in ("left", "right")], axis=1)
    for (start, stop), (first, last) in zip(edges.tolist(), others.tolist(), strict=True):
        ordered = np.sort(among.scores[:, first:last], axis=1)
        for r, row in enumerate(ordered):
            scores = places.scores[r, start:stop]
            left, right = (np.searchsorted(row, scores, side) for side in ("left", "right"))
            rank = (last - first - right) + (right - left + 1) / 2
            ranks[r, start:stop] = np.where(scores > 0, np.minimum(rank, most + 1), most + 1)
    return ranks


def _ages(history: History, catalogue: Catalogue) -> npt.NDArray[np.float64]:
    """The logarithm of how long each item has been there, from its first event or from when it was published."""
    if history.clock == "none" or not history.num_events:
        return np.full(history.num_items, np.nan)
    now = history.now if history.now is not None else float(history.time.max())
    first = np.full(history.num_items, np.inf)
    np.minimum.at(first, history.item, history.time)
    published = catalogue.column("published")
    if published is not None and history.clock == "calendar":
        first = np.fmin(first, _numbers(published))
    first[first > now] = np.nan  # of what comes later nothing is known yet
    return np.log1p(now - first)


def _prices(catalogue: Catalogue) -> npt.NDArray[np.float64]:
    prices = catalogue.column("price")
    if prices is None:
        return np.full(len(catalogue), np.nan)
    known = _numbers(prices)
    return np.log(np.where(known > 0, known, np.nan))


def _numbers(column: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    return np.asarray(pc.fill_null(column.cast(pa.float64()), float("nan")).to_numpy(), np.float64)


def _usual_prices(queries: History, facts: Facts) -> npt.NDArray[np.float64]:
    """The mean logarithm of what each user's past items cost, float64 [B]; NaN where none has a price."""
    prices, user = facts.price[queries.item], queries.user()
    some = ~np.isnan(prices)
    count = np.bincount(user[some], minlength=len(queries))
    total = np.bincount(user[some], prices[some], minlength=len(queries))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _taken(places: Places, queries: History) -> list[npt.NDArray[np.float64]]:
    """How often the user had the item, and the logarithm of how long ago they last did; NaN: never."""
    key = queries.user().astype(np.int64) * queries.num_items + queries.item
    known, times = np.unique(key, return_counts=True)
    since = np.full(len(known), np.inf)
    np.minimum.at(since, np.searchsorted(known, key), queries.age())
    wanted = places.query * queries.num_items + places.item
    at = np.minimum(np.searchsorted(known, wanted), max(len(known) - 1, 0))
    had = known[at] == wanted if len(known) else np.zeros(len(wanted), bool)
    count, ages = np.zeros(len(wanted)), np.full(len(wanted), np.nan)
    count[had], ages[had] = times[at[had]], np.log1p(np.maximum(since[at[had]], 0.0))
    return [count, ages]
