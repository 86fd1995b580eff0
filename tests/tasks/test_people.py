"""Who is alike and who may know whom, in a shop whose friends are of one taste."""

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pytest
from typer.testing import CliRunner

import shelfspace as ss
from shelfspace.cli.app import app
from shelfspace.errors import InputError, SpaceError, UnknownIdError
from shelfspace.people.fitted import FittedPeople
from tests.contracts.task_contract import TaskContract
from tests.people import crowd

runner = CliRunner()


@pytest.fixture(scope="module")
def space(crowd_run: Path) -> ss.Space:
    return ss.open(crowd_run)


class TestAlike(TaskContract):
    task = "people"
    subjects = ("u-3", "u-9")
    filtered = False


class TestFriends(TaskContract):
    task = "people"
    subjects = ("u-3", "u-9")
    settings: ClassVar[dict[str, Any]] = {"kind": "friends"}
    filtered = False


def friends_of(user: str) -> set[str]:
    relations = crowd.tables()["relations"]
    pairs = list(zip(relations["head"].to_pylist(), relations["tail"].to_pylist(), strict=True))
    return {b for a, b in pairs if a == user} | {a for a, b in pairs if b == user}


def test_friends_already_there_are_never_suggested_nor_the_shopper(space: ss.Space):
    for user in ("u-3", "u-200", "u-245"):
        every = {hit.id for hit in space.people(user, kind="friends", k=1000)}
        assert every
        assert not every & (friends_of(user) | {user})
        assert user not in {hit.id for hit in space.people(user, k=1000)}


def test_who_is_alike_has_the_same_taste(space: ss.Space):
    taste = crowd.tastes()
    same = [
        taste[int(hit.id[2:])] == taste[int(hit.subject[2:])]
        for hit in space.people([f"u-{n}" for n in range(40)], k=5)
    ]
    assert sum(same) / len(same) > 0.95  # of four tastes


def test_what_both_have_is_counted_and_told(space: ss.Space):
    (hit,) = space.people("u-3", kind="friends", k=1, why=True)
    common = friends_of("u-3") & friends_of(hit.id) - {"u-3", hit.id}
    assert hit.more["common_friends"] == len(common)
    assert {part.item_id for part in hit.why if part.part == "friend in common"} <= common
    events = crowd.tables()["events"]
    had = dict.fromkeys(("u-3", hit.id), frozenset[str]())
    for user, item in zip(events["user_id"].to_pylist(), events["item_id"].to_pylist(), strict=True):
        if user in had:
            had[user] |= {item}
    (alike,) = space.people("u-3", k=1, why=True)
    assert any(part.part.startswith("region = ") for part in alike.why)
    assert hit.more["common_items"] == len(frozenset.intersection(*had.values()))


def test_somebody_without_events_is_alike_by_profile_and_without_one_nobody_is(space: ss.Space):
    by_profile = space.people("u-240", k=3)
    assert len(by_profile) == 3
    assert by_profile.notes == ("u-240 took nothing yet, and only the profile says who is like them",)
    nobody = space.people("u-263", k=3)
    assert len(nobody) == 0
    assert "u-263: 0 of 3: nothing speaks for anybody else" in nobody.notes
    friendless = space.people("u-263", kind="friends")
    assert "u-263 has no friends yet; taste and profile alone suggest some" in friendless.notes


@pytest.mark.parametrize("kind", ["alike", "friends"])
def test_somebody_unknown_is_an_error_that_names_the_nearest(space: ss.Space, kind: Any):
    with pytest.raises(UnknownIdError, match="unknown user 'u-2400'; did you mean 'u-2"):
        space.people(["u-3", "u-2400"], kind=kind)


def test_other_kinds_are_refused_and_nobody_asked_is_nobody_answered(space: ss.Space):
    with pytest.raises(InputError, match="known: 'alike', 'friends'"):
        space.people("u-3", kind="enemies")  # type: ignore[arg-type]
    assert len(space.people([])) == 0


def test_what_was_learnt_is_measured_on_hidden_friendships(crowd_run: Path):
    found = json.loads((crowd_run / "metrics.json").read_text("utf-8"))["people"]
    assert found["cases"] > 100
    assert set(found["recall@10"]) == {"default", "common_neighbours", "adamic_adar", "resource"}
    assert all(0 <= one["low"] <= one["value"] <= one["high"] <= 1 for one in found["recall@10"].values())


def test_before_it_is_fitted_some_are_alike_and_friends_say_how(space: ss.Space):
    unfitted = replace(space, tasks={})
    assert len(unfitted.people("u-7", k=3)) == 3
    with pytest.raises(InputError, match=r"shelfspace fit .*run people"):
        unfitted.people("u-7", kind="friends")


def test_a_graph_of_nobody_says_so(crowd_run: Path, tmp_path: Path):
    shutil.copytree(crowd_run, tmp_path / "run")
    rows = {"head": ["u-1", "u-1", "u-1", "y"], "tail": ["u-1", "u-1", "x", "u-2"]}
    space = ss.fit(tmp_path / "run", "people", **crowd.tables() | {"relations": pa.table(rows)})
    with pytest.raises(InputError, match="nobody has friends here"):
        space.people("u-1", kind="friends")
    assert len(space.people("u-1", k=3)) == 3
    fitted = space.tasks["people"]
    assert isinstance(fitted, FittedPeople)
    assert [note.split()[1] for note in fitted.notes] == ["2", "2"]  # loops, and rows of somebody unknown


def test_those_whom_only_friendships_know_are_asked_about_too(space: ss.Space):
    found = {hit.id for hit in space.people("guest", kind="friends", k=300)}
    assert len(found) > 5
    assert not found & {"guest", "u-3", "u-4"}
    with pytest.raises(UnknownIdError):
        space.people("guest")


def test_the_command_answers(crowd_run: Path, tmp_path: Path):
    shown = runner.invoke(app, ["people", str(crowd_run), "u-3", "--kind", "friends", "--k", "2", "--json"])
    assert shown.exit_code == 0, shown.output
    hits = json.loads(shown.output)["hits"]
    assert [hit["rank"] for hit in hits] == [1, 2]
    assert all(math.isfinite(hit["score"]) for hit in hits)
    done = runner.invoke(
        app, ["people", str(crowd_run), "--all", "--k", "2", "--to", str(tmp_path / "alike.csv")]
    )
    assert done.exit_code == 0, done.output
    wrong = runner.invoke(app, ["people", str(crowd_run), "u-x"])
    assert isinstance(wrong.exception, UnknownIdError)


@pytest.mark.parametrize("name", ["people.json", "people.npz", "ids.parquet"])
def test_a_damaged_file_is_named(crowd_run: Path, tmp_path: Path, name: str):
    shutil.copytree(crowd_run, tmp_path / "run")
    (file,) = (tmp_path / "run" / "spaces").glob(f"*/tasks/people/{name}")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(SpaceError, match="people"):
        ss.open(tmp_path / "run")
