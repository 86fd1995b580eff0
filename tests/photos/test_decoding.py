"""Photos as shops have them, and files that only say they are photos."""

import contextlib
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from shelfspace.photos.decoding import Limits, PhotoError, decoded

RED, WHITE = [255, 0, 0], [255, 255, 255]


def file_of(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that says how large it is, and holds next to nothing."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_every_format_gives_the_same_colours(kind: str):
    square = decoded(file_of(Image.new("RGB", (60, 60), (250, 10, 10)), kind), 16)
    assert square.shape == (16, 16, 3)
    assert np.abs(square.astype(int) - [250, 10, 10]).max() <= 6


def test_all_of_it_is_seen_on_white():
    wide = decoded(file_of(Image.new("RGB", (400, 100), "red")), 8)
    assert wide[0, 0].tolist() == wide[7, 7].tolist() == WHITE
    assert wide[4, 0].tolist() == wide[4, 7].tolist() == RED
    small = decoded(file_of(Image.new("RGB", (2, 4), "red")), 8)
    assert small[0, 4].tolist() == small[7, 4].tolist() == RED
    assert small[4, 0].tolist() == WHITE


def test_it_is_turned_as_the_camera_said():
    image = Image.new("RGB", (40, 20), "red")
    exif = Image.Exif()
    exif[0x0112] = 6  # lying on its side
    assert decoded(file_of(image, "JPEG", exif=exif), 8)[4, 0].tolist() == WHITE
    assert decoded(file_of(image, "JPEG"), 8)[4, 0].tolist() != WHITE


def test_what_is_transparent_is_white():
    clear = Image.new("RGBA", (10, 10), (255, 0, 0, 0))
    assert decoded(file_of(clear), 4)[0, 0].tolist() == WHITE
    palette = Image.new("P", (10, 10), 0)
    palette.putpalette(RED * 256)
    assert decoded(file_of(palette, transparency=0), 4)[0, 0].tolist() == WHITE
    grey = Image.new("LA", (10, 10), (0, 0))
    assert decoded(file_of(grey), 4)[0, 0].tolist() == WHITE


def test_cmyk_and_sixteen_bits_are_read():
    cyan = decoded(file_of(Image.new("CMYK", (10, 10), (255, 0, 0, 0)), "JPEG"), 4)[0, 0]
    assert cyan[0] < 40
    assert cyan[1] > 150
    deep = Image.fromarray(np.full((10, 10), 65535 // 2, np.uint16))
    assert abs(int(decoded(file_of(deep), 4)[0, 0, 0]) - 127) <= 1


def test_the_first_frame_of_an_animation_counts():
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "green")]
    moving = file_of(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decoded(moving, 4)[0, 0].tolist() == RED


def test_a_photo_of_100_megapixels_is_refused_before_it_is_decoded():
    with pytest.raises(PhotoError, match=r"10,000 x 10,000: more than 50,000,000 pixels"):
        decoded(png_header(10_000, 10_000), 16)
    with pytest.raises(PhotoError, match="pixels"):
        decoded(png_header(1_000_000, 1_000_000), 16)


def test_a_file_that_is_too_long_is_not_read_whole(tmp_path: Path):
    path = tmp_path / "long.jpg"
    with path.open("wb") as file:
        file.truncate(10_000_000_000)
    with pytest.raises(PhotoError, match="more than 1,000 bytes"):
        decoded(path, 16, limits=Limits(max_bytes=1000))


def test_what_is_no_photo_says_so(tmp_path: Path):
    text = tmp_path / "text.jpg"
    text.write_text("this is not a photo", "utf-8")
    with pytest.raises(PhotoError, match="not a photo of a known format"):
        decoded(text, 16)
    with pytest.raises(PhotoError, match="cannot be read: No such file"):
        decoded(tmp_path / "none.jpg", 16)
    with pytest.raises(PhotoError, match="cannot be read"):
        decoded(tmp_path, 16)
    with pytest.raises(PhotoError, match="not a photo"):
        decoded(b"", 16)
    postscript = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n"
    with pytest.raises(PhotoError, match="not a photo"):
        decoded(postscript, 16)


def test_a_photo_that_is_cut_short_is_broken():
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    for kind in ("PNG", "JPEG", "WEBP"):
        whole = file_of(Image.fromarray(noise), kind)
        with pytest.raises(PhotoError):
            decoded(whole[: len(whole) // 2], 16)


@settings(max_examples=200)
@given(st.sampled_from(["PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP"]), st.data())
def test_bytes_that_were_changed_give_a_photo_or_a_reason(kind: str, data):
    rng = np.random.default_rng(1)
    whole = bytearray(file_of(Image.fromarray(rng.integers(0, 256, (16, 16, 3), np.uint8)), kind))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(PhotoError):  # anything else is a fault
        assert decoded(bytes(whole), 8).shape == (8, 8, 3)
