"""`rules.toml`: what is read, when it holds, what is refused, with the message that a person reads."""

from datetime import UTC, date, datetime

import pytest

from shelfspace.errors import ConfigError
from shelfspace.ruling.kinds import Block, Boost, Bury, Pin
from shelfspace.ruling.rules import Rules


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "holds"),
    [
        ("2026-11-30T23:59:59", False),
        ("2026-12-01T00:00", True),
        ("2026-12-24T23:59:59", True),
        ("2026-12-25T00:00", False),
    ],
)
@pytest.mark.parametrize("written", [str, date.fromisoformat])
def test_a_rule_holds_from_its_first_day_to_the_end_of_its_last(at, holds, written):
    rule = {"items": ["a"], "from": written("2026-12-01"), "until": written("2026-12-24")}
    assert bool(Rules.of({"block": [rule]}, at=moment(at)).of_kind(Block)) is holds


def test_moments_may_have_an_hour_and_a_zone():
    rules = Rules.of({"block": [{"items": ["a"], "until": "2026-12-24T12:00+01:00"}]})
    assert rules.moved(moment("2026-12-24T10:59")).of_kind(Block)
    assert not rules.moved(moment("2026-12-24T11:00")).of_kind(Block)
    assert not rules.of_kind(Boost)


def test_a_bury_is_no_boost():
    rules = Rules.of({"boost": [{"items": ["a"]}], "bury": [{"items": ["b"], "by": 0.5}]})
    assert [type(rule) for rule in rules.every] == [Boost, Bury]
    assert len(rules.of_kind(Boost)) == len(rules.of_kind(Bury)) == 1
    assert rules.arranges
    assert not Rules.of({"block": [{"items": ["a"]}]}).arranges
    assert not Rules()


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"blocks": []}, "there is no kind of rule 'blocks'; did you mean 'block'?"),
        ({"block": {"items": ["a"]}}, "block: write each rule as a section of its own, [[block]]"),
        ({"block": [{"itmes": ["a"]}]}, "[block 1] has no setting 'itmes'; did you mean 'items'?"),
        ({"block": [{"form": "2026-01-01"}]}, "did you mean 'from'?"),
        ({"block": [{"items": "a"}]}, "[block 1] items = 'a': input should be a valid tuple"),
        ({"block": [{"reason": "recalled"}]}, "[[block]] 1 (recalled): say which items"),
        ({"block": [{"items": ["a"], "where": "price<3"}]}, "one of the two"),
        ({"block": [{"items": ["a"], "until": "soon"}]}, "[[block]] 1: until = 'soon' is not a day"),
        ({"block": [{"items": ["a"], "from": 3}]}, "[block 1] from = 3"),
        (
            {"block": [{"items": ["a"]}, {"items": ["b"], "from": "2026-02-01", "until": "2026-01-31"}]},
            "[[block]] 2: until = 2026-01-31 is before from = 2026-02-01",
        ),
        ({"block": [{"items": ["a"]}] * 1001}, "1,001 rules are too many; the limit is 1,000"),
        ({"pin": [{"place": 1}]}, '[[pin]] 1: give item = "…" and place = 1 or more'),
        ({"pin": [{"item": "a", "place": 0}]}, "place = 1 or more"),
        ({"pin": [{"item": "a", "tasks": ["match"]}]}, "lists are arranged by ['recommend', 'similar'] only"),
        ({"boost": [{"items": ["a"], "by": 0}]}, "[[boost]] 1: by = 0 must be more than 0, up to 1"),
        ({"bury": [{"items": ["a"], "by": 1.5}]}, "[[bury]] 1: by = 1.5 must be more than 0, up to 1"),
        ({"require": [{"name": "season"}]}, "[[require]] 1 (season) requires nothing"),
        ({"require": [{"min_price": 9, "max_price": 3}]}, "min_price = 9 is above max_price = 3"),
        ({"require": [{"min_price": -1}]}, "min_price = -1 must be a number from 0"),
        ({"exposure": [{"most": 0.3}]}, "say of what: by = a column"),
        ({"exposure": [{"by": "brand", "most": 3}]}, "most = 3 is not a share from 0 to 1"),
        ({"exposure": [{"by": "brand"}]}, "[[exposure]] 1 says nothing: give most or least"),
        ({"exposure": [{"by": "brand", "least": 0.2}]}, "least is of one group: give the value of 'brand'"),
        (
            {"exposure": [{"by": "brand", "value": "A", "least": 0.5, "most": 0.2}]},
            "least = 0.5 is above most = 0.2",
        ),
        ({"exposure": [{"by": "price", "edges": [9, 3], "most": 0.2}]}, "edges = [9.0, 3.0] must rise"),
    ],
)
def test_what_is_refused(table, message):
    with pytest.raises(ConfigError) as told:
        Rules.of(table)
    assert message in str(told.value)


@pytest.mark.parametrize(
    ("table", "both", "message"),
    [
        (
            {"pin": [{"item": "a", "place": 1, "name": "launch"}, {"item": "b", "place": 1}]},
            "[[pin]] 1 (launch) and [[pin]] 2 contradict each other",
            "both pin place 1",
        ),
        (
            {"pin": [{"item": "a", "place": 1}, {"item": "a", "place": 2}]},
            "[[pin]] 1 and [[pin]] 2",
            "both pin 'a'",
        ),
        (
            {"boost": [{"items": ["a", "b"]}], "bury": [{"items": ["b"]}]},
            "[[boost]] 1 and [[bury]] 1",
            "'b' is boosted and buried",
        ),
        (
            {"boost": [{"where": "brand:Acme"}], "bury": [{"where": "brand:Acme "}]},
            "[[boost]] 1 and [[bury]] 1",
            "what satisfies 'brand:Acme' is boosted and buried",
        ),
        (
            {"require": [{"min_price": 9}, {"max_price": 3}]},
            "[[require]] 1 and [[require]] 2",
            "min_price = 9 is above max_price = 3",
        ),
        (
            {"exposure": [{"by": "brand", "most": 0.3}, {"by": "brand", "value": "Acme", "least": 0.5}]},
            "[[exposure]] 1 and [[exposure]] 2",
            "least = 0.5 is above most = 0.3",
        ),
        (
            {"exposure": [{"by": "brand", "value": v, "least": 0.4} for v in "ABC"]},
            "[[exposure]] 1 and [[exposure]] 2 and [[exposure]] 3",
            "together they ask for 120% of a list",
        ),
    ],
)
def test_contradictions_name_both_rules(table, both, message):
    with pytest.raises(ConfigError) as told:
        Rules.of(table)
    assert both in str(told.value)
    assert message in str(told.value)


@pytest.mark.parametrize(
    "apart",
    [
        [{"until": "2026-01-31"}, {"from": "2026-02-01"}],
        [{"tasks": ["recommend"]}, {"tasks": ["similar"]}],
        [{"users": ["u-1"]}, {"users": ["u-2"]}],
    ],
)
def test_rules_that_never_meet_do_not_contradict(apart):
    pins = [{"item": item, "place": 1, **more} for item, more in zip("ab", apart, strict=True)]
    assert len(Rules.of({"pin": pins}).of_kind(Pin)) >= 1


def test_the_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match="there are no rules at"):
        Rules.read(tmp_path / "rules.toml")
    (tmp_path / "rules.toml").write_text("[[block]\n", "utf-8")
    with pytest.raises(ConfigError, match=r"rules.toml is not readable as TOML"):
        Rules.read(tmp_path / "rules.toml")
    (tmp_path / "rules.toml").write_text('[[block]]\nitem = ["a"]\n', "utf-8")
    with pytest.raises(ConfigError, match=r"rules.toml: \[block 1\] has no setting 'item'"):
        Rules.read(tmp_path / "rules.toml")
