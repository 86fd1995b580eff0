import json

import numpy as np
import pytest

from shelfspace.disk import arrays, content, load, reading, replace
from shelfspace.errors import InputError, SpaceError


def test_arrays_come_back_by_name(tmp_path):
    np.savez(tmp_path / "a.npz", one=np.arange(3), two=np.zeros((2, 2)))
    found = arrays(tmp_path / "a.npz")
    assert set(found) == {"one", "two"}
    np.testing.assert_array_equal(found["one"], [0, 1, 2])


def test_what_pickles_is_not_read(tmp_path):
    np.savez(tmp_path / "a.npz", one=np.array([{"x": 1}], dtype=object))
    with pytest.raises(SpaceError, match=r"a\.npz is damaged"):
        load(tmp_path / "a.npz", arrays)


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 and no more"])
def test_a_damaged_file_is_named(tmp_path, damage):
    (tmp_path / "a.npz").write_bytes(damage)
    with pytest.raises(SpaceError, match=r"a\.npz is damaged"):
        load(tmp_path / "a.npz", arrays)


def test_a_missing_file_is_named(tmp_path):
    with (
        pytest.raises(SpaceError, match=r"b\.bin is missing; the space is not whole"),
        reading(tmp_path / "folder"),
    ):
        content(tmp_path, "b.bin")


def test_what_a_setting_lacks_is_told_with_the_file(tmp_path):
    with pytest.raises(SpaceError, match=r"blend\.json: no such model"), reading(tmp_path / "blend.json"):
        raise InputError("no such model")


def test_what_is_no_fault_of_a_file_passes_through(tmp_path):
    with pytest.raises(ZeroDivisionError), reading(tmp_path / "a"):
        _ = 1 / 0


def test_a_small_file_is_replaced_whole(tmp_path):
    path = tmp_path / "current"
    replace(path, "1")
    replace(path, json.dumps({"ü": 2}))
    assert json.loads(path.read_text("utf-8")) == {"ü": 2}
    assert [p.name for p in tmp_path.iterdir()] == ["current"]
