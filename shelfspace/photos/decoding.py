"""From a file that says it is a photo to pixels, in bounded memory. S side of the square."""

import hashlib
import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

Pixels = npt.NDArray[np.uint8]

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
"""Formats that are read: what cameras and browsers write. Others, which may run code of their own, are not tried."""


class PhotoError(Exception):
    """A photo that cannot be used; the text says why. The product lives on its other fields."""


@dataclass(frozen=True)
class Limits:
    """What a photo may cost: bytes of its file, and pixels, which are told by its header before any is decoded."""

    max_bytes: int = 32_000_000
    max_pixels: int = 50_000_000


def decoded(photo: Path | bytes, size: int, *, limits: Limits | None = None) -> Pixels:
    """Return a photo as a square, uint8 [S, S, 3], RGB.

    It is turned as its camera said, the first frame of an animation counts, what is transparent is white, and all of
    it stays to be seen: what is not square is padded with white.

    Args:
        photo: a file, or what is in one.
        size: S.
        limits: what it may cost.

    Raises:
        PhotoError: it is too large, of another format, cut short or broken; the text says which.

    Cost: 4 bytes for each pixel of the photo, a JPEG less: it is decoded no larger than twice the square asks for.

    Example:
        >>> file = io.BytesIO()
        >>> Image.new("RGB", (40, 20), "red").save(file, "PNG")
        >>> square = decoded(file.getvalue(), 4)
        >>> square.shape, square[0, 0].tolist(), square[2, 2].tolist()
        ((4, 4, 3), [255, 255, 255], [255, 0, 0])
    """
    limits = limits or Limits()
    data = _read(photo, limits)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # what Pillow only warns of
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is told
            return _square(data, size, limits)
    except UnidentifiedImageError:
        raise PhotoError("not a photo of a known format") from None
    except Image.DecompressionBombError:
        raise PhotoError(f"more than {limits.max_pixels:,} pixels") from None
    except MemoryError:
        raise PhotoError("too large for the memory") from None
    except (OSError, SyntaxError, ValueError, EOFError, Warning, ArithmeticError, IndexError) as problem:
        raise PhotoError(f"broken: {problem}") from None


def digest_of(photo: Path | bytes, limits: Limits) -> bytes:
    """Return the digest of what is in a file, read a piece at a time: a photo is known by it under any name.

    Raises:
        PhotoError: it cannot be read, or is too large.
    """
    if isinstance(photo, bytes):
        return hashlib.sha256(photo).digest()
    try:
        if photo.stat().st_size > limits.max_bytes:
            raise PhotoError(f"more than {limits.max_bytes:,} bytes")
        with photo.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except (OSError, ValueError) as problem:
        why = problem.strerror if isinstance(problem, OSError) else None
        raise PhotoError(f"cannot be read: {why or problem}") from None


def _read(photo: Path | bytes, limits: Limits) -> bytes:
    if isinstance(photo, bytes):
        data = photo
    else:
        try:
            with photo.open("rb") as file:
                data = file.read(limits.max_bytes + 1)
        except (OSError, ValueError) as problem:
            why = problem.strerror if isinstance(problem, OSError) else None
            raise PhotoError(f"cannot be read: {why or problem}") from None
    if len(data) > limits.max_bytes:
        raise PhotoError(f"more than {limits.max_bytes:,} bytes")
    return data


def _square(data: bytes, size: int, limits: Limits) -> Pixels:
    with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
        width, height = opened.size
        if width * height > limits.max_pixels:
            raise PhotoError(f"{width:,} x {height:,}: more than {limits.max_pixels:,} pixels")
        opened.draft("RGB", (2 * size, 2 * size))
        opened.seek(0)
        image = _plain(ImageOps.exif_transpose(opened))
    image.thumbnail((size, size), Image.Resampling.BICUBIC, reducing_gap=2.0)
    if max(image.size) < size:
        scale = size / max(image.size)
        width, height = (max(1, round(side * scale)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.BICUBIC)
    square = Image.new("RGB", (size, size), "white")
    square.paste(image, ((size - image.width) // 2, (size - image.height) // 2))
    return np.asarray(square, np.uint8)


def _plain(image: Image.Image) -> Image.Image:
    """Return RGB: 16 bits scaled down, what is transparent on white."""
    if image.mode.startswith("I"):
        values = np.asarray(image, np.float64)
        top = 65535.0 if values.max(initial=0) > 255 else 255.0
        return Image.fromarray((np.clip(values / top, 0, 1) * 255).astype(np.uint8)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        seen = image.convert("RGBA")
        white = Image.new("RGBA", seen.size, "white")
        return Image.alpha_composite(white, seen).convert("RGB")
    return image.convert("RGB")
