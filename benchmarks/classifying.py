"""Labels foretold: two real catalogues, by what a listing has: its title, its photo, or both.

    python benchmarks/classifying.py --data DATA [--limit N]

Fashion products: master category, sub category and article type as a path, and the base colour. The test listings are
those whose id hashes to 0 of 5 (blake2b); all else, weights and thresholds included, is learnt from the others, with
the settings as they come. Macro-F1 is over the classes that test listings have; listings of a class that the others do
not teach count as wrong. Photos are of some listings only, so `title` is also measured on just those.

Grocery store: the product on a natural photo of a shelf, by whitened cosine to class means of features of a frozen
EfficientNet-Lite0. Shrinkage and power are chosen on the photos of `val`, learnt from those of `train`; then measured
once on `test`, learnt from `train`, and from both. `plain` is the cosine to class means of the features as they are.

With --limit only so many listings and photos are looked at, to try the script, and nothing is written.
"""

import argparse
import hashlib
import json
import platform
import time
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from shelfspace.classifying.classifier import Classifier, Classify
from shelfspace.classifying.labels import Classes, paths_of
from shelfspace.classifying.learning import learnt_from
from shelfspace.classifying.views import View
from shelfspace.encoders.pretrained import Image
from shelfspace.evaluation.classified import figures, macro_f1
from shelfspace.inputs.fields import Records
from shelfspace.inputs.pretrained import PhotoVectors
from shelfspace.linear.whitening import WithinClass
from shelfspace.pretrained.cache import VectorCache
from shelfspace.pretrained.running import PhotoEncoder
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.reading import read_shop

PATH = ("masterCategory", "subCategory", "articleType")
COLUMNS = ["category", "baseColour"]
SHRINKAGES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
POWERS = (1.0, 0.7, 0.5, 0.3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    reader = Image().reader()
    result = {
        "command": "python benchmarks/classifying.py --data DATA",
        "machine": f"{platform.machine()}, {psutil.cpu_count()} cores",
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("numpy", "scipy", "scikit-learn", "onnxruntime")},
        "figures": {
            "grocery-store": grocery(options.data / "grocery-store", reader, options.limit),
            "fashion-products": fashion(
                options.data / "fashion-products", reader, options.limit, options.seed
            ),
        },
    }
    text = json.dumps(result, indent=1)
    if options.limit is None:
        (Path(__file__).parent / "results" / "classifying.json").write_text(text + "\n")
    print(text)


def fashion(folder: Path, reader: PhotoVectors, limit: int | None, seed: int) -> dict[str, Any]:
    table = pq.read_table(folder / "items.parquet")
    if limit is not None:
        table = table.take(pa.array(np.random.default_rng(0).permutation(len(table))[:limit]))
    ids = [str(n) for n in table["id"].to_pylist()]
    hashed = [int.from_bytes(hashlib.blake2b(i.encode(), digest_size=8).digest()) % 5 for i in ids]
    is_test = np.array(hashed) == 0
    known, held_out = (catalogue_of(table.filter(pa.array(part)), folder) for part in (~is_test, is_test))
    warm = reader.read(records_of(known)), reader.read(records_of(held_out))  # so that no photo is timed
    begun = time.process_time()
    learnt = learnt_from(Classify(columns=COLUMNS), known, {"photo": reader}, seed=seed)
    seconds = time.process_time() - begun
    views = learnt.classifier.eyes.views(held_out)
    seen = set(known.column("title").to_pylist())
    shared = np.mean([title in seen for title in held_out.column("title").to_pylist()])
    found: dict[str, Any] = {
        "listings": {"learnt from": len(known), "test": len(held_out), "seed": seed},
        "photos": {
            part: int(some.present.sum()) for part, some in zip(("learnt from", "test"), warm, strict=True)
        },
        "test titles that stand among the others as well": round(float(shared), 4),
        "seconds of one core to learn": round(seconds, 1),
        "notes": learnt.notes,
    }
    for column in COLUMNS:
        found[column] = {
            "suspicious": len(learnt.suspects[column]),
            **measured(learnt.classifier, column, views, held_out),
        }
    return found


def measured(
    classifier: Classifier, column: str, views: dict[str, View], catalogue: Catalogue
) -> dict[str, Any]:
    """Return figures of title, photo and both, on listings that have what is named."""
    told = paths_of(catalogue, column)
    title, photo = views["words"].present, views["photo"].present
    labelled = np.array([path is not None for path in told])
    cases = {
        "title": (["words"], title),
        "photo": (["photo"], photo),
        "title, of those with a photo": (["words"], title & photo),
        "photo, of those with a title": (["photo"], title & photo),
        "title and photo": (["words", "photo"], title & photo),
        "what there is": (["words", "photo"], title | photo),
    }
    found = {}
    for name, (used, there) in cases.items():
        rows = np.flatnonzero(there & labelled)
        some = {n: View(views[n].rows[rows], views[n].present[rows]) for n in used}
        scored = classifier.heads[column].scored(some)
        chance, threshold = classifier.heads[column].fusions.chance(scored)
        found[name] = {"cases": len(rows)} | rounded(
            by_hand(classifier, column, chance, threshold, [told[n] for n in rows.tolist()])
        )
    return found


def by_hand(
    classifier: Classifier,
    column: str,
    chance: np.ndarray,
    threshold: np.ndarray,
    true: list[tuple[str, ...]],
) -> dict[str, Any]:
    """Return figures over the classes learnt and those that only test listings have, whose chance is 0."""
    known = classifier.heads[column].classes.paths
    classes = Classes(tuple(sorted({*known, *true})))
    place = {path: n for n, path in enumerate(classes.paths)}
    every = np.zeros((len(true), len(classes)))
    every[:, [place[path] for path in known]] = chance
    code = np.array([place[path] for path in true])
    found: dict[str, Any] = {
        "of a class not taught": sum(path not in set(known) for path in true),
        **figures(classes, every, threshold, code),
    }
    sure, under = classes.sure(every), classes.under.toarray() > 0
    for depth in range(1, int(classes.depth.max()) + 1 if column == "category" else 1):
        best = np.where(classes.depth == depth, sure, -1.0).argmax(axis=1)
        right = under[code, best]
        found[f"accuracy of the first {depth}"] = {"value": float(right.mean())}
        true_prefix = np.array([classes.prefixes.index(path[:depth]) for path in true])
        found[f"macro_f1 of the first {depth}"] = {"value": macro_f1(true_prefix, best)}
    return found


def grocery(folder: Path, reader: PhotoVectors, limit: int | None) -> dict[str, Any]:
    photos, items = pq.read_table(folder / "photos.parquet"), pq.read_table(folder / "items.parquet")
    if limit is not None:
        photos = photos.take(pa.array(np.random.default_rng(0).permutation(len(photos))[:limit]))
    paths = [folder / image for image in photos["image"].to_pylist()]
    rows, failed = PhotoEncoder(reader.encoder, VectorCache(reader.encoder.digest)).vectors(paths)
    names = sorted(items["item_id"].to_pylist())
    label = np.array([names.index(text) for text in photos["item_id"].to_pylist()])
    coarse_of = dict(zip(items["item_id"].to_pylist(), items["category"].to_pylist(), strict=True))
    coarse = np.unique([str(coarse_of[name]) for name in names], return_inverse=True)[1]
    split = np.array(photos["split"].to_pylist())
    train, val, test = (split == name for name in ("train", "val", "test"))

    def score(settings: dict[str, float], taught: np.ndarray, asked: np.ndarray) -> np.ndarray:
        model = WithinClass(**settings).fit(rows[taught], label[taught], len(names))
        return model.score(rows[asked])

    grid = [dict(zip(("shrinkage", "power"), pair, strict=True)) for pair in product(SHRINKAGES, POWERS)]
    tried = [(float((score(s, train, val).argmax(axis=1) == label[val]).mean()), s) for s in grid]
    best_value, best = max(tried, key=lambda pair: pair[0])
    found: dict[str, Any] = {
        "photos": {name: int((split == name).sum()) for name in ("train", "val", "test")},
        "unreadable": len(failed),
        "chosen on val": best | {"top-1": round(best_value, 4)},
        "val top-1 of all tried": [s | {"top-1": round(value, 4)} for value, s in tried],
    }
    for name, taught in (("learnt from train", train), ("learnt from train and val", train | val)):
        found[name] = ranked(score(best, taught, test), label[test], coarse)
    means = np.stack([rows[(train | val) & (label == c)].sum(axis=0) for c in range(len(names))])
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
    found["plain, learnt from train and val"] = ranked(rows[test] @ means.T, label[test], coarse)
    return found


def ranked(score: np.ndarray, label: np.ndarray, coarse: np.ndarray) -> dict[str, float]:
    """Return the share whose class is first, is among five, and whose coarse class is that of the first."""
    order = np.argsort(-score, axis=1, kind="stable")
    hits = {
        "top-1": order[:, 0] == label,
        "top-5": (order[:, :5] == label[:, None]).any(axis=1),
        "coarse": coarse[order[:, 0]] == coarse[label],
    }
    return {name: round(float(hit.mean()), 4) for name, hit in hits.items()}


def catalogue_of(table: pa.Table, folder: Path) -> Catalogue:
    images = [
        str(folder / "images" / f"{n}.jpg") if there else None
        for n, there in zip(table["id"].to_pylist(), table["has_image"].to_pylist(), strict=True)
    ]
    paths = zip(*(table[name].to_pylist() for name in PATH), strict=True)
    items = pa.table(
        {
            "item_id": [str(n) for n in table["id"].to_pylist()],
            "title": table["productDisplayName"].cast(pa.string()),
            "image": pa.array(images, pa.string()),
            "category": pa.array([[step for step in path if step] for path in paths], pa.list_(pa.string())),
            "baseColour": table["baseColour"].cast(pa.string()),
        }
    )
    return read_shop({"items": {}}, frames={"items": items}).catalogue


def records_of(catalogue: Catalogue) -> Records:
    return Records.of_catalogue(catalogue, np.zeros(len(catalogue), np.int64))


def rounded(found: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {k: v if v is None else round(v, 4) for k, v in value.items()}
        if isinstance(value, dict)
        else value
        for name, value in found.items()
    }


if __name__ == "__main__":
    main()
