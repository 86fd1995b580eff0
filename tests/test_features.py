"""What a ranker sees."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelfspace.features import FACTS, Facts, Places, names_of, ranks_of, table
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import History
from shelfspace.shop.ids import Ids

NUM_USERS, NUM_ITEMS, NOW = 6, 9, 40.0


def past(seed: int = 0) -> History:
    rng = np.random.default_rng(seed)
    size = 50
    return History.of(
        rng.integers(NUM_USERS - 1, size=size), rng.integers(NUM_ITEMS - 1, size=size), rng.random(size) * NOW,
        weight=rng.choice([1.0, 3.0], size), num_users=NUM_USERS, num_items=NUM_ITEMS, now=NOW,
    )  # fmt: skip


def catalogue() -> Catalogue:
    prices = [3.0, None, 0.0, 5.0, 8.0, 2.0, 1.0, 4.0, 20.0]
    published = [-10.0, None, 50.0, None, None, None, None, None, 30.0]
    return Catalogue(
        Ids(pa.array([f"i{n}" for n in range(NUM_ITEMS)]), "item"),
        pa.table({"price": prices, "published": published}),
        np.zeros(NUM_ITEMS),
        np.arange(NUM_ITEMS, dtype=np.int32),
    )


def test_the_facts_of_items():
    history = past()
    values = Facts.of(history, catalogue()).values
    prices = catalogue().table["price"].to_pylist()
    users, latest, first = ({} for _ in range(3))
    for u, i, t, w in zip(history.user(), history.item, history.time, history.weight, strict=True):
        users.setdefault(i, set()).add(u)
        latest[u, i] = (t, w)
        first[i] = min(first.get(i, np.inf), t)

    def shares(half_life):
        counts = np.zeros(NUM_ITEMS)
        for (_, i), (t, w) in latest.items():
            counts[i] += w * 2 ** (-(NOW - t) / half_life)
        return np.log(0.2 + counts / counts.mean())

    first |= {0: -10.0, 8: 30.0}
    wanted = [
        [np.log1p(len(users.get(i, ()))) for i in range(NUM_ITEMS)],
        shares(9.0),
        shares(9.0) - shares(100.0),
        [np.log1p(NOW - first[i]) if i in first else np.nan for i in range(NUM_ITEMS)],
        [np.log(p) if p else np.nan for p in prices],
    ]
    np.testing.assert_allclose(values, np.transpose(wanted), rtol=1e-5, atol=1e-6)


def test_what_comes_later_changes_no_fact():
    history = past()
    early = history.keep(history.time <= 20.0, now=20.0)
    before = Facts.of(early, catalogue()).values
    listed_later = replace(
        catalogue(), table=catalogue().table.set_column(1, "published", [[None] * 8 + [30.0]])
    )
    assert np.isnan(before[8, FACTS.index("item age")]), "published at 30, asked at 20"
    np.testing.assert_array_equal(before[8], Facts.of(early, listed_later).values[8])


def test_a_shop_without_times_and_prices_has_no_ages_and_no_prices():
    history = replace(past(), time=np.zeros(50), clock="none", now=None)
    bare = replace(catalogue(), table=catalogue().table.drop_columns(["price", "published"]))
    values = Facts.of(history, bare).values
    assert np.isnan(values[:, 3:]).all()
    assert np.isfinite(values[:, :3]).all()


def test_the_features_of_a_place():
    history, facts = past(), Facts.of(past(), catalogue())
    rng = np.random.default_rng(1)
    query, item = np.nonzero(rng.random((NUM_USERS, NUM_ITEMS)) < 0.5)
    places = Places(query, item, rng.random((2, len(item))).astype(np.float32))
    ranks = ranks_of(places, places, 4)
    for repeats in (False, True):
        names = names_of(["a", "b"], repeats=repeats)
        found = table(places, ranks, history, facts, repeats=repeats)
        assert found.shape == (len(item), len(names))
        at = dict(zip(names, found.T, strict=True))
        np.testing.assert_array_equal(at["score b"], places.scores[1])
        np.testing.assert_array_equal(at["rank a"], ranks[0])
        for p, (u, i) in enumerate(zip(query, item, strict=True)):
            own = history.of_users([u])
            prices = facts.price[own.item]
            usual = prices[~np.isnan(prices)]
            against = facts.price[i] - usual.mean(dtype=np.float64) if len(usual) else np.nan
            since = NOW - own.time[own.item == i]
            wanted = {
                "history length": np.log1p(own.num_events),
                "age of last event": np.log1p(NOW - own.time[-1]) if own.num_events else np.nan,
                "price against usual": against,
                "item popularity": facts.values[i, 0],
            }
            if repeats:
                wanted |= {
                    "taken before": len(since),
                    "since taken": np.log1p(since.min()) if len(since) else np.nan,
                }
            for name, value in wanted.items():
                assert at[name][p] == pytest.approx(value, rel=1e-5, abs=1e-6, nan_ok=True), name


@given(st.integers(0, 1000), st.integers(1, 8))
def test_ranks_share_ties_and_do_not_depend_on_the_order_of_items(seed, most):
    rng = np.random.default_rng(seed)
    grid = rng.integers(-1, 4, (2, 3, 7)).astype(np.float32)
    query, item = np.nonzero(np.ones((3, 7), bool))
    places = Places(query, item, grid.reshape(2, -1))
    ranks = ranks_of(places, places, most).reshape(grid.shape)
    for scores, found in zip(grid.reshape(-1, 7), ranks.reshape(-1, 7), strict=True):
        for score, rank in zip(scores, found, strict=True):
            mean = (scores > score).sum() + ((scores == score).sum() + 1) / 2
            assert rank == (min(mean, most + 1) if score > 0 else most + 1)
    order = rng.permutation(7)
    turned = Places(query, item, grid[:, :, order].reshape(2, -1))
    np.testing.assert_array_equal(ranks_of(turned, turned, most).reshape(grid.shape), ranks[:, :, order])
