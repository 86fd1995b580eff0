"""Grocery store: photos learnt from nothing without a label, and a network of ImageNet's trained on with labels.

    python benchmarks/selfsupervised.py --data DATA [--minutes 5] [--rows random simclr … finetuned] [--limit 0]

Without labels: the same small residual network, the same views and the same wall clock for each method, on the 2,640
photos of the train part. What is measured is the network's features, before the projection: a photo of val, and one of
test, goes to the classes of its nearest photos of train (cosine, each class by its nearest photo), top-1 and top-5;
`random` is the network before training. How strong the views are was chosen by SimCLR on val.

`finetuned`: EfficientNet-Lite0, all blocks, layer-wise rates, views of photos, cross-entropy on the train part; how a
photo is answered (the head, the nearest photos, centroids of classes, plain and whitened within classes) and at which
size is chosen on val, and the test part is measured once, so; `frozen` is the same without training. Everything goes to
benchmarks/results/selfsupervised.json; rows that are not asked for stay as they are there.
"""

import argparse
import json
import platform
import time
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from sklearn.covariance import ledoit_wolf
from torch import Tensor, nn
from torch.nn import functional

from shelfspace.encoders.photo import PhotoModule, floats
from shelfspace.evaluation.intervals import intervals
from shelfspace.inputs.fields import Records
from shelfspace.inputs.photos import Photos
from shelfspace.learning.learner import About, Learner
from shelfspace.learning.settings import LearningPlan
from shelfspace.learning.towers import Made, made_of
from shelfspace.model.model import Model
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import History
from shelfspace.shop.ids import Ids
from shelfspace.training.fit import fit
from shelfspace.training.heap import keep_freed_memory
from shelfspace.training.optimisation import Optimisation
from shelfspace.training.pretexts import Drawn
from shelfspace.training.terms import Direct

METHODS: dict[str, dict[str, Any]] = {
    "simclr": {"use": "infonce", "temperature": 0.2, "symmetric": True},
    "moco": {"use": "moco", "temperature": 0.2, "queue_size": 2048},
    "byol": {"use": "byol"},
    "barlow": {"use": "barlow_twins"},
    "vicreg": {"use": "vicreg"},
    "rotation": {"use": "rotation"},
    "jigsaw": {"use": "jigsaw"},
}
RAW = ("barlow", "vicreg")
NETWORK = {"use": "resnet", "size": 64, "width": 16, "hidden": 256}
VIEWS = {"crop": 0.7, "flip": 0.5, "jitter": 0.1}
TASK_VIEWS = {"crop": 0.3, "flip": 0.5, "jitter": 0.4, "grey": 0.3}
"""Of rotation and jigsaw, which need the photo as a whole, and no colour to tell it by."""

TUNED = {"use": "image", "tune": "full", "rate": 0.3, "rate_decay": 0.9}
TUNED_VIEWS = {"crop": 0.6, "flip": 0.5, "jitter": 0.3, "grey": 0.05}
SMOOTHING = 0.1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=5.0, help="of each method without labels")
    parser.add_argument("--tuning-minutes", type=float, default=25.0)
    parser.add_argument("--tuned-rate", type=float, default=TUNED["rate"], help="of the last block")
    parser.add_argument("--tuned-size", type=int, default=160, help="pixels in training")
    parser.add_argument("--rows", nargs="+", default=["random", *METHODS, "frozen", "finetuned"])
    parser.add_argument("--limit", type=int, default=0, help="photos of each part, for a trial; 0: all")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    keep_freed_memory()
    parts = read(options.data / "grocery-store", options.limit)
    path = Path(__file__).parent / "results" / "selfsupervised.json"
    before = json.loads(path.read_text("utf-8"))["figures"] if path.is_file() and not options.limit else {}
    found: dict[str, Any] = {}
    for row in options.rows:
        if row in ("frozen", "finetuned"):
            found[row] = with_labels(parts, options, 60 * options.tuning_minutes * (row == "finetuned"))
        else:
            found[row] = without_labels(row, parts, 60 * options.minutes, options.seed)
        print(row, json.dumps(found[row]), flush=True)
    if options.limit:
        return
    result = {
        "command": f"python benchmarks/selfsupervised.py --data DATA --minutes {options.minutes:g} "
        f"--tuning-minutes {options.tuning_minutes:g}",
        "machine": f"{platform.machine()}, {psutil.cpu_count()} cores, {torch.get_num_threads()} threads",
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("numpy", "torch", "pillow")},
        "photos": {part: len(labels) for part, (_, labels) in parts.items()},
        "figures": before | found,
    }
    path.write_text(json.dumps(result, indent=1) + "\n")


Parts = dict[str, tuple[Records, np.ndarray]]


def read(folder: Path, limit: int) -> Parts:
    """Return the photos of each part, and the number of each one's class."""
    table = pq.read_table(folder / "photos.parquet").to_pandas()
    classes = {name: n for n, name in enumerate(sorted(table["item_id"].unique()))}
    parts = {}
    for part, some in table.groupby("split"):
        some = some.sample(frac=1.0, random_state=0)[: limit or None]
        paths = [str(folder / name) for name in some["image"]]
        records = Records.of_users(pa.table({"image": paths}), np.zeros(len(paths)))
        parts[str(part)] = (records, some["item_id"].map(classes).to_numpy())
    return parts


def without_labels(name: str, parts: Parts, seconds: float, seed: int) -> dict[str, Any]:
    """Train a network by one method, and measure its features on val."""
    records, _ = parts["train"]
    section = METHODS.get(name, METHODS["simclr"])
    task = section["use"] in ("rotation", "jigsaw")
    plan = LearningPlan.of(
        {
            "model": {"embedding_dim": 128, "unit": name not in RAW},
            "encoders": {"photo": NETWORK | (TASK_VIEWS if task else VIEWS)},
            "user": {"use": "mean", "length": 1},
            "objectives": [section if task else section | {"pairs": "two_views"}],
            "negatives": {"use": "in_batch"},
        },
        Optimisation(
            epochs=10_000,
            patience=0,
            batch_size=128,
            learning_rate=0.001,
            weight_decay=0.0001,
            warm_up=20,
            schedule="cosine",
        ),
    )
    assert plan is not None
    begun, curve, steps = time.monotonic(), [], 0
    if name == "random":
        torch.manual_seed(seed)
        made = made_of(plan, {"item": records}, np.ones(len(records), bool))
    else:
        held: list[Made] = []

        def told(_what: str, step: int, _steps: int) -> None:
            nonlocal steps
            steps = step

        _, curve = Learner(plan, About(0), seed).learn(
            *listed(records), start=held.append, budget_seconds=seconds, told=told
        )
        (made,) = held
    encoder = made.model.item.encoder("photo")
    assert isinstance(encoder, PhotoModule)
    known, label = features(encoder, parts["train"][0]), parts["train"][1]
    figures: dict[str, Any] = {
        part: top(nearest(features(encoder, parts[part][0]), known, label), parts[part][1])
        for part in ("val", "test")
    }
    return figures | {
        "seconds": round(time.monotonic() - begun, 1),
        "steps": steps,
        "loss": [round(entry["loss"], 4) for entry in curve[:: max(1, len(curve) // 5)]],
    }


def listed(records: Records) -> tuple[History, Catalogue]:
    """Return photos as items that nobody took."""
    size = len(records)
    ids = Ids([str(n) for n in range(size)], "item")
    none = np.zeros(0, np.int64)
    history = History.of(none, none, np.zeros(0), num_users=0, num_items=size)
    return history, Catalogue(ids, records.table, np.zeros(size), np.arange(size, dtype=np.int32))


@torch.no_grad()
def features(encoder: PhotoModule, records: Records, size: int | None = None) -> np.ndarray:
    """Return the network's features, the mean over a photo and its mirror image, float32 [n, K]."""
    field = Photos(size=size or encoder.size).read(records)
    encoder.eval()
    found = []
    for start in range(0, len(field), field.rows_at_once):
        rows = np.arange(start, min(start + field.rows_at_once, len(field)))
        photos = floats(torch.from_numpy(field.take(rows).inputs()["pixels"]))
        found.append((encoder.features(photos) + encoder.features(photos.flip(3))).numpy() / 2)
    return np.concatenate(found)


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def nearest(asked: np.ndarray, known: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Return the score of each class, the cosine of its nearest photo, [n, C]."""
    cosine = unit(asked) @ unit(known).T
    scores = np.full((len(asked), int(label.max()) + 1), -np.inf, np.float32)
    for number in np.unique(label):
        scores[:, number] = cosine[:, label == number].max(axis=1)
    return scores


def centroids(asked: np.ndarray, known: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Return the score of each class, the cosine of the mean of its photos, [n, C]."""
    scores = np.full((len(asked), int(label.max()) + 1), -np.inf, np.float32)
    for number in np.unique(label):
        mean = unit(known)[label == number].mean(axis=0, keepdims=True)
        scores[:, number] = (unit(asked) @ unit(mean).T)[:, 0]
    return scores


def whitened(asked: np.ndarray, known: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Return the score of each class by its centroid, in a space where photos of one class vary alike, [n, C]."""
    known, present = unit(known), np.unique(label)
    means = np.stack([known[label == number].mean(axis=0) for number in present])
    within, _ = ledoit_wolf(known - means[np.searchsorted(present, label)], assume_centered=True)
    directions = np.linalg.solve(within, means.T)
    scores = np.full((len(asked), int(label.max()) + 1), -np.inf, np.float32)
    scores[:, present] = unit(asked) @ directions - 0.5 * (means.T * directions).sum(axis=0)
    return scores


WAYS = {"nearest": nearest, "centroids": centroids, "whitened": whitened}


def top(scores: np.ndarray, label: np.ndarray) -> dict[str, dict[str, float]]:
    """Return the share of photos whose class is the first, and among the first five, with 95 % intervals.

    A class that has no photo among those learnt from is never found.
    """
    lacking = max(0, int(label.max()) + 1 - scores.shape[1])
    scores = np.pad(scores, ((0, 0), (0, lacking)), constant_values=-np.inf)
    own = np.take_along_axis(scores, label[:, None], axis=1)
    rank = np.where(np.isfinite(own[:, 0]), (scores > own).sum(axis=1), scores.shape[1])
    found = intervals({f"top-{k}": (rank < k).astype(np.float64) for k in (1, 5)})
    return {name: {n: round(v, 4) for n, v in value.to_json().items()} for name, value in found.items()}


class Classes(nn.Module):
    """Cross-entropy of a linear head on the features of a view of each photo, with smoothed labels."""

    def __init__(self, num_features: int, label: np.ndarray) -> None:
        super().__init__()
        self.label = torch.tensor(label)
        self.head = nn.Linear(num_features, int(label.max()) + 1)
        nn.init.zeros_(self.head.weight)

    def forward(self, model: Model, drawn: Drawn) -> Tensor:
        """Return the loss."""
        encoder, photos = drawn.photos(model)
        logits = self.head(encoder.features(photos))
        return functional.cross_entropy(logits.float(), self.label[drawn.rows], label_smoothing=SMOOTHING)


class Shuffled:
    """Photos in rounds: each comes once before any comes again."""

    gradients = Direct()
    weight = 1.0

    def __init__(self, objective: nn.Module, size: int) -> None:
        self.objective, self.size = objective, size
        self.left = np.zeros(0, np.int64)

    def __len__(self) -> int:
        return self.size

    def draw(self, rng: np.random.Generator, size: int) -> Drawn:
        """Draw photos."""
        if len(self.left) < size:
            self.left = np.concatenate([self.left, rng.permutation(self.size)])
        rows, self.left = self.left[:size], self.left[size:]
        return Drawn("photo", torch.from_numpy(rows))


def with_labels(parts: Parts, options: argparse.Namespace, seconds: float) -> dict[str, Any]:
    """Train EfficientNet-Lite0 on, or not at all; choose on val how a photo is answered, and measure that on test."""
    records, label = parts["train"]
    begun = time.monotonic()
    plan = LearningPlan.of(
        {
            "encoders": {
                "photo": TUNED | TUNED_VIEWS | {"size": options.tuned_size, "rate": options.tuned_rate}
            },
            "user": {"use": "mean", "length": 1},
            "objectives": [{"use": "infonce", "pairs": "two_views"}],
        },
        Optimisation(
            epochs=10_000,
            patience=0,
            batch_size=32,
            learning_rate=0.002,
            weight_decay=0.01,
            warm_up=50,
            schedule="cosine",
        ),
    )
    assert plan is not None
    torch.manual_seed(options.seed)
    made = made_of(plan, {"item": records}, np.ones(len(records), bool))
    encoder = made.model.item.encoder("photo")
    assert isinstance(encoder, PhotoModule)
    classes = Classes(encoder.num_features, label)
    curve = []
    if seconds:
        term, optimisation = Shuffled(classes, len(records)), plan.optimisation
        curve = fit(made.model, [term], optimisation, seed=options.seed, budget_seconds=seconds).curve
    trained = time.monotonic() - begun
    head = [weight.detach().numpy() for weight in classes.head.parameters()]
    of_train = cache(lambda size: features(encoder, records, size))

    def answers(part: str, size: int) -> dict[str, np.ndarray]:
        asked, known = features(encoder, parts[part][0], size), of_train(size)
        found = {way: by(asked, known, label) for way, by in WAYS.items()}
        return found | ({"head": asked @ head[0].T + head[1]} if seconds else {})

    tried = {
        f"{way} at {size}": top(scores, parts["val"][1])
        for size in sorted({options.tuned_size, options.tuned_size + 32, 224})
        for way, scores in answers("val", size).items()
    }
    best = max(tried, key=lambda name: tuple(tried[name][k]["value"] for k in ("top-1", "top-5")))
    way, _, size = best.partition(" at ")
    return {
        "val": tried,
        "chosen": best,
        "test": top(answers("test", int(size))[way], parts["test"][1]),
        "epochs": len(curve),
        "training seconds": round(trained, 1),
        "seconds": round(time.monotonic() - begun, 1),
        "loss": [round(entry["loss"], 4) for entry in curve],
    }


if __name__ == "__main__":
    main()
