from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from shelfspace.evaluation.leaks import (
    FUTURE_EVENTS,
    FUTURE_TEXTS,
    NEAR_DUPLICATES,
    SHUFFLED_TIMES,
    TEST_IN_TRAINING,
    find_leaks,
    future_knowledge,
    near_duplicate_listings,
    shuffled_times,
    training_on_test,
)
from shelfspace.linear.content import ContentKNN
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import History
from shelfspace.shop.ids import Ids
from shelfspace.shop.shop import Shop
from shelfspace.shop.splits import split


@dataclass(kw_only=True)
class Counter:
    """Popularity that is honest if what it is given is."""

    power: float = 0.5
    counts: np.ndarray = field(init=False, repr=False)

    def fit(self, history, catalogue):
        self.counts = np.bincount(history.item, minlength=history.num_items).astype(np.float32) ** self.power
        return self

    def score(self, queries):
        return np.tile(self.counts, (len(queries), 1))


@dataclass(kw_only=True)
class Words(Counter):
    """Scores by the rarity of a title's first word; `peeks` counts the titles that are not listed yet too."""

    peeks: bool = False

    def fit(self, history, catalogue):
        words = [(t or "").split(" ")[0] for t in catalogue.table["title"].to_pylist()]
        known = np.ones(len(catalogue), bool) if self.peeks else catalogue.known_at(history.now)
        _, place = np.unique(words, return_inverse=True)
        frequency = np.bincount(place[known], minlength=place.max() + 1)
        self.counts = np.log((1 + known.sum()) / (1 + frequency))[place].astype(np.float32)
        return self


def shop_of(user, item, time, basket, titles):
    users, items = pc.dictionary_encode(user), pc.dictionary_encode(item)
    rows = items.indices.to_numpy()
    history = History.of(
        users.indices.to_numpy(),
        rows,
        time,
        basket=pc.dictionary_encode(basket).indices.to_numpy(),
        num_users=len(users.dictionary),
        num_items=len(items.dictionary),
    )
    first, title = np.full(len(items.dictionary), np.inf), np.empty(len(items.dictionary), object)
    np.minimum.at(first, rows, time)
    title[rows] = titles
    catalogue = Catalogue(
        Ids(items.dictionary, "item"),
        pa.table({"title": pa.array(title, pa.string())}),
        first,
        np.arange(len(first), dtype=np.int32),
    )
    return Shop(catalogue, Ids(users.dictionary, "user"), history, {"purchase": 1.0}, SimpleNamespace())


def real(data):
    rows = (
        duckdb.sql(f"""
        SELECT CAST(CAST(CustomerID AS BIGINT) AS VARCHAR) AS u, StockCode AS i,
               epoch(InvoiceDate) / 86400 AS t, InvoiceNo AS b, Description AS d
        FROM '{data}/uci-online-retail/transactions.parquet'
        WHERE CustomerID IS NOT NULL AND Quantity > 0 AND UnitPrice > 0
              AND CAST(CustomerID AS BIGINT) % 4 = 0
        ORDER BY InvoiceDate""")
        .to_arrow_table()
        .combine_chunks()
    )
    column = {name: rows[name].combine_chunks() for name in "uitbd"}
    return shop_of(column["u"], column["i"], column["t"].to_numpy(), column["b"], column["d"].to_pylist())


def synthetic(_):
    rng = np.random.default_rng(0)
    size = 30_000
    basket = np.sort(rng.integers(0, 6000, size))
    user = rng.integers(0, 400, 6000)[basket]
    time = np.sort(rng.random(6000) * 300)[basket]
    item = (rng.zipf(1.3, size) + (time / 4).astype(int)) % 800
    titles = [f"kind{i % 40} thing {i}" for i in item]
    texts = [
        pa.array([f"{name}{n}" for n in rows]) for name, rows in (("u", user), ("i", item), ("b", basket))
    ]
    return shop_of(texts[0], texts[1], time, texts[2], titles)


@pytest.fixture(scope="module", params=[real, synthetic])
def shop(request):
    folder = request.getfixturevalue("data") if request.param is real else None
    return request.param(folder)


@pytest.fixture(params=["time", "time-any"])
def block(shop, request):
    return split(shop, request.param).test


def names(found):
    return {leak.name for leak in found}


def test_clean_data_and_honest_models_are_not_accused(shop, block):
    parts = {m.__name__: m().fit(block.fit, shop.catalogue) for m in (Counter, Words)}
    fitted = dict.fromkeys(parts, block.fit)
    assert not find_leaks(block, history=shop.history, catalogue=shop.catalogue, fitted=fitted, parts=parts)


def test_a_test_event_in_training_is_named(shop, block):
    events = shop.history
    one = np.flatnonzero(events.time > block.fit.now)
    one = one[np.isin(events.user()[one], block.rows)]
    for keep in (events.time > -1, (events.time <= block.fit.now) | (np.arange(events.num_events) == one[0])):
        found = training_on_test(block, {"honest": block.fit, "model": events.keep(keep)})
        assert [(leak.name, leak.where) for leak in found] == [(TEST_IN_TRAINING, "model")]


def test_the_same_rows_told_twice_are_named(shop):
    events = shop.history
    late = np.flatnonzero(events.time > np.quantile(events.time, 0.9))
    twice = np.sort(np.concatenate([np.arange(events.num_events), late[::4]]))
    copied = np.append(False, np.diff(twice) == 0)
    time = np.where(copied, events.time.min(), events.time[twice])
    history = History.of(
        events.user()[twice],
        events.item[twice],
        time,
        basket=events.basket[twice],
        num_users=events.num_users,
        num_items=events.num_items,
    )
    cases = split(replace(shop, history=history), "time-any").test
    assert names(training_on_test(cases, {})) == {TEST_IN_TRAINING}


def test_near_duplicate_listings_are_named(shop):
    """A shop lists everything again under new ids; the future buys the second listing."""
    events, size = shop.history, shop.history.num_items
    late = events.time > np.quantile(events.time, 0.9)
    again = late & (np.random.default_rng(0).random(events.num_events) < 0.3)
    history = replace(events, item=np.where(again, events.item + size, events.item), num_items=2 * size)
    groups = np.tile(np.arange(size, dtype=np.int32), 2)
    catalogue = replace(shop.catalogue, duplicates=groups, first_seen=np.tile(shop.catalogue.first_seen, 2))
    catalogue = replace(catalogue, ids=Ids([str(n) for n in range(2 * size)], "item"))
    for protocol in ("time", "time-any"):
        cases = split(replace(shop, history=history, catalogue=catalogue), protocol).test
        found = near_duplicate_listings(cases, groups)
        assert names(found) == {NEAR_DUPLICATES}
        had = [set(groups[cases.queries.of_users([n]).item]) for n in range(len(cases))]
        pairs = zip(*cases.relevant.nonzero(), strict=True)
        taken = cases.queries.matrix().toarray() > 0
        wanted = np.mean([groups[item] in had[n] and not taken[n, item] for n, item in pairs])
        assert found[0].amount == pytest.approx(wanted, abs=0.01)
        assert not near_duplicate_listings(cases, np.arange(2 * size, dtype=np.int32))


def test_popularity_of_the_future_is_named(shop, block):
    leaky = Counter().fit(shop.history, shop.catalogue)
    honest = Counter(power=1.0).fit(block.fit, shop.catalogue)
    found = future_knowledge(block, {"leaky": leaky, "honest": honest}, shop.catalogue)
    assert [(leak.name, leak.where) for leak in found] == [(FUTURE_EVENTS, "leaky")]


def test_idf_of_the_future_is_named(shop, block):
    parts = {
        name: Words(peeks=name == "leaky").fit(block.fit, shop.catalogue) for name in ("leaky", "honest")
    }
    found = future_knowledge(block, parts, shop.catalogue)
    assert [(leak.name, leak.where) for leak in found] == [(FUTURE_TEXTS, "leaky")]


def test_shuffled_times_are_named(shop):
    events, rng = shop.history, np.random.default_rng(0)
    assert not shuffled_times(events)
    user = events.user()
    anyhow = rng.permutation(events.num_events)
    inside = np.lexsort((rng.random(len(user)), user))
    for order, where in ((anyhow, "all events"), (inside, "within users")):
        shuffled = History.of(
            user,
            events.item,
            events.time[order],
            basket=events.basket,
            num_users=events.num_users,
            num_items=events.num_items,
        )
        found = shuffled_times(shuffled)
        assert [(leak.name, leak.where) for leak in found] == [(SHUFFLED_TIMES, where)]
    assert not shuffled_times(replace(events, clock="none"))
    assert not shuffled_times(events.keep(np.arange(events.num_events) < 100))


def test_newer_listings_that_crowd_out_neighbours_are_no_leak_and_their_words_are(shop, block):
    titles = pa.array([f"cup number{n % 7} colour{n % 5} {n}" for n in range(len(shop.catalogue))])
    late = np.arange(len(shop.catalogue)) % 3 == 0
    first_seen = np.where(late, block.fit.now + 1.0, shop.catalogue.first_seen)
    catalogue = replace(shop.catalogue, table=pa.table({"title": titles}), first_seen=first_seen)
    honest = ContentKNN(neighbours=3).fit(block.fit, catalogue)
    leaky = ContentKNN(neighbours=3).fit(replace(block.fit, now=np.inf), catalogue)
    found = future_knowledge(block, {"honest": honest, "leaky": leaky}, catalogue)
    assert [leak.where for leak in found] == ["leaky"]
