"""A space on disk: whole or not at all."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import shelfspace as ss
from shelfspace.errors import SpaceError


@pytest.fixture
def run(small_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_run, tmp_path / "run"))


def test_a_space_saved_and_opened_answers_the_same(run: Path):
    space = ss.open(run)
    before = space.recommend(["user-1", "user-2"], k=20, why=True), space.similar("sku-003", k=20, why=True)
    space.save(run)
    again = ss.open(run)
    assert (run / "current").read_text("utf-8") == "2"
    assert again.recommend(["user-1", "user-2"], k=20, why=True).table.equals(before[0].table)
    assert again.similar("sku-003", k=20, why=True).table.equals(before[1].table)


def test_vectors_are_unit_length_and_mapped_from_disk(run: Path):
    space = ss.open(run)
    assert isinstance(space.vectors, np.memmap)
    lengths = np.linalg.norm(space.vectors, axis=1)
    assert np.allclose(lengths[lengths > 0], 1, atol=1e-5)
    assert sum(space.blocks.values()) == space.vectors.shape[1]


def test_there_is_no_pickle_in_a_run(run: Path):
    for path in run.rglob("*"):
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                for name in arrays.files:
                    assert arrays[name].dtype != object
        assert path.suffix not in (".pkl", ".pickle", ".joblib")


@pytest.mark.parametrize(
    "name",
    ["space.json", "items.parquet", "ids.parquet", "vectors.npy", "blend.json", "linear.npz", "history.npz"],
)
@pytest.mark.parametrize("harm", ["missing", "cut short", "overwritten"])
def test_a_damaged_file_is_named(run: Path, name: str, harm: str):
    file = run / "spaces" / "1" / name
    if harm == "missing":
        file.unlink()
    elif harm == "cut short":
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    else:
        file.write_bytes(b"\x00garbage" * 50)
    with pytest.raises(SpaceError, match=name):
        ss.open(run)


def test_another_format_is_said(run: Path):
    file = run / "spaces" / "1" / "space.json"
    file.write_text(json.dumps(json.loads(file.read_text("utf-8")) | {"format_version": 99}), "utf-8")
    with pytest.raises(SpaceError, match=r"of format 99; this version of shelfspace reads formats 1 and 2"):
        ss.open(run)


def test_a_folder_without_a_space(tmp_path: Path):
    with pytest.raises(SpaceError, match="no run folder"):
        ss.open(tmp_path / "nowhere")
    with pytest.raises(SpaceError, match="no finished space"):
        ss.open(tmp_path)


def test_a_full_disk_leaves_the_old_space(run: Path, monkeypatch: pytest.MonkeyPatch):
    space = ss.open(run)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space left"):
        space.save(run)
    assert (run / "current").read_text("utf-8") == "1"
    assert ss.open(run).similar("sku-001", k=1)
