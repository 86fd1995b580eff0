"""A space's own lists against a log: from what `recommend` writes, back into an estimate."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pytest

import shelfspace as ss
from shelfspace.errors import DataError
from tests.tasks.random_shops import random_space


def logged(space, lists=200, seed=0, **settings):
    """Return a log of a space that explores, a click wherever the item's number is even."""
    users = space.users.array.to_pylist()
    frames = [
        space.recommend(users, k=5, explore=0.5, seed=seed + n, **settings).to_frame()
        for n in range(lists // len(users))
    ]
    log = pd.concat(frames, ignore_index=True)
    log["clicked"] = log.item_id.str.removeprefix("i-").astype(int) % 2 == 0
    return log


def test_what_recommend_writes_is_read_and_agrees_with_the_truth(tmp_path):
    space = random_space(0, 60, users=20)
    log = logged(space)
    kept = space.with_rules({"bury": [{"where": "price<20", "by": 1}]})
    found = ss.offpolicy(kept, log, resamples=300)
    hits = list(kept.recommend(space.users.array.to_pylist(), k=5))
    truth = np.mean([int(hit.item_id.removeprefix("i-")) % 2 == 0 for hit in hits]) * 5
    assert found.lists == 200
    assert found.values["logged"].value == pytest.approx(log.clicked.sum() / 200)
    for name in ("ips", "snips", "dr"):
        one = found.values[name]
        assert abs(one.value - truth) < one.high - one.low
    pyarrow.csv.write_csv(pa.Table.from_pandas(log), tmp_path / "log.csv")
    assert ss.offpolicy(kept, tmp_path / "log.csv", resamples=300).to_json() == found.to_json()
    assert found.to_table().row_count == 5


def test_the_policy_that_logged_without_chance_is_what_was_logged():
    space = random_space(1, 60, users=20)
    log = space.recommend(space.users.array.to_pylist(), k=5).to_frame()
    log["list_id"], log["propensity"], log["clicked"] = log["subject"], 1.0, log["rank"] < 3
    found = ss.offpolicy(space, log)
    for name in ("naive", "ips", "snips", "dr"):
        assert found.values[name].value == pytest.approx(2.0)
    assert not found.notes


def test_what_should_be_known_is_noted():
    space = random_space(2, 60, users=20)
    log = logged(space, lists=20)
    log["timestamp"] = "2020-01-01T10:00"
    log.loc[log["subject"] == "u-3", "subject"] = "somebody"
    notes = ss.offpolicy(space, log).notes
    assert any("events from after the first list" in note for note in notes)
    assert any("1 of 20 users of the log are not known" in note for note in notes)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (
            {"drop": "propensity"},
            "no column 'propensity'; needed: list_id, item_id, place, propensity, clicked",
        ),
        ({"drop": "clicked"}, "no column 'clicked'"),
        ({"drop": "list_id"}, "list_id"),
        ({"propensity": 0.0}, "have no propensity above 0"),
        ({"list_id": "one"}, "two rows are of one place of one list"),
        ({"rank": None}, "no place"),
    ],
)
def test_a_log_that_cannot_be_used(change, word):
    space = random_space(3, 30)
    log = logged(space, lists=6)
    log = log.drop(columns=change["drop"]) if "drop" in change else log.assign(**change)
    with pytest.raises(DataError, match=word):
        ss.offpolicy(space, log)
