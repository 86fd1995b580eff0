"""What was taken after a query."""

import pandas as pd

from shelfspace.shop.reading import read_shop


def log() -> pd.DataFrame:
    rows = [
        ("u1", "a", "red mug", "2024-01-01"),
        ("u2", "a", " red mug ", "2024-01-02"),
        ("u2", "b", "red mug", "2024-01-03"),
        ("u3", "b", None, "2024-01-04"),
        ("u3", "c", "", "2024-01-05"),
        ("u3", "", "no item", "2024-01-06"),
        ("u4", "c", "x" * 500, "2024-01-07"),
    ]
    return pd.DataFrame(rows, columns=["user_id", "item_id", "query", "timestamp"])


def test_queries_are_counted_by_item():
    shop = read_shop({"events": {}, "clean": {"max_dropped": 0.5}}, frames={"events": log()})
    assert shop.tables["queries"].to_pylist() == [
        {"query": "red mug", "item_id": "a", "count": 2},
        {"query": "red mug", "item_id": "b", "count": 1},
    ]


def test_a_log_without_queries_has_no_such_table():
    shop = read_shop(
        {"events": {}, "clean": {"max_dropped": 0.5}}, frames={"events": log().drop(columns="query")}
    )
    assert "queries" not in shop.tables
    assert shop.history.num_events == 6


def test_an_event_seen_twice_is_one_whatever_was_searched_for():
    twice = pd.concat([log(), log().assign(query="blue mug")])
    settings = {"events": {}, "clean": {"max_dropped": 0.5}}
    assert read_shop(settings, frames={"events": twice}).history.num_events == 6
