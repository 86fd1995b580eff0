"""Listings made up for the tests: what they are stands in their words, their vectors and their photos."""

from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image

from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.ids import Ids

KINDS = {
    "mug": ("home", "mug"),
    "lamp": ("home", "lamp"),
    "boot": ("shoe", "boot"),
    "sandal": ("shoe", "sandal"),
}
COLOURS = {"red": (220, 40, 30), "blue": (30, 60, 220), "green": (30, 170, 60)}


def listings(num: int = 240, *, seed: int = 0, silent: float = 0.0) -> Catalogue:
    """Return listings of four kinds and three colours.

    Args:
        num: how many.
        seed: of the draws.
        silent: the share whose title names neither; it is told by the ready vector `seen` alone.
    """
    rng = np.random.default_rng(seed)
    kinds = [list(KINDS)[n % len(KINDS)] for n in range(num)]
    colours = [list(COLOURS)[n] for n in rng.integers(len(COLOURS), size=num)]
    quiet = rng.random(num) < silent
    titles = [
        None if q else f"{c} {k} no {rng.integers(40)}" for q, c, k in zip(quiet, colours, kinds, strict=True)
    ]
    seen = rng.normal(size=(num, 16)).astype(np.float32)
    seen[np.arange(num), np.arange(num) % len(KINDS)] += 4.0
    table = pa.table(
        {
            "title": pa.array(titles, pa.string()),
            "category": pa.array([list(KINDS[k]) for k in kinds], pa.list_(pa.string())),
            "colour": colours,
        }
    )
    ids = Ids([f"n-{n}" for n in range(num)], "item")
    return Catalogue(ids, table, np.zeros(num), np.arange(num, dtype=np.int32), {"seen": seen})


def paint(path: Path, colour: str, seed: int) -> None:
    """Write a photo of one colour, with some noise."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(-25, 25, (32, 32, 3))
    Image.fromarray(np.clip(np.array(COLOURS[colour]) + noise, 0, 255).astype(np.uint8)).save(path)
