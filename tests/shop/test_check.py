import json
import re

import numpy as np
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from shelfspace.shop.check import Check, share, write_page
from shelfspace.shop.reading import read_shop, require_trainable


def shown(check):
    console = Console(width=200, record=True, file=None, quiet=False)
    with console.capture() as captured:
        console.print(check.table())
    return captured.get()


def gone(check):
    return {g.reason: g.rows for g in check.gone}


@pytest.fixture(scope="module")
def uci_quarantine(tmp_path_factory):
    return tmp_path_factory.mktemp("uci") / "quarantine.parquet"


@pytest.fixture(scope="module")
def uci(data, uci_quarantine):
    settings = {
        "events": {
            "path": str(data / "uci-online-retail" / "transactions.parquet"),
            "user_id": "CustomerID",
            "item_id": "StockCode",
            "basket_id": "InvoiceNo",
            "timestamp": "InvoiceDate",
            "quantity": "Quantity",
            "price": "UnitPrice",
        },
        "items": {"from": "events", "title": "Description"},
    }
    return read_shop(settings, quarantine=uci_quarantine)


def test_an_empty_check_can_be_shown(tmp_path):
    assert json.loads(json.dumps(Check().to_json()))["num_events"] == 0
    assert "items" in shown(Check())
    write_page(Check(), tmp_path / "check.html")
    assert "Check of the data" in (tmp_path / "check.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(0, 5, "0%"), (1, 100_000, "<0.01%"), (1, 200, "0.5%"), (1, 3, "33.3%"), (1, 0, "0%")],
)
def test_shares_are_never_rounded_to_nothing(part, whole, text):
    assert share(part, whole) == text


def test_a_real_dirty_shop_is_counted_as_it_is(uci):
    check = uci.check
    columns = {c.column: c for c in check.sources[0].columns}
    assert check.num_rows == 541_909
    assert check.sources[0].copies == 5_268
    assert columns["user_id"].nulls == 135_080
    assert (check.returns.by_invoice, check.returns.by_quantity) == (9_288, 1_336)
    assert (check.prices.zero, check.prices.negative) == (2_515, 2)
    assert (check.times.first, check.times.last) == ("2010-12-01 08:26", "2011-12-09 12:50")
    dropped = {d.item for d in check.non_products}
    assert dropped >= {"POST", "D", "M", "DOT", "S", "C2", "B", "PADS", "CRUK", "BANK CHARGES", "AMAZONFEE"}
    assert not dropped & {"DCGSSBOY", "DCGSSGIRL", "85123A"}
    assert check.num_rows == check.num_events + check.merged + check.num_gone()
    assert check.num_gone("quarantined") == 0
    assert check.num_users <= 4_372
    assert check.problems == ()
    require_trainable(uci)


def test_a_real_dirty_shop_is_clean_afterwards(uci, uci_quarantine):
    assert not {"POST", "M", "AMAZONFEE"} & set(uci.catalogue.ids.array.to_pylist())
    assert "85123A" in uci.catalogue.ids
    assert uci.catalogue.titles()[uci.catalogue.ids.row("85123A")] == "WHITE HANGING HEART T-LIGHT HOLDER"
    assert "17850" in uci.users
    assert (uci.history.lengths() > 0).all()
    assert len(uci.history) == len(uci.users) + uci.check.num_anonymous
    prices = np.asarray(uci.catalogue.column("price"))
    assert (prices > 0).all()
    written = pq.read_table(uci_quarantine)
    assert written.num_rows == uci.check.num_gone()
    cancelled = written.filter(written["_reason"].to_numpy(zero_copy_only=False) == "return or cancellation")
    row = cancelled.slice(0, 1).to_pylist()[0]
    raw = pq.read_table(row["_file"]).slice(row["_row"] - 1, 1).to_pylist()[0]
    assert (row["InvoiceNo"], row["StockCode"]) == (raw["InvoiceNo"], raw["StockCode"])
    assert row["Quantity"] == str(raw["Quantity"])


def test_the_page_stands_alone_and_says_what_was_found(uci, tmp_path):
    write_page(uci.check, tmp_path / "check.html")
    page = (tmp_path / "check.html").read_text("utf-8")
    texts = (
        "541,909",
        "return or cancellation",
        "AMAZON FEE",
        "CustomerID",
        "Events a month",
        "Prices of items",
    )
    for text in texts:
        assert text in page
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    assert len(page) < 400_000


def test_the_table_says_what_was_found(uci):
    text = shown(uci.check)
    for word in ("541,909", "9,288", "135,080", "not a product", "exact copies"):
        assert word in text
    json.dumps(uci.check.to_json())


def test_beauty_has_steps_and_a_catalogue(data):
    folder = data / "amazon-beauty"
    settings = {
        "events": {"path": str(folder / "events.parquet"), "timestamp": "position"},
        "items": {"path": str(folder / "items.parquet")},
        "relations": {"path": str(folder / "relations.parquet")},
    }
    shop = read_shop(settings)
    assert (shop.check.num_events, len(shop.users), len(shop.catalogue)) == (198_502, 22_363, 12_101)
    assert shop.history.clock == "steps"
    assert shop.history.time[:3].tolist() == [0.0, 1.0, 2.0]
    assert shop.catalogue.column("category")[0].as_py()[0] == "Beauty"
    assert shop.tables["relations"].num_rows == 463_493 - 18
    assert gone(shop.check) == {"no tail": 18}
    order = [("user_id", "ascending"), ("position", "ascending")]
    raw = pq.read_table(folder / "events.parquet").sort_by(order)
    texts = shop.catalogue.ids.texts(shop.history.item)
    first = shop.users.text(0)
    mine = raw.filter(np.asarray(raw["user_id"]) == first)["item_id"].to_pylist()
    assert texts[: len(mine)] == mine


def test_gowalla_keeps_its_split(data):
    folder = data / "gowalla"
    settings = {
        "events": {"path": str(folder / "train.txt"), "format": "adjacency"},
        "items": {"from": "events"},
        "evaluation": {"protocol": "split", "test": str(folder / "test.txt")},
    }
    shop = read_shop(settings)
    assert (shop.history.num_events, shop.held_out.num_events) == (810_128, 217_242)
    assert (len(shop.users), len(shop.catalogue)) == (29_858, 40_981)
    assert shop.history.clock == "none"
    assert (shop.held_out.num_users, shop.held_out.num_items) == (29_858, 40_981)


def test_a_clickstream_has_sessions_and_no_users(data):
    settings = {
        "events": {
            "path": str(data / "eshop-clickstream" / "events.parquet"),
            "item_id": "model_code",
            "timestamp": "make_date(year, month, day)",
            "price": "price_usd",
        },
        "items": {"from": "events", "category": ["main_category", "colour"]},
    }
    shop = read_shop(settings)
    assert (len(shop.users), shop.check.num_anonymous, len(shop.catalogue)) == (0, 24_026, 217)
    assert shop.check.num_rows == 165_474
    assert shop.check.times.first.startswith("2008-04-01")
    assert len(shop.catalogue.column("category")[0]) == 2


def test_catalogues_alone_and_friends_are_read(data):
    luma = data / "magento-luma"
    settings = {
        "items": {"path": str(luma / "products.parquet"), "category_separator": "/", "price": "price * 2"},
        "reviews": {"path": str(luma / "reviews.csv")},
        "relations": {"path": str(luma / "links.csv"), "head": "sku", "tail": "linked_sku"},
    }
    shop = read_shop(settings)
    assert (len(shop.catalogue), shop.history.num_events) == (2_046, 0)
    assert shop.catalogue.column("category")[0].as_py() == ["Men", "Tops", "Hoodies & Sweatshirts"]
    assert set(shop.tables["relations"].column_names) == {"head", "tail", "relation"}
    assert not shop.check.problems  # listings alone can be matched and searched
    yelp = data / "yelp-social"
    settings = {
        "events": {"path": str(yelp / "user_business.parquet"), "item_id": "business"},
        "relations": {
            "path": str(yelp / "user_user.parquet"),
            "head": "user",
            "tail": "friend",
            "relation": "'friend'",
        },
    }
    shop = read_shop(settings)
    assert shop.tables["relations"]["relation"].unique().to_pylist() == ["friend"]
    assert shop.tables["relations"].num_rows == 158_590
    assert shop.check.num_rows == 198_397
