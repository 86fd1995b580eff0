"""New categories from a few photos: centroids, plain fine-tuning, a meta-learned start (Reptile), whitened centroids.

    python benchmarks/few_shot.py --data DATA [--tasks 300]

Fashion products, frozen EfficientNet-Lite0, its vectors narrowed to 256 directions of the first part. Article types
with at least 20 photos are dealt at random into those that may be learnt from (three fifths), those that choose
settings and those that are asked (a fifth each): no type is in two parts. A task is five types, one or five photos of
each known, 15 of each asked. Learning rates, steps and sharpness are chosen on the second part with as many trials for
each way; each way then meets the same tasks of the third, and differences are paired by task. Everything goes to
benchmarks/results/few_shot.json.
"""

import argparse
import json
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow.parquet as pq

from shelfspace.encoders.freezing import freeze_photo, kept_bundle
from shelfspace.evaluation.intervals import interval, paired_difference
from shelfspace.learning.few_shot import FewShot
from shelfspace.linear.vectors import unit_rows
from shelfspace.linear.whitening import WithinClass
from shelfspace.pretrained.cache import VectorCache
from shelfspace.pretrained.running import PhotoEncoder

WAYS, ASKED, LEAST, WIDTH, SEED = 5, 15, 20, 256, 0
RATES, STEPS, SHARPNESS = (1e-3, 3e-3, 1e-2), (5, 20), (10.0, 30.0)


@dataclass(frozen=True)
class Task:
    """Photos of a few types: those that are known, those that are asked, and the type of each."""

    known: np.ndarray
    known_label: np.ndarray
    asked: np.ndarray
    asked_label: np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tasks", type=int, default=300)
    options = parser.parse_args()
    vectors, label = photos(options.data / "fashion-products")
    parts = dealt(label)
    vectors = narrowed(vectors, vectors[parts[0]])
    figures: dict[str, Any] = {
        "types": [len(np.unique(label[part])) for part in parts],
        "photos": [len(part) for part in parts],
    }
    for shots in (1, 5):
        figures[f"{shots} of each"] = shown(vectors, label, parts, shots, options.tasks)
        print(shots, json.dumps(figures[f"{shots} of each"]), flush=True)
    result = {
        "command": "python benchmarks/few_shot.py --data DATA",
        "machine": f"{platform.machine()}, {psutil.cpu_count()} cores",
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("numpy", "onnxruntime", "torch")},
        "figures": figures,
    }
    path = Path(__file__).parent / "results" / "few_shot.json"
    path.write_text(json.dumps(result, indent=1) + "\n")


def photos(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the frozen vectors of the photos of types that have enough of them, and the type of each."""
    everything = pq.read_table(folder / "items.parquet")
    table = everything.filter(everything["has_image"])
    _, label, counts = np.unique(table["articleType"].to_pylist(), return_inverse=True, return_counts=True)
    enough = counts[label] >= LEAST
    paths = [folder / "images" / f"{one}.jpg" for one in table["id"].to_pylist()]
    bundle = kept_bundle("photo efficientnet-lite0", freeze_photo)
    encoder = PhotoEncoder(bundle, VectorCache(bundle.digest))
    vectors, failed = encoder.vectors([path for path, good in zip(paths, enough, strict=True) if good])
    assert not failed, failed
    return vectors, label[enough]


def narrowed(vectors: np.ndarray, learnt_from: np.ndarray) -> np.ndarray:
    """Return the vectors along the directions in which some of them are longest, unit length."""
    _, axes = np.linalg.eigh(learnt_from.T @ learnt_from)
    return unit_rows(vectors @ np.ascontiguousarray(axes[:, ::-1][:, :WIDTH]))


def dealt(label: np.ndarray) -> list[np.ndarray]:
    """Return the photos whose types may be learnt from, those that choose and those that are asked."""
    types = np.random.default_rng(SEED).permutation(np.unique(label))
    cut = np.round(np.array([0.6, 0.8]) * len(types)).astype(int)
    return [np.flatnonzero(np.isin(label, some)) for some in np.split(types, cut)]


def tasks_of(label: np.ndarray, part: np.ndarray, shots: int, number: int, seed: int) -> list[Task]:
    rng, found = np.random.default_rng(seed), []
    types = np.unique(label[part])
    for _ in range(number):
        some = rng.choice(types, WAYS, replace=False)
        drawn = [
            rng.choice(part[label[part] == one], min(shots + ASKED, (label[part] == one).sum()), False)
            for one in some
        ]
        known, asked = (
            np.concatenate([rows[way] for rows in drawn]) for way in (slice(shots), slice(shots, None))
        )
        found.append(Task(known, label[known], asked, label[asked]))
    return found


def shown(
    vectors: np.ndarray, label: np.ndarray, parts: Sequence[np.ndarray], shots: int, number: int
) -> dict[str, Any]:
    learnt_from, choosing, asked = parts
    validation, test = (
        tasks_of(label, part, shots, count, seed)
        for part, count, seed in ((choosing, 100, 1), (asked, number, 2))
    )
    grid = list(product(RATES, STEPS, SHARPNESS))
    white = WithinClass(power=1.0).fit(vectors[learnt_from], label[learnt_from]).vectors(vectors)
    ways: dict[str, tuple[np.ndarray, Callable[[float, int, float], FewShot]]] = {
        "centroids": (vectors, lambda rate, steps, sharp: FewShot(inner_steps=0)),
        "whitened centroids": (white, lambda rate, steps, sharp: FewShot(inner_steps=0)),
        "fine-tuned": (
            vectors,
            lambda rate, steps, sharp: FewShot(inner_rate=rate, inner_steps=steps, sharpness=sharp),
        ),
        "Reptile": (
            vectors,
            lambda rate, steps, sharp: FewShot(
                inner_rate=rate, inner_steps=steps, sharpness=sharp, ways=WAYS, shots=max(shots, 5)
            ).meta_learn(vectors[learnt_from], label[learnt_from]),
        ),
    }
    values, found = dict[str, np.ndarray](), dict[str, Any]()
    for name, (given, make) in ways.items():
        begun = time.perf_counter()
        tried = grid if name in ("fine-tuned", "Reptile") else grid[:1]
        made = [make(*settings) for settings in tried]
        on_validation = [float(right(one, given, validation).mean()) for one in made]
        best = int(np.argmax(on_validation))
        values[name] = right(made[best], given, test)
        found[name] = {
            "accuracy": rounded(vars(interval(values[name]))),
            "validation": round(on_validation[best], 4),
            "seconds": round(time.perf_counter() - begun, 1),
        } | (
            {"settings": dict(zip(("rate", "steps", "sharpness"), tried[best], strict=True))}
            if len(tried) > 1
            else {}
        )
    for name in ("fine-tuned", "Reptile"):
        found[name] |= {
            f"minus {other}": rounded(vars(paired_difference(values[name], values[other])))
            for other in values
            if other != name
        }
    return found


def right(few_shot: FewShot, vectors: np.ndarray, tasks: Sequence[Task]) -> np.ndarray:
    """Return the share of each task's photos whose type was told right."""
    found = []
    for task in tasks:
        made = few_shot.adapted(vectors[task.known], task.known_label)
        told = made.classes[made.log_probabilities(vectors[task.asked]).argmax(axis=1)]
        found.append(float(np.mean(told == task.asked_label)))
    return np.array(found)


def rounded(figures: dict[str, float]) -> dict[str, float]:
    return {name: round(float(value), 4) for name, value in figures.items()}


if __name__ == "__main__":
    main()
