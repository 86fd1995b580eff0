"""A shop of listings with photos: things in eight colours, which the photo shows and the title says."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

COLOURS = {
    "red": (220, 30, 30),
    "green": (30, 160, 60),
    "blue": (30, 60, 220),
    "yellow": (240, 220, 40),
    "black": (20, 20, 20),
    "white": (245, 245, 245),
    "pink": (250, 140, 180),
    "brown": (120, 70, 30),
}
THINGS = ["mug", "scarf", "lamp", "boot", "rake"]
QUICK = [
    "recipe.use=catalogue",
    "encoders.meaning=false",
    "encoders.photo.dropout=0.0",
    "model.embedding_dim=32",
    "training.epochs=8",
    "training.min_epoch_steps=5",
    "training.learning_rate=0.01",
    "training.patience=0",
]
"""Settings under which it is learnt in seconds."""


def photo(folder: Path, name: str, colour: str, thing: str, seed: int) -> str:
    """Write a photo of noise around a colour, its upper part as high as the thing's number; return its path."""
    rng = np.random.default_rng(seed)
    pixels = np.full((48, 48, 3), COLOURS[colour], np.float64)
    pixels[: 6 + 7 * THINGS.index(thing), ::4] = 128
    noisy = np.clip(pixels + rng.normal(0, 12, pixels.shape), 0, 255).astype(np.uint8)
    path = folder / name
    Image.fromarray(noisy).save(path)
    return str(path)


def shop(folder: Path) -> dict[str, Any]:
    """The tables of the shop: 40 items, one without a photo; three further photos of each, one of them for the test."""
    pairs = list(itertools.product(COLOURS, THINGS))
    items = pd.DataFrame(
        {
            "item_id": [f"{colour}-{thing}" for colour, thing in pairs],
            "title": [f"{colour} {thing} of our own make" for colour, thing in pairs],
            "category": [thing for _, thing in pairs],
            "image": [photo(folder, f"{n}.png", *pair, n) for n, pair in enumerate(pairs)],
        }
    )
    items.loc[7, "image"] = None
    rows = [(pair, n) for pair in pairs for n in range(3)]
    photos = pd.DataFrame(
        {
            "item_id": [f"{colour}-{thing}" for (colour, thing), _ in rows],
            "image": [
                photo(folder, f"further-{at}.png", *pair, 1000 + at) for at, (pair, _) in enumerate(rows)
            ],
            "split": ["test" if n == 2 else "train" for _, n in rows],
        }
    )
    return {"items": items, "photos": photos}
