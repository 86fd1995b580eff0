"""Decoded photos on disk."""

import doctest
import io
import threading

import numpy as np
import pytest
from PIL import Image

from shelfspace.photos import keeping
from shelfspace.photos.decoding import Limits, decoded
from shelfspace.photos.keeping import KeptPhotos


def photo(seed, shape=(30, 20, 3)):
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, np.uint8)).save(file, "PNG")
    return file.getvalue()


def test_examples_run():
    assert doctest.testmod(keeping).failed == 0


def test_squares_are_what_decoding_gives_and_a_second_run_decodes_nothing(tmp_path, monkeypatch):
    photos = [photo(0), photo(1), b"no photo", photo(0)]
    place, failed = KeptPhotos(16, tmp_path).places(photos)
    assert place.tolist() == [0, 1, -1, 0]
    assert failed == {2: "not a photo of a known format"}
    monkeypatch.setattr(keeping, "decoded", None)
    kept = KeptPhotos(16, tmp_path)
    again, _ = kept.places([photo(1), photo(0)])
    assert again.tolist() == [1, 0]
    for n in range(2):
        np.testing.assert_array_equal(kept.pixels()[n], decoded(photo(n), 16))
    assert isinstance(kept.pixels(), np.memmap)


def test_a_file_of_another_name_is_the_same_photo_and_another_size_another_square(tmp_path):
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(photo(3))
    place, _ = KeptPhotos(16, tmp_path).places([tmp_path / "a.png", tmp_path / "b.png"])
    assert place.tolist() == [0, 0]
    assert len(KeptPhotos(16, tmp_path).pixels()) == 1
    assert KeptPhotos(24, tmp_path).pixels().shape == (0, 24, 24, 3)


def test_what_is_too_large_or_not_there_is_told(tmp_path):
    kept = KeptPhotos(16, tmp_path, Limits(max_bytes=10))
    place, failed = kept.places([photo(0), tmp_path / "none.png"])
    assert place.tolist() == [-1, -1]
    assert failed[0] == "more than 10 bytes"
    assert "No such file" in failed[1]


def test_what_a_killed_process_left_behind_is_written_over(tmp_path):
    kept = KeptPhotos(16, tmp_path)
    kept.places([photo(0)])
    with kept.file.open("ab") as file:
        file.write(b"\7" * 500)  # written, and never told to the index
    place, _ = kept.places([photo(1)])
    np.testing.assert_array_equal(kept.pixels()[place[0]], decoded(photo(1), 16))


def test_several_may_write_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(keeping, "WRITTEN_AT_ONCE", 2)
    photos = [photo(n) for n in range(12)]
    found = {}

    def work(name):
        order = np.random.default_rng(name).permutation(12)
        place, _ = KeptPhotos(16, tmp_path).places([photos[n] for n in order])
        found[name] = dict(zip(order.tolist(), place.tolist(), strict=True))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] == found[1] == found[2]
    pixels = KeptPhotos(16, tmp_path).pixels()
    assert len(pixels) == 12
    for n, place in found[0].items():
        np.testing.assert_array_equal(pixels[place], decoded(photos[n], 16))


@pytest.mark.parametrize("size", [16, 17])
def test_nothing_asked_gives_nothing(tmp_path, size):
    place, failed = KeptPhotos(size, tmp_path).places([])
    assert (place.tolist(), failed) == ([], {})
