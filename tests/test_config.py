"""Settings: recipes, files, --set, and the way from a section to a part."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest

from shelfspace import config
from shelfspace.errors import ConfigError


@dataclass(kw_only=True)
class Part:
    rate: Annotated[float, config.Range(0.1, 10, log=True)] = 1.0
    kind: Annotated[str, config.Choice(("a", "b"))] = "a"
    size: int = 3


PARTS = {"part": Part}


def test_a_section_is_the_constructors_arguments():
    part = config.build(PARTS, {"use": "part", "rate": 2, "kind": "b"}, path="linear.part")
    assert config.settings_of(part) == {"rate": 2.0, "kind": "b", "size": 3}
    assert isinstance(part.rate, float)


def test_what_is_tuned_stands_in_the_signature():
    assert config.search_space(Part) == {
        "rate": config.Range(0.1, 10, log=True),
        "kind": config.Choice(("a", "b")),
    }


def test_a_number_names_one_of_a_list_of_the_file_or_of_the_recipe(tmp_path: Path):
    file = tmp_path / "shop.toml"
    file.write_text("[[objectives]]\nuse = 'bpr'\n[[objectives]]\nuse = 'infonce'\n", "utf-8")
    table = config.load(file, sets=["objectives.1.temperature=0.2"])
    assert table["objectives"] == [{"use": "bpr"}, {"use": "infonce", "temperature": 0.2}]
    table = config.load({}, sets=["recipe.use=cold_start", "objectives.0.temperature=0.2"])
    assert table["objectives"] == [{"use": "infonce", "temperature": 0.2, "pairs": "user_item"}]
    with pytest.raises(ConfigError, match=r"objectives\.7.temperature.*'7' is not one of the 2"):
        config.load(file, sets=["objectives.7.temperature=0.2"])


def test_put_and_get_follow_a_path_and_a_copy_is_its_own():
    table = {"a": {"b": [{"c": 1}]}, "d": 2}
    copy = config.merged({}, table)
    config.put(copy, "a.b.0.c", 5)
    config.put(copy, "new.section", True)
    assert (config.get(copy, "a.b.0.c"), config.get(copy, "new.section")) == (5, True)
    assert table == {"a": {"b": [{"c": 1}]}, "d": 2}
    assert config.get(table, "a.b.1.c") is None
    assert config.get(table, "d.e") is None
    with pytest.raises(ConfigError, match="'d' is a value, not a section"):
        config.put(table, "d.e", 1)


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"use": "prat"}, ["[linear.part]", "'prat'", "did you mean 'part'"]),
        ({"use": "part", "rat": 1.0}, ["'rat'", "did you mean 'rate'"]),
        ({"use": "part", "size": "three"}, ["size", "'three'", "integer"]),
        ({"use": "part", "size": 1.5}, ["size", "1.5"]),
        ({"use": "nowhere.at_all:Part"}, ["cannot be imported"]),
        ({}, ["needs use"]),
    ],
)
def test_a_mistake_is_named_with_the_nearest_spelling(section, words):
    with pytest.raises(ConfigError) as problem:
        config.build(PARTS, section, path="linear.part")
    for word in words:
        assert word in str(problem.value)


def test_a_strangers_part_is_named_by_its_module():
    part = config.build(PARTS, {"use": "fractions:Fraction"}, 3, path="linear.x")
    assert part == 3


def test_the_recipe_is_read_first_the_file_over_it_and_set_last(tmp_path: Path):
    file = tmp_path / "shop.toml"
    file.write_text('[training]\nbudget = "9m"\nseed = 4\n[events]\npath = "log.csv"\n', "utf-8")
    with file.open("a", encoding="utf-8") as more:
        more.write('[encoders.title]\nuse = "textcnn"\nsynonyms = "words.csv"\n')
    table = config.load(file, sets=["training.seed=5", "index.use=hnsw"])
    assert table["recipe"] == {"use": "shop"}
    assert (table["training"]["budget"], table["training"]["seed"]) == ("9m", 5)
    assert table["index"] == {"use": "hnsw"}
    assert "item_knn" in table["linear"]
    assert table["events"]["path"] == str(tmp_path / "log.csv"), "relative to the file it stands in"
    assert table["encoders"]["title"]["synonyms"] == str(tmp_path / "words.csv")


@pytest.mark.parametrize(
    ("text", "word"), [("recipe.use=shpo", "did you mean 'shop'"), ("nothing", "section.key=value")]
)
def test_a_set_that_cannot_be_read_is_refused(text, word):
    with pytest.raises(ConfigError, match=word):
        config.load({}, sets=[text])


def test_a_missing_file_names_the_nearest(tmp_path: Path):
    (tmp_path / "shop.toml").write_text("", "utf-8")
    with pytest.raises(ConfigError, match=r"shp\.toml; did you mean 'shop\.toml'"):
        config.load(tmp_path / "shp.toml")
    (tmp_path / "bad.toml").write_text("a = = 3", "utf-8")
    with pytest.raises(ConfigError, match=r"bad\.toml is not readable as TOML"):
        config.load(tmp_path / "bad.toml")


def test_unknown_sections_are_refused():
    with pytest.raises(ConfigError, match="no section 'evnts'; did you mean 'events'"):
        config.refuse_unknown({"evnts": {}}, ["events", "items"])


@pytest.mark.parametrize(("text", "value"), [("90s", 90), ("3m", 180), ("1.5h", 5400), ("2d", 172800)])
def test_spans(text, value):
    assert config.seconds(text, "training.budget") == value


@pytest.mark.parametrize("text", ["", "m", "3", "-1m", "soon", "nans", "infs"])
def test_a_span_that_is_none(text):
    with pytest.raises(ConfigError, match="write it as 90s"):
        config.seconds(text, "training.budget")


def test_every_recipe_says_what_it_is():
    assert set(config.recipes()) >= {"shop", "quick"}
    for name, line in config.recipes().items():
        assert line.startswith(f"{name}: ")


def test_every_recipe_that_learns_from_events_has_epochs_that_fit_a_budget():
    tables = {name: config.load({"recipe": {"use": name}}) for name in config.recipes()}
    trained = {
        name: of["training"] for name, of in tables.items() if "objectives" in of and name != "catalogue"
    }
    assert len(trained) >= 7
    for name, training in trained.items():
        assert 0 < training.get("epoch_steps", 0) <= 500, name


def test_another_part_does_not_inherit_the_settings_of_the_one_it_replaces():
    under = {
        "encoders": {"title": {"use": "hashed", "token_dropout": 0.2}, "ids": {"dropout": 0.5}},
        "user": {"use": "attention", "length": 50, "age": "days", "heads": 2},
    }
    over = {"encoders": {"title": {"use": "transformer"}, "ids": {"use": "ids"}}, "user": {"use": "recency"}}
    assert config.merged(under, over) == {
        "encoders": {"title": {"use": "transformer"}, "ids": {"use": "ids", "dropout": 0.5}},
        "user": {"use": "recency", "length": 50, "age": "days"},
    }
    assert config.merged(under, {"encoders": {"title": {"use": "hashed"}}}) == {
        **under,
        "encoders": {**under["encoders"], "title": {"use": "hashed", "token_dropout": 0.2}},
    }
