"""What shoppers without a history are answered by, in a shop whose profiles and friends say the taste."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import shelfspace as ss
from shelfspace.cli.app import app
from shelfspace.errors import InputError, SpaceError
from shelfspace.newcomers.fitted import FittedNewcomers
from shelfspace.shop.ids import Ids
from tests.contracts.task_contract import TaskContract
from tests.people import crowd

runner = CliRunner()


@pytest.fixture(scope="module")
def space(crowd_run: Path) -> ss.Space:
    return ss.open(crowd_run)


class TestNewcomers(TaskContract):
    task = "recommend"
    subjects = ("u-241", "u-242")


class TestWithAPhrase(TaskContract):
    task = "recommend"
    subjects = ("u-241", "u-242")
    settings = {"phrase": "desk lamp"}  # noqa: RUF012


def shares_of_taste(hits: ss.Hits) -> float:
    taste = crowd.tastes()
    same = [int(hit.id[2:]) % crowd.NUM_TASTES == taste[int(hit.subject[2:])] for hit in hits]
    return sum(same) / len(same)


def test_profile_and_friends_say_the_taste_and_what_is_popular_does_not(space: ss.Space):
    asked = [f"u-{n}" for n in range(240, 263)]
    hits = space.recommend(asked, k=5)
    assert shares_of_taste(hits) > 0.8
    assert shares_of_taste(replace(space, tasks={}).recommend(asked, k=5)) < 0.4
    assert {hit.more["source"] for hit in hits} == {"profile + friends"}
    assert "u-240: answered by profile + friends" in hits.notes


def test_without_it_all_is_as_it_was(space: ss.Space):
    before = replace(space, tasks={})
    for asked in ("u-3", "u-240", "nobody", None):
        hits = before.recommend(asked, k=5, why=True)
        assert "source" not in hits.table.column_names
        assert not any("answered by" in note for note in hits.notes)
    known, plain = space.recommend("u-3", k=5, why=True), before.recommend("u-3", k=5, why=True)
    assert known.table.drop_columns("source").equals(plain.table)
    assert before.recommend("nobody").notes == (
        "user 'nobody' is not known; the shop's popular items answer",
    )


def test_a_batch_may_have_all_kinds_of_shoppers(space: ss.Space):
    asked = ["u-3", "u-240", "guest", "u-263", "nobody"]
    hits = space.recommend(asked, k=2, why=True)
    found = {hit.subject: hit.more["source"] for hit in hits}
    assert found == {
        "u-3": "history",
        "u-240": "profile + friends",
        "guest": "friends",
        "u-263": "popular",
        "nobody": "popular",
    }
    assert "user 'nobody' is not known; the shop's popular items answer" in hits.notes
    for hit in hits:
        assert sum(part.amount for part in hit.why) == pytest.approx(hit.score, rel=1e-4, abs=1e-5)


def test_a_session_comes_before_all_else(space: ss.Space):
    hits = space.recommend("u-240", history=["i-3", "i-7"], k=3)
    plain = replace(space, tasks={}).recommend("u-240", history=["i-3", "i-7"], k=3)
    assert hits.table.drop_columns("source").equals(plain.table)
    assert {hit.more["source"] for hit in hits} == {"session"}


def test_a_profile_is_given_or_on_file_and_what_is_given_counts(space: ss.Space):
    for region in range(crowd.NUM_TASTES):
        hits = space.recommend(profile=f"region=region {region}", k=4)
        assert {int(hit.id[2:]) % crowd.NUM_TASTES for hit in hits} == {region}
        assert hits.notes == ("this shopper: answered by profile",)
    other = crowd.NUM_TASTES - 1
    on_file = space.recommend("u-240", k=1, why=True)
    given = space.recommend("u-240", profile=f"region=region {other}", k=1, why=True)
    assert f"profile: region = region {other}" in {part.part for hit in given for part in hit.why}
    assert {part.part for hit in on_file for part in hit.why} & {"friends"}
    with pytest.raises(InputError, match="no column 'regio'; did you mean 'region'"):
        space.recommend(profile="regio=1")
    nobody = space.recommend(profile="region=nowhere", k=2)
    assert {hit.more["source"] for hit in nobody} == {"popular"}
    assert "nobody, or too few, have region = 'nowhere'" in nobody.notes[0]


def test_a_source_that_did_not_help_is_not_believed_and_a_profile_told_in_vain_is_noted(space: ss.Space):
    fitted = space.tasks["newcomers"]
    assert isinstance(fitted, FittedNewcomers)
    none = {name: replace(one, weight=0.0) for name, one in fitted.strengths.items()}
    doubting = replace(space, tasks={"newcomers": replace(fitted, strengths=none, held={})})
    hits = doubting.recommend("u-240", k=3)
    assert {hit.more["source"] for hit in hits} == {"popular"}
    assert hits.table.drop_columns("source").equals(replace(space, tasks={}).recommend("u-240", k=3).table)
    told = doubting.recommend(profile="region=region 1", k=3)
    assert "profiles did not help on hidden shoppers of this shop, so they are not believed" in told.notes


def test_a_phrase_answers_whoever_has_no_history(space: ss.Space):
    hits = space.recommend(["u-240", "nobody"], phrase="desk lamp", k=4, where="not item_id in (i-2)")
    assert {int(hit.id[2:]) % crowd.NUM_TASTES for hit in hits} == {2}
    assert "i-2" not in {hit.id for hit in hits}
    assert {hit.more["source"] for hit in hits} == {"content"}
    assert hits.notes == ("u-240: answered by content", "nobody: answered by content")
    known = space.recommend("u-3", phrase="desk lamp", k=2)
    assert {hit.more["source"] for hit in known} == {"history"}
    assert "for shoppers without a history" in known.notes[0]
    strange = space.recommend("u-240", phrase="qqq zzz", k=2)
    assert strange.notes[0] == "no word of 'qqq zzz' is known to the space"
    assert {hit.more["source"] for hit in strange} == {"profile + friends"}
    with pytest.raises(InputError, match="blank"):
        space.recommend(phrase="  ")
    with pytest.raises(InputError, match="too long"):
        space.recommend(phrase="x" * 10_001)


def test_a_space_where_it_was_not_fitted_takes_phrases_and_says_how_to_fit_it(space: ss.Space):
    unfitted = replace(space, tasks={})
    assert {hit.more["source"] for hit in unfitted.recommend(phrase="wool scarf", k=3)} == {"content"}
    with pytest.raises(InputError, match=r"shelfspace fit .*run newcomers"):
        unfitted.recommend(profile="age=3")


def test_what_they_had_in_another_shop_answers(crowd_run: Path, tmp_path: Path):
    other = ss.open(crowd_run)
    guests = [f"v-{n}" if n % 2 else f"u-{n}" for n in range(len(other.users))]
    replace(other, users=Ids(guests, "user"), tasks={}).save(tmp_path / "other")
    shutil.copytree(crowd_run, tmp_path / "run")
    tables = crowd.tables()
    sets = [f"newcomers.other_run={tmp_path / 'other'}"]
    space = ss.fit(tmp_path / "run", "newcomers", sets=sets, **tables)
    fitted = space.tasks["newcomers"]
    assert isinstance(fitted, FittedNewcomers)
    assert {"transfer", "shoppers"} <= set(fitted.strengths)
    believed = {name: replace(one, weight=0.5) for name, one in fitted.strengths.items()}
    space = replace(space, tasks={"newcomers": replace(fitted, strengths=believed, held={})})
    taste = crowd.tastes()
    hits = list(space.recommend([f"v-{n}" for n in range(1, 41, 2)], k=5, why=True))
    assert {hit.more["source"] for hit in hits} == {"transfer"}
    assert np.mean([int(h.id[2:]) % crowd.NUM_TASTES == taste[int(h.subject[2:])] for h in hits]) > 0.9
    for hit in hits:
        assert sum(part.amount for part in hit.why) == pytest.approx(hit.score, rel=1e-4)
    with pytest.raises(SpaceError, match="no run folder"):
        ss.fit(tmp_path / "run", "newcomers", sets=["newcomers.other_run=nowhere"], **tables)


def test_what_was_learnt_is_measured_on_hidden_shoppers(crowd_run: Path):
    found = json.loads((crowd_run / "metrics.json").read_text("utf-8"))["newcomers"]
    assert found["cases"] > 10
    assert found["differences"]["default - popular"]["low"] > 0


@pytest.mark.parametrize("name", ["newcomers.json", "newcomers.npz", "ids.parquet"])
def test_a_damaged_file_is_named(crowd_run: Path, tmp_path: Path, name: str):
    shutil.copytree(crowd_run, tmp_path / "run")
    (file,) = (tmp_path / "run" / "spaces").glob(f"*/tasks/newcomers/{name}")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(SpaceError, match="newcomers"):
        ss.open(tmp_path / "run")


def test_the_command_takes_a_profile_and_writes_everyone(crowd_run: Path, tmp_path: Path):
    asked = ["recommend", str(crowd_run), "--profile", "region=region 1", "--k", "2", "--json"]
    shown = runner.invoke(app, asked)
    assert shown.exit_code == 0, shown.output
    assert {hit["source"] for hit in json.loads(shown.output)["hits"]} == {"profile"}
    done = runner.invoke(
        app, ["recommend", str(crowd_run), "--all", "--k", "1", "--to", str(tmp_path / "all.csv")]
    )
    assert done.exit_code == 0, done.output
