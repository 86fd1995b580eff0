import datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shelfspace.errors import ConfigError, DataError, DirtyDataError
from shelfspace.shop.reading import read_shop, require_trainable
from shelfspace.shop.sections import folder_config

HEAD = "user_id,item_id,basket_id,timestamp,quantity,price\n"


def csv(tmp_path, text, head=HEAD, name="events.csv"):
    path = tmp_path / name
    path.write_text(head + text, "utf-8")
    return {"events": {"path": str(path)}}


def gone(shop):
    return {(g.table, g.reason): g.rows for g in shop.check.gone}


def takes(history, shop):
    """Each row's items by their own ids, in order of time."""
    bounds = zip(history.indptr[:-1], history.indptr[1:], strict=True)
    return [shop.catalogue.ids.texts(history.item[start:end]) for start, end in bounds]


ROWS = (
    "u1,007,b1,2024-01-01 10:00,1,2.5\n"
    "u1,8,b1,2024-01-01 10:00,2,3\n"
    "u2,007,b2,2024-01-02 09:00,1,2.5\n"
    ",8,b3,2024-01-03,1,3\n"
    "u1,9,b4,2024-01-04,1,4\n"
)


def test_a_small_shop_is_read_whole(tmp_path):
    shop = read_shop(csv(tmp_path, ROWS))
    assert shop.users.array.to_pylist() == ["u1", "u2"]
    assert shop.catalogue.ids.array.to_pylist() == ["007", "8", "9"]
    assert takes(shop.history, shop) == [["007", "8", "9"], ["007"], ["8"]]
    assert shop.history.clock == "calendar"
    assert shop.history.time[0] == pytest.approx(19723 + 10 / 24)
    assert shop.history.basket.tolist()[:2] == [0, 0]
    assert len(set(shop.history.basket.tolist())) == 4
    assert shop.kinds == ("purchase",)
    assert shop.catalogue.column("price").to_pylist() == [2.5, 3.0, 4.0]
    assert shop.catalogue.first_seen == pytest.approx([19723 + 10 / 24, 19723 + 10 / 24, 19726])
    assert (shop.check.num_users, shop.check.num_anonymous, shop.check.num_events) == (2, 1, 5)
    assert shop.held_out is None
    require_trainable(shop)


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame, pa.table])
def test_data_frames_are_a_shop(kind):
    events = kind(
        {"用户": [17850.0, 17850.0, float("nan")], "商品编号": ["a", "b", "a"], "订单号": ["1", "1", "2"]}
    )
    items = kind({"sku": ["b", "a"], "商品名称": ["蓝色杯子", "红色 T 恤"], "颜色": ["蓝", "红"]})
    settings = {"events": {"user_id": "用户"}}
    shop = read_shop(settings, frames={"events": events, "items": items})
    assert shop.users.array.to_pylist() == ["17850"]
    assert shop.catalogue.titles() == ["蓝色杯子", "红色 T 恤"]
    assert shop.catalogue.column("颜色").to_pylist() == ["蓝", "红"]
    assert takes(shop.history, shop) == [["a", "b"], ["a"]]
    assert shop.history.clock == "none"
    assert (shop.catalogue.first_seen == -np.inf).all()
    assert any("商品编号" in note for note in shop.check.notes)


def test_a_folder_with_standard_names_is_a_shop(tmp_path):
    csv(tmp_path, ROWS)
    (tmp_path / "users.jsonl").write_text('{"uid": "u2", "city": "Bern"}\n{"uid": "u9", "city": "名"}\n')
    shop = read_shop(folder_config(tmp_path))
    assert shop.users.array.to_pylist() == ["u1", "u2", "u9"]
    assert takes(shop.history, shop)[2:] == [[], ["8"]]
    assert shop.tables["users"].to_pylist()[1] == {"user_id": "u9", "city": "名"}


def test_what_cannot_be_read_is_quarantined_with_file_and_row(tmp_path):
    text = ROWS * 8 + (
        ",,b9,2024-01-01,1,1\n"
        ",7,,2024-01-01,1,1\n"
        "u1,7,b9,someday,1,1\n"
        "u1,7,b9,,1,1\n"
        "u1,7,b9,1801-01-01,1,1\n"
        "u1,7,b9,2999-01-01,1,1\n"
        "u1,7,b9,2024-01-01,many,1\n"
        "u1,7,b9,2024-01-01,1,cheap\n"
        "u1,7,b9\n"
    )
    path = tmp_path / "deep" / "quarantine.parquet"
    path.parent.mkdir()
    shop = read_shop(csv(tmp_path, text), quarantine=path)
    assert gone(shop) == {
        ("events", "no item"): 1,
        ("events", "no user, session or basket"): 1,
        ("events", "unreadable timestamp"): 1,
        ("events", "no timestamp"): 1,
        ("events", "absurd timestamp"): 2,
        ("events", "unreadable quantity"): 1,
        ("events", "unreadable price"): 1,
        ("events", "too few columns"): 1,
    }
    rows = pq.read_table(path).to_pylist()
    assert len(rows) == 9
    someday = next(r for r in rows if r["_reason"] == "unreadable timestamp")
    assert someday["timestamp"] == "someday"
    assert someday["_row"] == 43
    assert someday["_file"].endswith("events.csv")
    assert next(r for r in rows if r["_line"])["_line"] == "u1,7,b9"
    figures = {c.column: c for c in shop.check.sources[0].columns}
    assert (figures["timestamp"].nulls, figures["timestamp"].unparseable) == (1, 1)
    assert (figures["price"].unparseable, figures["quantity"].unparseable) == (1, 1)


def test_too_much_dirt_stops_with_the_reasons(tmp_path):
    settings = csv(tmp_path, ROWS + "u1,7,b9,someday,1,1\n" * 4)
    with pytest.raises(DirtyDataError, match=r"44% .* unreadable timestamp \(first: .*events.csv, row 6\)"):
        read_shop(settings)
    assert read_shop(settings | {"clean": {"max_dropped": 0.5}}).check.num_gone("quarantined") == 4


def test_a_latin_1_file_says_how_to_read_it(tmp_path):
    path = tmp_path / "events.csv"
    path.write_bytes((HEAD + ROWS * 5 + "u1,café,b1,2024-01-01,1,1\n").encode("latin-1"))
    shop = read_shop({"events": {"path": str(path)}})
    assert gone(shop) == {("events", "bad encoding"): 1}
    assert any("encoding" in note for note in shop.check.notes)
    shop = read_shop({"events": {"path": str(path), "encoding": "latin-1"}})
    assert "café" in shop.catalogue.ids


def test_returns_take_back_what_they_name(tmp_path):
    text = (
        "u1,a,1,2024-01-01,3,1\n"
        "u1,b,1,2024-01-01,1,1\n"
        "u1,a,C2,2024-01-02,-1,1\n"
        "u1,b,C2,2024-01-02,-1,1\n"
        "u2,a,3,2024-01-03,-4,1\n"
        "u2,a,4,2024-01-04,1,1\n"
    )
    shop = read_shop(csv(tmp_path, text))
    assert takes(shop.history, shop) == [["a"], ["a"]]
    returns = shop.check.returns
    assert (returns.by_invoice, returns.by_quantity, returns.unmatched) == (2, 1, 1)
    assert (returns.purchases_cancelled, returns.purchases_reduced) == (1, 1)
    kept = read_shop(csv(tmp_path, text) | {"clean": {"returns": False}})
    assert takes(kept.history, kept) == [["a", "b"], ["a"]]


def test_a_prefix_that_most_baskets_have_cancels_nothing(tmp_path):
    text = "".join(f"u{n % 3},a{n % 4},C{n},2024-01-01,1,1\n" for n in range(10))
    assert read_shop(csv(tmp_path, text)).check.returns.events == 0


def test_kinds_carry_weights_and_refunds_are_returns(tmp_path):
    head = "user_id,item_id,event,timestamp\n"
    text = "u,a,view,1\nu,a,Purchase,2\nu,b,purchase,3\nu,b,refund,4\nu,c,cart,5\nu,c,remove_from_cart,6\n"
    text += "v,d,hover,7\n"
    settings = csv(tmp_path, text, head)
    settings["events"]["weights"] = {"cart": 2.0}
    shop = read_shop(settings)
    kinds = [shop.kinds[k] for k in shop.history.kind]
    assert list(zip(kinds, shop.history.weight.tolist(), strict=True)) == [
        *(("view", 1.0), ("purchase", 5.0), ("cart", 2.0), ("hover", 1.0)),
    ]
    assert shop.history.clock == "steps"
    assert gone(shop)["events", "kind of event of weight 0"] == 1
    assert any("hover" in note for note in shop.check.notes)


def test_equal_events_are_one(tmp_path):
    copy = "u,a,1,2024-01-01,2,1\n"
    shop = read_shop(csv(tmp_path, f"u,a,1,2024-01-01,1,1\n{copy}{copy}v,b,2,2024-01-01,1,1\n"))
    assert shop.history.num_events == 2
    assert shop.check.merged == 2
    assert shop.check.sources[0].copies == 1
    dropping = csv(tmp_path, copy + copy) | {"clean": {"drop_duplicates": True}}
    assert gone(read_shop(dropping)) == {("events", "exact copy of a row"): 1}


def test_bad_prices_are_dropped_or_kept_as_said(tmp_path):
    text = ROWS + "u3,8,b7,2024-01-05,1,0\nu3,8,b7,2024-01-05,1,-2\n"
    shop = read_shop(csv(tmp_path, text))
    assert gone(shop) == {("events", "price or quantity of zero or below"): 2}
    assert (shop.check.prices.zero, shop.check.prices.negative) == (1, 1)
    assert not gone(read_shop(csv(tmp_path, text) | {"clean": {"bad_prices": "keep"}}))


def test_items_not_in_the_catalogue_are_kept_or_dropped_as_said(tmp_path):
    (tmp_path / "items.csv").write_text("id,name\n8,Cup\n007,Tea\n5,Jam\n8,Cup again\n,Nothing\n")
    items = {"path": str(tmp_path / "items.csv")}
    settings = csv(tmp_path, ROWS) | {"items": items, "clean": {"max_dropped": 0.5}}
    shop = read_shop(settings)
    assert shop.catalogue.ids.array.to_pylist() == ["8", "007", "5", "9"]
    assert shop.catalogue.titles() == ["Cup", "Tea", "Jam", "9"]
    listings = shop.check.listings
    assert (listings.unknown_items, listings.unknown_events, listings.never_sold) == (1, 1, 1)
    assert gone(shop) == {("items", "item_id that came before"): 1, ("items", "no item_id"): 1}
    settings["clean"] = {"unknown_items": "drop", "max_dropped": 0.5}
    shop = read_shop(settings)
    assert shop.catalogue.ids.array.to_pylist() == ["8", "007", "5"]
    assert gone(shop)["events", "item not in the catalogue"] == 1


def test_a_rich_catalogue_is_typed(tmp_path):
    items = pa.table(
        {
            "item_id": ["a", "b", "c"],
            "category": ["Food > Tea", None, "Food > Jam"],
            "attributes": ['{"colour": "red", "n": 2}', '["x", "y"]', ""],
            "available": ["yes", "no", "perhaps"],
            "published": ["2024-01-01", "2024-03-01", "long ago"],
            "price": ["2,50", "£1,000", "dear"],
            "vectors.audio": [[1.0, 2.0], None, [3.0, 4.0]],
        }
    )
    shop = read_shop(csv(tmp_path, "u,a,1,2024-02-01,1,1\nv,b,2,2024-02-01,1,1\n"), frames={"items": items})
    table = shop.catalogue.table.to_pydict()
    assert table["category"] == [["Food", "Tea"], None, ["Food", "Jam"]]
    assert table["attributes"] == [["colour: red", "n: 2"], ["x", "y"], None]
    assert table["available"] == [True, False, None]
    assert table["price"] == [2.5, 1000.0, None]
    assert shop.catalogue.first_seen.tolist() == [19723.0, 19754.0, -np.inf]
    np.testing.assert_array_equal(shop.catalogue.vectors["audio"], [[1, 2], [np.nan, np.nan], [3, 4]])
    assert "vectors.audio" not in shop.catalogue.table.column_names
    figures = {c.column: c.unparseable for c in shop.check.sources[1].columns}
    assert (figures["price"], figures["published"], figures["available"]) == (1, 1, 1)


def test_vectors_of_several_widths_are_refused(tmp_path):
    items = pa.table({"item_id": ["a", "b"], "v": [[1.0], [1.0, 2.0]]})
    settings = csv(tmp_path, ROWS) | {"items": {"vectors": {"audio": "v"}}}
    with pytest.raises(DataError, match="one width"):
        read_shop(settings, frames={"items": items})
    with pytest.raises(DataError, match=r"vectors\] audio"):
        read_shop(csv(tmp_path, ROWS) | {"items": {"vectors": {"audio": "w"}}}, frames={"items": items})


def test_sessions_are_found_from_pauses(tmp_path):
    head = "user_id,item_id,timestamp\n"
    text = "u,a,2024-01-01 10:00\nu,b,2024-01-01 10:20\nu,c,2024-01-01 11:00\nv,a,2024-01-01 10:00\n"
    shop = read_shop(csv(tmp_path, text, head))
    assert shop.history.basket.tolist() == [0, 0, 1, 2]
    settings = csv(tmp_path, text, head)
    settings["events"]["session_gap"] = "1h"
    assert read_shop(settings).history.basket.tolist() == [0, 0, 0, 1]


def test_bots_are_told_or_dropped_as_said(tmp_path):
    text = "".join(f"bot,a{n},b,2024-01-01 00:{n % 60:02},1,1\n" for n in range(60)) + ROWS
    said = {"bot_events_per_day": 50}
    shop = read_shop(csv(tmp_path, text) | {"clean": said})
    assert [(b.user, b.events, b.days) for b in shop.check.bots] == [("bot", 60, 1)]
    assert "bot" in shop.users
    shop = read_shop(csv(tmp_path, text) | {"clean": said | {"bots": "drop"}})
    assert "bot" not in shop.users
    assert gone(shop) == {("events", "suspected bot"): 60}


def test_a_split_by_the_publisher_has_the_same_rows(tmp_path):
    (tmp_path / "train.txt").write_text("u1 a b c\nu2 c\n")
    (tmp_path / "test.txt").write_text("u2 a d\n")
    settings = {
        "events": {"path": str(tmp_path / "train.txt"), "format": "adjacency"},
        "evaluation": {"protocol": "split", "test": str(tmp_path / "test.txt")},
    }
    shop = read_shop(settings)
    assert takes(shop.history, shop) == [["a", "b", "c"], ["c"]]
    assert takes(shop.held_out, shop) == [[], ["a", "d"]]
    with pytest.raises(ConfigError, match="needs test"):
        read_shop(settings | {"evaluation": {"protocol": "split"}})


def test_further_photos_no_longer_depend_on_where_their_table_is(tmp_path):
    (tmp_path / "items.csv").write_text("id,title\na,x\nb,y\n")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "photos.csv").write_text("item_id,image\na,1.jpg\nb,http://x/2.jpg\n")
    sections = {
        "items": {"path": str(tmp_path / "items.csv")},
        "photos": {"path": str(tmp_path / "more/photos.csv")},
    }
    found = read_shop(sections).tables["photos"]["image"].to_pylist()
    assert found == [str(tmp_path / "more" / "1.jpg"), "http://x/2.jpg"]


@pytest.mark.parametrize(
    "images",
    [
        [["a.jpg", "sub/b.png", None], [], ["https://x/c.jpg?w=1,2"]],
        ['["a.jpg", "sub/b.png"]', "", "https://x/c.jpg?w=1,2"],
        ["a.jpg|sub/b.png", None, "https://x/c.jpg?w=1,2"],
        ["a.jpg, sub/b.png", None, "https://x/c.jpg?w=1,2"],
        ["a.jpg;sub/b.png", None, "https://x/c.jpg?w=1,2"],
        ["a.jpg\nsub/b.png", None, "https://x/c.jpg?w=1,2"],
    ],
)
def test_an_item_has_several_photos(images, tmp_path):
    items = pd.DataFrame({"id": ["p", "q", "r"], "images": images})
    shop = read_shop({"items": {"folder": str(tmp_path)}}, frames={"items": items})
    first = shop.catalogue.table["image"].to_pylist()
    assert first == [str(tmp_path / "a.jpg"), None, "https://x/c.jpg?w=1,2"]
    further = shop.tables["photos"]
    assert further.to_pylist() == [{"item_id": "p", "image": str(tmp_path / "sub/b.png")}]
    assert (shop.check.photos.named, shop.check.photos.missing, shop.check.photos.remote) == (3, 2, 1)


def test_written_addresses_are_parted_before_the_next_one():
    items = pd.DataFrame({"id": ["p"], "photo": ["https://x/a?size=1,2, https://x/b?size=3;https://x/c"]})
    shop = read_shop({"items": {}}, frames={"items": items})
    assert shop.catalogue.table["image"].to_pylist() == ["https://x/a?size=1,2"]
    assert shop.tables["photos"]["image"].to_pylist() == ["https://x/b?size=3", "https://x/c"]


def test_photos_of_several_columns_come_before_those_of_a_table(tmp_path):
    items = pd.DataFrame(
        {"id": ["p", "q"], "front": ["1.jpg", None], "back": [["2.jpg"], ["3.jpg"]], "side": "4.jpg"}
    )
    photos = pd.DataFrame({"item_id": ["q"], "image": ["http://x/5.jpg"], "split": ["train"]})
    sections = {"items": {"image": ["front", "back", "side"], "folder": str(tmp_path)}}
    shop = read_shop(sections, frames={"items": items, "photos": photos})
    assert shop.catalogue.table["image"].to_pylist() == [str(tmp_path / n) for n in ("1.jpg", "3.jpg")]
    assert shop.tables["photos"].to_pylist() == [
        {"item_id": "p", "image": str(tmp_path / "2.jpg"), "split": None},
        {"item_id": "p", "image": str(tmp_path / "4.jpg"), "split": None},
        {"item_id": "q", "image": str(tmp_path / "4.jpg"), "split": None},
        {"item_id": "q", "image": "http://x/5.jpg", "split": "train"},
    ]


def test_photos_are_looked_for(tmp_path):
    (tmp_path / "good.jpg").write_bytes(b"\xff\xd8\xff\xe0 and so on")
    (tmp_path / "bad.jpg").write_text("<html>not found</html>")
    (tmp_path / "items.csv").write_text("id,image\na,good.jpg\nb,bad.jpg\nc,none.jpg\nd,http://x/y.jpg\ne,\n")
    photos = read_shop({"items": {"path": str(tmp_path / "items.csv")}}).check.photos
    assert (photos.named, photos.remote, photos.missing, photos.unreadable) == (4, 1, 1, 1)
    assert set(photos.examples) == {str(tmp_path / "bad.jpg"), str(tmp_path / "none.jpg")}


@pytest.mark.parametrize(
    ("settings", "error", "says"),
    [
        ({}, ConfigError, "no \\[events\\]"),
        ({"items": {"from": "events"}}, ConfigError, "no \\[events\\]"),
        ({"events": {"user_id": "customer"}}, DataError, "did you mean 'user_id'|'customer'"),
        ({"events": {"item_id": "upper(nothing)"}}, DataError, "upper"),
        ({"events": {"itm_id": "x"}}, ConfigError, "did you mean 'item_id'"),
        ({"events": {}, "clean": {"memroy": "1GB"}}, ConfigError, "did you mean 'memory'"),
        ({"events": {}, "clean": {"bots": "shoot"}}, ConfigError, "bots"),
        ({"events": {"session_gap": "soon"}}, ConfigError, "session_gap"),
    ],
)
def test_what_a_user_can_get_wrong_is_named(tmp_path, settings, error, says):
    if "events" in settings:
        path = csv(tmp_path, ROWS)["events"]["path"]
        settings = settings | {"events": {"path": path} | settings["events"]}
    with pytest.raises(error, match=says):
        read_shop(settings)


def test_a_missing_column_is_named_with_the_nearest(tmp_path):
    with pytest.raises(DataError, match=r"events.csv has no column 'item_id'; did you mean 'itm_idd'\?"):
        read_shop(csv(tmp_path, "1,2\n", "user_id,itm_idd\n"))
    with pytest.raises(DataError, match="no user, session or basket"):
        read_shop(csv(tmp_path, "1,2\n", "colour,item_id\n"))
    with pytest.raises(DataError, match="holds no event"):
        read_shop(csv(tmp_path, ""))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("u1,a,1,2024-01-01,1,1\nu1,b,1,2024-01-02,1,1\n", "one user"),
        ("u1,a,1,2024-01-01,1,1\nu2,a,2,2024-01-02,1,1\n", "one item"),
        ("u1,a,1,2024-01-01,1,1\nu2,b,2,2024-01-01,1,1\n", "one instant"),
        ("u1,a,1,2024-01-01,1,0\nu2,b,2,2024-01-01,1,0\n", "no event to learn from"),
    ],
)
def test_a_shop_that_teaches_nothing_says_what_is_needed(tmp_path, text, says):
    shop = read_shop(csv(tmp_path, text))
    with pytest.raises(DataError, match=says):
        require_trainable(shop)


def test_reading_is_the_same_every_time(tmp_path):
    rng = np.random.default_rng(0)
    n = 5_000
    day = datetime.datetime(2024, 1, 1)
    table = pa.table(
        {
            "user_id": pa.array([f"u{v}" if v else None for v in rng.integers(0, 300, n)]),
            "basket_id": pa.array([f"b{v}" for v in rng.integers(0, 900, n)]),
            "item_id": pa.array([f"{v:05}" for v in rng.zipf(1.5, n) % 400]),
            "timestamp": pa.array([day + datetime.timedelta(hours=int(v)) for v in rng.integers(0, 2000, n)]),
            "quantity": pa.array(rng.integers(-1, 5, n)),
        }
    )
    one, other = (read_shop({}, frames={"events": table}) for _ in range(2))
    for name in ("indptr", "item", "time", "weight", "kind", "basket"):
        np.testing.assert_array_equal(getattr(one.history, name), getattr(other.history, name))
    assert one.users.array.equals(other.users.array)
    starts = one.history.indptr[:-1]
    falling = np.flatnonzero(np.diff(one.history.time) < 0) + 1
    assert np.isin(falling, starts).all()
