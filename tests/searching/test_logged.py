"""What was searched for before."""

import pyarrow as pa

from shelfspace.searching.logged import Judged, Suggestions
from shelfspace.shop.ids import Ids
from tests.searching.shops import catalogue

CLICKS = pa.table(
    {
        "query": ["red mug", "Red  mugs", "red scarf", "wool", "🎧"],
        "item_id": ["c", "c", "a", "b", "e"],
        "count": [3, 4, 5, 1, 9],
    }
)


def test_suggestions_go_on_or_share_a_word():
    found = Suggestions.of(CLICKS, catalogue())
    assert dict(found.counts) == {"Red mugs": 7, "red scarf": 5, "wool": 1}
    assert found.near("re") == ["Red mugs", "red scarf"]
    assert found.near("warm scarf of wool") == ["red scarf", "wool"]
    assert found.near("red scarf") == ["Red mugs"]
    assert found.near("🎧") == []


def test_without_a_log_brands_and_categories_are_suggested():
    found = Suggestions.of(None, catalogue())
    assert found.counts == {}  # none has three products
    shoes = pa.table({"brand": ["Acme"] * 3, "category": [["shoes", "boots"]] * 3})
    many = catalogue()
    many = type(many)(Ids(["1", "2", "3"], "item"), shoes, many.first_seen[:3], many.duplicates[:3])
    assert Suggestions.of(None, many).near("boot") == ["boots"]


def test_judgments_before_clicks_and_not_those_of_a_test():
    judgments = pa.table(
        {
            "query": ["mug", "mug", "scarf", None],
            "item_id": ["c", "a", "no such", "c"],
            "gain": [3.0, 0.0, 2.0, 1.0],
            "split": ["train", "test", None, "train"],
        }
    )
    found = Judged.of(judgments, CLICKS, catalogue().ids)
    assert found is not None
    assert (list(found.query), found.item.tolist(), found.gain.tolist()) == (["mug"], [2], [3.0])
    clicks = Judged.of(None, CLICKS, catalogue().ids)
    assert clicks is not None
    assert clicks.source == "clicks"
    assert clicks.gain[0] == 2.0
    assert Judged.of(None, None, catalogue().ids) is None
