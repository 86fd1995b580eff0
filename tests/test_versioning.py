"""The versions of a space: back to an earlier one, and which of them stay."""

import shutil
from pathlib import Path

import pytest

import shelfspace as ss
from shelfspace import updating, versioning
from shelfspace.errors import InputError, SpaceError
from shelfspace.store.store import Store
from tests.a_day import event, fill


@pytest.fixture
def run(small_run: Path, tmp_path: Path) -> Path:
    """A run of the small shop, with a day in its store."""
    run = Path(shutil.copytree(small_run, tmp_path / "run"))
    fill(run)
    return run


def test_an_earlier_version_comes_back_and_nothing_is_lost(run: Path):
    first = ss.open(run).recommend("user-0", k=10, why=True).table
    updating.update(run)
    back = versioning.rollback(run)
    assert back.seq == 0
    assert back.recommend("user-0", k=10, why=True).table.equals(first)
    again = updating.updated(run)
    assert (again.version, again.base, again.counts["events"]) == (3, 1, 6)
    assert versioning.rollback(run, to=2).seq == again.seq
    listed = versioning.versions(run)
    assert [(v.number, v.current) for v in listed] == [(1, False), (2, True), (3, False)]
    assert listed[0].update is None
    assert listed[2].update is not None
    assert listed[2].num_items == len(again.space.catalogue)
    assert listed[2].num_events == again.space.history.num_events


def test_a_version_that_is_not_there_or_not_whole_is_refused(run: Path):
    with pytest.raises(SpaceError, match="no version before 1"):
        versioning.rollback(run)
    updating.update(run)
    with pytest.raises(SpaceError, match=r"no version 7; it holds \[1, 2\]"):
        versioning.rollback(run, to=7)
    (run / "spaces" / "1" / "history.npz").write_bytes(b"PK garbage")
    with pytest.raises(SpaceError, match=r"history\.npz"):
        versioning.rollback(run)
    assert (run / "current").read_text("utf-8") == "2"


def test_old_versions_go_but_never_the_current_or_the_one_before(run: Path):
    store, start = Store.open(run), 1.8e9
    for n in range(4):
        store.append([event("sku-012", f"late-{n}", start + n)])
        updating.update(run, store=store, keep=2)
    store.close()
    assert sorted(path.name for path in (run / "spaces").iterdir()) == ["4", "5"]
    assert [v.number for v in versioning.versions(run)] == [4, 5]
    versioning.rollback(run)
    updating.update(run, keep=1)
    assert sorted(path.name for path in (run / "spaces").iterdir()) == ["4", "6"]
    with pytest.raises(InputError, match="keep = 0"):
        updating.update(run, keep=0)
