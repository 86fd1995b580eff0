"""A new version of a space: folded from a store, whole or not at all."""

import fcntl
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

import shelfspace as ss
from shelfspace import holding, updating, versioning
from shelfspace.cli import updating as commands
from shelfspace.encode.learnt import Learnt
from shelfspace.encode.neighbours import LearntKNN
from shelfspace.errors import JobError, SpaceError
from shelfspace.linear.popularity import Popularity
from shelfspace.store.records import Write
from shelfspace.store.store import Store
from tests.a_day import event, fill


@pytest.fixture
def run(small_run: Path, tmp_path: Path) -> Path:
    """A run of the small shop, with a day in its store."""
    run = Path(shutil.copytree(small_run, tmp_path / "run"))
    fill(run)
    return run


@pytest.fixture(scope="module")
def done(small_run: Path, tmp_path_factory: pytest.TempPathFactory) -> updating.Updated:
    """What came of one update; not to be changed."""
    run = Path(shutil.copytree(small_run, tmp_path_factory.mktemp("updated") / "run"))
    fill(run)
    return updating.updated(run)


@pytest.fixture(scope="module")
def before(small_run: Path) -> ss.Space:
    return ss.open(small_run)


def ids(hits: ss.Hits) -> list[str]:
    found: list[str] = hits.table["item_id"].to_pylist()
    return found


def test_what_was_folded_in_is_told(done: updating.Updated):
    assert done.counts == {
        "events": 6,
        "new_users": 1,
        "forgotten_users": 1,
        "new_items": 1,
        "changed_items": 1,
        "deleted_items": 1,
    }
    assert done.left_out == {"of items that are not in the catalogue": 1}
    assert (done.version, done.base, done.seq) == (2, 1, done.space.seq)
    assert json.loads(json.dumps(done.to_json()))["drift"]["recommend_overlap"] > 0.5
    assert any("forgotten" in note for note in done.notes)


def test_vectors_of_what_did_not_change_are_the_same_to_the_bit(done: updating.Updated, before: ss.Space):
    size, changed = len(before.catalogue), before.catalogue.ids.row("sku-005")
    same = np.delete(np.arange(size), changed)
    assert done.space.vectors[same].tobytes() == before.vectors[same].tobytes()
    for name, part in before.blend.retrievers.items():
        if isinstance(part, Learnt):
            after: Any = done.space.blend.retrievers[name]
            assert after.vectors[same].tobytes() == part.vectors[same].tobytes()
    near = float(done.space.vectors[changed] @ before.vectors[changed])
    assert 0.5 < near < 1.0


def test_new_items_are_near_what_they_are_like_and_deleted_ones_are_nowhere(done: updating.Updated):
    titles = done.space.similar("suede", k=5).table["title"].to_pylist()
    assert all("boot" in title for title in titles)
    assert "suede" in ids(done.space.similar(phrase="boot of suede", k=3))
    everybody = done.space.recommend([f"user-{n}" for n in (0, 6, 12)], k=100, seen="include")
    assert "suede" in ids(everybody)
    assert "sku-006" not in ids(everybody)
    assert "sku-006" not in ids(done.space.similar("sku-012", k=100))


def test_shoppers_are_answered_by_what_they_did_since(done: updating.Updated, before: ss.Space):
    assert ids(done.space.recommend("user-0", k=3, seen="only"))
    assert "suede" in ids(done.space.recommend("user-0", k=100, seen="only"))
    found = done.space.recommend("visitor", k=5)
    assert all("boot" in title for title in found.table["title"].to_pylist())
    assert "user-2" in before.users
    assert "user-2" not in done.space.users
    assert done.space.history.now is not None
    assert before.history.now is not None
    assert done.space.history.now > before.history.now


def test_closed_form_models_are_those_of_the_longer_past(done: updating.Updated):
    space = done.space
    for part in space.blend.retrievers.values():
        if isinstance(part, Popularity):
            assert len(part.popularity) == len(space.catalogue)
            assert part.popularity[space.catalogue.ids.row("suede")] > 0
        if isinstance(part, LearntKNN):
            assert part.cosines.shape == (len(space.catalogue),) * 2


def test_weights_and_scales_of_the_blend_stay(done: updating.Updated, before: ss.Space):
    assert done.space.blend.weights == before.blend.weights
    assert done.space.blend.scales == before.blend.scales


def test_without_anything_new_the_version_stays(run: Path):
    first = updating.updated(run)
    again = updating.updated(run)
    assert (again.version, again.base, again.drift) == (first.version, first.version, None)
    assert (run / "current").read_text("utf-8") == "2"


def test_folding_in_parts_answers_as_folding_at_once(small_run: Path, run: Path, tmp_path: Path):
    parts = Path(shutil.copytree(small_run, tmp_path / "parts"))
    store, whole = Store.open(parts), Store.open(run)
    records = [record for record in whole.since(0) if record.action != "forget"]
    for some in (records[:4], records[4:7], records[7:]):
        store.append([Write(r.kind, r.action, r.item_id, r.user_id, r.event_id, r.body) for r in some])
        updating.update(parts, store=store)
    store.forget("user-2")
    found, at_once = updating.update(parts, store=store), updating.update(run, store=whole)
    store.close()
    whole.close()
    assert found.users.array.equals(at_once.users.array)
    assert np.array_equal(found.history.item, at_once.history.item)
    assert np.allclose(found.vectors, at_once.vectors, atol=1e-6)
    users = [f"user-{n}" for n in range(3, 40) if f"user-{n}" in found.users]
    one, other = found.recommend(users, k=10).table, at_once.recommend(users, k=10).table
    assert np.allclose(one["score"].to_numpy(), other["score"].to_numpy(), atol=1e-4)


def test_drift_since_the_training_adds_up_over_updates(run: Path):
    first = updating.updated(run)
    store = Store.open(run)
    store.append([event("sku-012", "user-7", 1.8e9), event("suede", "user-7", 1.8e9)])
    second = updating.updated(run, store=store)
    store.close()
    assert first.drift is not None
    assert second.drift is not None
    assert (first.drift.events, second.drift.events) == (6, 8)
    assert first.drift.unseen == pytest.approx(5 / 6)
    assert second.drift.unseen == pytest.approx(6 / 8)


def test_two_updates_at_once_are_refused(run: Path):
    with (run / versioning.LOCK).open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        for change in (updating.update, versioning.rollback):
            with pytest.raises(JobError, match="another update"):
                change(run)
    assert updating.update(run).seq > 0


@pytest.mark.parametrize("where", ["write", "current"])
def test_one_that_fails_leaves_the_old_space_as_it_was(
    run: Path, monkeypatch: pytest.MonkeyPatch, where: str
):
    first = ss.open(run).recommend("user-0", k=10).table

    def fail(*_: object) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(holding, "write", fail) if where == "write" else patched.setattr(
            holding.disk, "replace", fail
        )
        with pytest.raises(OSError, match="no space left"):
            updating.update(run)
    assert ss.open(run).recommend("user-0", k=10).table.equals(first)
    assert updating.update(run).seq > 0


KILLED = """
import os, signal, sys
from shelfspace import holding, updating
whole = holding.write
def write(space, folder):
    whole(space, folder)
    assert "torch" not in sys.modules
    os.kill(os.getpid(), signal.SIGKILL)
holding.write = write
updating.update(sys.argv[1])
"""


def test_one_that_is_killed_leaves_the_old_space_and_no_lock_and_loads_no_torch(run: Path):
    died = subprocess.run([sys.executable, "-c", KILLED, str(run)], timeout=120, check=False)
    assert died.returncode == -signal.SIGKILL
    assert (run / "current").read_text("utf-8") == "1"
    assert ss.open(run).seq == 0
    assert updating.update(run).seq > 0
    assert sorted(path.name for path in (run / "spaces").iterdir()) == ["1", "2"]


def test_a_folder_without_a_space_is_refused(tmp_path: Path):
    with pytest.raises(SpaceError):
        updating.update(tmp_path)
    with pytest.raises(SpaceError):
        versioning.rollback(tmp_path / "nowhere")
    assert not list(tmp_path.iterdir())


@pytest.fixture
def shell() -> Any:
    app = typer.Typer()
    for command in (commands.update, commands.rollback, commands.versions):
        app.command()(command)

    def ask(*words: object) -> str:
        found = CliRunner().invoke(app, [str(word) for word in words])
        assert found.exit_code == 0, found.output
        return found.stdout

    return ask


def test_the_shell_tells_what_was_done(run: Path, shell: Any):
    said = shell("update", run)
    for part in ("version 2", "new items", "forgotten", "stayed", "advice"):
        assert part in said
    assert "nothing new: version 2 stays" in shell("update", run)
    assert "current" in shell("versions", run)
    assert json.loads(shell("rollback", run, "--json"))["number"] == 1
    assert [v["current"] for v in json.loads(shell("versions", run, "--json"))] == [True, False]
    assert json.loads(shell("update", run, "--json"))["version"] == 3
