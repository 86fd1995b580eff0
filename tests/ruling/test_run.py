"""Rules on their way from the settings into a run, and out of it."""

import pyarrow as pa
import pytest

import shelfspace as ss
from shelfspace.errors import ConfigError

ITEMS = pa.table(
    {
        "item_id": [f"i-{n}" for n in range(40)],
        "title": [f"{'red' if n % 2 else 'blue'} {'cup' if n % 3 else 'lamp'} {n}" for n in range(40)],
        "price": [float(n) for n in range(40)],
    }
)


def answered(space: ss.Space) -> set[str]:
    return {hit.item_id for hit in space.similar("i-1", k=40)}


def test_rules_of_the_settings_are_copied_and_those_of_the_run_stay(tmp_path):
    run = tmp_path / "run"
    (tmp_path / "ours.toml").write_text('[[block]]\nitems = ["i-5"]\n[[require]]\nmin_price = 3\n', "utf-8")
    (tmp_path / "shop.toml").write_text('[items]\n[rules]\npath = "ours.toml"\n', "utf-8")
    space = ss.train(tmp_path / "shop.toml", items=ITEMS, out=run)
    assert answered(space) == {f"i-{n}" for n in range(3, 40)} - {"i-5"}
    assert answered(space.with_rules(None)) == {f"i-{n}" for n in range(40)} - {"i-1"}
    assert "rules" not in (run / "config.toml").read_text("utf-8")
    (run / "rules.toml").write_text('[[block]]\nwhere = "price<30"\n', "utf-8")
    again = ss.train({"items": {}}, items=ITEMS, out=run)
    assert answered(again) == {f"i-{n}" for n in range(30, 40)}


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"blok": []}, "did you mean 'block'"),
        (3, r"rules = 3: write a section \[rules\]"),
        ({"path": "x.toml", "block": []}, r"\[rules\] has no setting 'block'"),
        ({"path": "nowhere.toml"}, "there are no rules at"),
        ({"block": [{"where": "prise<3"}]}, r"\[\[block\]\] 1: where: .*did you mean 'price'"),
    ],
)
def test_wrong_rules_are_refused_before_anything_is_trained(tmp_path, rules, message):
    with pytest.raises(ConfigError, match=message):
        ss.train({"items": {}, "rules": rules}, items=ITEMS, out=tmp_path / "run")
    assert not (tmp_path / "run" / "spaces").exists()
