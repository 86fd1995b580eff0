import pytest

from shelfspace.errors import ConfigError
from shelfspace.shop.schema import TABLES, plain
from shelfspace.shop.sections import folder_config, section


def test_every_table_of_the_contract_is_there():
    assert set(TABLES) == {
        *("events", "items", "users", "reviews", "photos"),
        *("relations", "impressions", "offers", "responses", "matches", "judgments"),
    }


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda t: t.name)
def test_names_and_aliases_are_plain_and_lead_to_one_column(table):
    names = [plain(c.name) for c in table.columns]
    aliases = [a for c in table.columns for a in c.aliases if a not in names]
    assert all(a == plain(a) for c in table.columns for a in c.aliases)
    assert len(aliases) == len(set(aliases))


def test_names_are_the_same_whatever_their_case_and_punctuation():
    assert plain("Customer ID") == plain("customer_id") == plain("CustomerID") == "customerid"
    assert plain("商品_编号") == "商品编号"


def test_a_section_is_split_into_source_columns_and_rules():
    said = section(
        "events",
        {"path": "a.csv", "item_id": "Code", "delimiter": ";", "weights": {"view": 2}, "session_gap": "10m"},
    )
    assert (said.source.path, said.source.delimiter) == ("a.csv", ";")
    assert said.columns == {"item_id": "Code"}
    assert said.events.weights == {"view": 2.0}
    assert said.events.session_gap == "10m"


def test_items_may_come_from_events_and_carry_lists_and_vectors():
    said = section("items", {"from": "events", "category": ["a", "b"], "vectors": {"audio": "wave"}})
    assert said.from_events
    assert said.columns == {"category": ["a", "b"]}
    assert said.vectors == {"audio": "wave"}


@pytest.mark.parametrize(
    ("table", "given", "says"),
    [
        ("events", {"itemid": "x"}, "did you mean 'item_id'"),
        ("events", {"pth": "x"}, "did you mean 'path'"),
        ("events", {"path": 3}, "path = 3"),
        ("events", {"item_id": ["a", "b"]}, "item_id"),
        ("events", {"item_id": ""}, "item_id"),
        ("events", {"format": "xlsx"}, "format"),
        ("events", {"weights": {"view": "much"}}, "weights"),
        ("items", {"from": "event"}, "known: 'events'"),
        ("items", {"category": []}, "category"),
        ("items", {"vectors": "wave"}, "vectors"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(table, given, says):
    with pytest.raises(ConfigError, match=says):
        section(table, given)


def test_a_folder_with_standard_names_is_a_shop(tmp_path):
    (tmp_path / "events.csv.gz").touch()
    (tmp_path / "Users.parquet").touch()
    (tmp_path / "notes.md").touch()
    found = folder_config(tmp_path)
    assert found["events"] == {"path": str(tmp_path / "events.csv.gz")}
    assert found["items"] == {"from": "events"}
    assert set(found) == {"events", "items", "users"}


def test_a_folder_that_is_no_shop_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="holds no table of a shop"):
        folder_config(tmp_path)
    with pytest.raises(ConfigError, match="no folder"):
        folder_config(tmp_path / "nowhere")
    (tmp_path / "events.csv").touch()
    (tmp_path / "events.parquet").touch()
    with pytest.raises(ConfigError, match="two tables named 'events'"):
        folder_config(tmp_path)
