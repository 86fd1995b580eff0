"""An invented shop of any size, with what real logs have and what a test can check against.

Popularity is Zipf's, activity log-normal; items belong to planted clusters, and users prefer a few of these.

N items, U users, C clusters, E events.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from shelfspace.errors import InputError

KINDS = ("view", "cart", "purchase")
DAY = 86_400_000_000
"""Microseconds."""

_START = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp() * 1e6)
_MONTHS = 12
_CHUNK = 1_000_000
_SYLLABLES = tuple(re.findall("..", "bacedifogukaleminopurasetivozujawexyhiqo"))

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def synthetic(
    folder: str | Path,
    *,
    num_events: int = 100_000,
    num_users: int = 10_000,
    num_items: int = 2_000,
    num_clusters: int = 20,
    dirty: float = 0.005,
    seed: int = 0,
) -> Path:
    """Write an invented shop and return the path of its TOML.

    Items: `title` from their cluster's own words, `category` (the cluster), `brand`, `price`, and for a
    fifth of them `published` within the year, before which nobody takes them. A hundredth are listed a
    second time with another spelling of the same title. Events: sessions of some four views, some of which
    end in carts and purchases, over a year, more of them in the evening and late in the year; each session
    keeps to one of the three clusters that its user prefers, one in five to none. What is popular drifts
    from month to month.

    Args:
        folder: made where it is not there; `events.parquet`, `items.parquet` and `shop.toml` in it are
            replaced.
        num_events: exactly so many rows, dirty ones included.
        num_users: so many at most; the log-normal leaves some without an event.
        num_items: the catalogue; clusters have about the same number each.
        num_clusters: at most `num_items`.
        dirty: the share of rows without an item, with a date in 2199, with a price that is no number, or
            copied.
        seed: the same seed writes the same rows.

    Raises:
        InputError: a number out of its range.

    Time and memory: O(E log N), written in chunks of a million events. 10 million events, 1 million users and
    200 thousand items take some 10 seconds and 0.5 GB on one core.
    """
    if (
        min(num_events, num_users, num_items, num_clusters) < 1
        or num_clusters > num_items
        or not 0 <= dirty <= 1
    ):
        raise InputError(
            "a synthetic shop needs at least one event, user, item and cluster, no more clusters than items, "
            "and a dirty share from 0 to 1; "
            f"got {num_events=}, {num_users=}, {num_items=}, {num_clusters=}, {dirty=}"
        )
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    catalogue = _catalogue(rng, num_items, num_clusters)
    pq.write_table(catalogue.table(), folder / "items.parquet")
    with pq.ParquetWriter(folder / "events.parquet", _SCHEMA) as file:
        for chunk in _chunks(rng, catalogue, num_events, num_users, dirty):
            file.write_table(chunk)
    (folder / "shop.toml").write_text(_TOML, "utf-8")
    return folder / "shop.toml"


_TOML = """\
# an invented shop: Zipf's popularity, log-normal activity, planted clusters, some dirt
[events]
path = "events.parquet"
user_id = "user_id"
item_id = "item_id"
timestamp = "timestamp"
event = "event"
price = "price"

[events.weights]
view = 1.0
cart = 2.0
purchase = 5.0

[items]
path = "items.parquet"
"""

_SCHEMA = pa.schema(
    {
        "user_id": pa.dictionary(pa.int32(), pa.string()),
        "item_id": pa.dictionary(pa.int32(), pa.string()),
        "timestamp": pa.timestamp("us", tz="UTC"),
        "event": pa.dictionary(pa.int32(), pa.string()),
        "price": pa.float64(),
    }
)


@dataclass(frozen=True)
class _Catalogue:
    """Items ordered by cluster: those of cluster c are first[c]:first[c + 1]."""

    ids: pa.Array
    titles: list[str]
    cluster: Ints
    first: Ints
    price: Floats
    published: Floats
    upto: Floats
    """[months, N + 1], what the items before each add up to in popularity, month by month."""

    def table(self) -> pa.Table:
        known = np.isfinite(self.published)
        days = np.where(known, self.published, 0.0)
        published = pa.array(
            _START + (days * DAY).astype(np.int64), pa.timestamp("us", tz="UTC"), mask=~known
        )
        words = [f"cluster {c}" for c in range(len(self.first) - 1)]
        return pa.table(
            {
                "item_id": self.ids,
                "title": self.titles,
                "category": pa.array(words).take(pa.array(self.cluster)),
                "brand": [f"brand {c % 7}{i % 5}" for i, c in enumerate(self.cluster.tolist())],
                "price": self.price,
                "published": published,
            }
        )

    def draw(self, rng: np.random.Generator, cluster: Ints, month: Ints) -> Ints:
        """Draw an item for each event from its cluster (-1: from all), as popular as it is in that month."""
        item = np.empty(len(cluster), np.int64)
        low, high = self.first[cluster], self.first[cluster + 1]
        low[cluster < 0], high[cluster < 0] = 0, self.first[-1]
        for m in range(_MONTHS):
            here = month == m
            begin, end = self.upto[m, low[here]], self.upto[m, high[here]]
            mark = begin + rng.random(int(here.sum())) * (end - begin)
            item[here] = np.clip(
                np.searchsorted(self.upto[m], mark, side="right") - 1, low[here], high[here] - 1
            )
        return item


def _catalogue(rng: np.random.Generator, num_items: int, num_clusters: int) -> _Catalogue:
    cluster = np.sort(np.arange(num_items) % num_clusters)
    first = np.searchsorted(cluster, np.arange(num_clusters + 1))
    popularity = 1.0 / (10.0 + rng.permutation(num_items)) ** 0.9
    published = np.where(rng.random(num_items) < 0.2, rng.uniform(0.0, 330.0, num_items), np.nan)
    published[first[:-1]] = np.nan  # so that no cluster is ever empty
    drift = np.cumsum(rng.normal(0.0, 0.3, (_MONTHS, num_items)), axis=0)
    month_begins = 366.0 / _MONTHS * np.arange(_MONTHS)[:, None]
    there = ~(published[None, :] > month_begins)
    upto = np.zeros((_MONTHS, num_items + 1))
    np.cumsum(popularity * np.exp(drift) * there, axis=1, out=upto[:, 1:])
    titles = _titles(rng, cluster, first)
    return _Catalogue(
        ids=pa.array([f"item-{i:07d}" for i in rng.permutation(num_items).tolist()]),
        titles=titles,
        cluster=cluster,
        first=first,
        price=np.exp(rng.normal(2.5, 0.8, num_items)).round(2),
        published=published,
        upto=upto,
    )


def _titles(rng: np.random.Generator, cluster: Ints, first: Ints) -> list[str]:
    syllables = np.array(_SYLLABLES)
    vocabulary = [
        "".join(syllables[row]) for row in rng.integers(0, len(syllables), (20 * (len(first) - 1), 3))
    ]
    picked = rng.integers(0, 20, (len(cluster), 3)) + 20 * cluster[:, None]
    number = np.arange(len(cluster)) - first[cluster]
    titles = [
        f"{vocabulary[a].capitalize()} {vocabulary[b]} {vocabulary[c]} {n}"
        for (a, b, c), n in zip(picked.tolist(), number.tolist(), strict=True)
    ]
    for i in np.flatnonzero((rng.random(len(titles)) < 0.01) & (number > 0)).tolist():
        titles[i] = titles[i - 1].upper() + "."
    return titles


def _chunks(
    rng: np.random.Generator, catalogue: _Catalogue, num_events: int, num_users: int, dirty: float
) -> Iterator[pa.Table]:
    activity = np.exp(rng.normal(0.0, 1.2, num_users))
    events = rng.multinomial(num_events, activity / activity.sum())
    num_clusters = len(catalogue.first) - 1
    liked = 1.0 / (3.0 + np.arange(num_clusters))
    liked = np.cumsum(liked / liked.sum())
    upto = np.concatenate([[0], np.cumsum(events)])
    begin = 0
    while begin < num_users:
        end = max(begin + 1, int(np.searchsorted(upto, upto[begin] + _CHUNK, side="right")) - 1)
        favourites = np.searchsorted(liked, rng.random((end - begin, 3))).clip(max=num_clusters - 1)
        yield _chunk(rng, catalogue, events[begin:end], favourites, begin, dirty)
        begin = end


def _chunk(
    rng: np.random.Generator, catalogue: _Catalogue, events: Ints, favourites: Ints, begin: int, dirty: float
) -> pa.Table:
    user = np.repeat(np.arange(len(events)), events)
    size = len(user)
    opens = rng.random(size) < 0.2
    opens[(np.cumsum(events) - events)[events > 0]] = True
    session = np.cumsum(opens) - 1
    owner = user[opens]
    taste = rng.choice(4, len(owner), p=[0.5, 0.2, 0.1, 0.2])
    cluster = np.where(taste < 3, favourites[owner, taste.clip(max=2)], -1)
    day = np.floor(366.0 * (np.sqrt(0.36 + 1.6 * rng.random(len(owner))) - 0.6) / 0.8)  # density 0.6 to 1.4
    hour = rng.triangular(6.0, 20.0, 23.5, len(owner))
    pauses = np.cumsum(rng.exponential(1.5, size).clip(max=20.0))
    since = pauses - pauses[opens][session]
    time = (day + hour / 24)[session] + since / 1440
    month = (day[session] * _MONTHS / 366.0).astype(np.int64).clip(0, _MONTHS - 1)
    item = catalogue.draw(rng, cluster[session], month)
    kind = rng.choice(3, size, p=[0.75, 0.13, 0.12])
    kind[opens] = 0
    seen = np.maximum.accumulate(np.where(kind == 0, np.arange(size), 0))
    item = item[seen]  # what is put in the cart or bought is what was looked at last
    stamp = _START + (time * 86_400).astype(np.int64) * 1_000_000
    price = catalogue.price[item]
    no_item = np.zeros(size, bool)
    order = np.lexsort((stamp, user))
    user, item, kind, stamp, price = user[order], item[order], kind[order], stamp[order], price[order]
    flaws = np.where(rng.random(size) < dirty, rng.integers(0, 4, size), -1)
    no_item[flaws == 0] = True
    stamp[flaws == 1] += 175 * 365 * DAY
    price[flaws == 2] = np.nan
    copied = np.flatnonzero(flaws[1:] == 3) + 1
    for column in (user, item, kind, stamp, price, no_item):
        column[copied] = column[copied - 1]
    users = pa.array([f"user-{begin + u:07d}" for u in range(len(events))])
    columns = (
        pa.DictionaryArray.from_arrays(pa.array(user.astype(np.int32)), users),
        pa.DictionaryArray.from_arrays(pa.array(item.astype(np.int32), mask=no_item), catalogue.ids),
        pa.array(stamp, _SCHEMA.field("timestamp").type),
        pa.DictionaryArray.from_arrays(pa.array(kind.astype(np.int32)), pa.array(KINDS)),
        pa.array(price),
    )
    return pa.table(list(columns), schema=_SCHEMA)
