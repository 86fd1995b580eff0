"""Catalogues of words and photos: Fashion products and the Grocery store, learnt from listings alone.

    python benchmarks/catalogue.py --data DATA [--cache FOLDER] [--limit ITEMS]

Fashion: the products with photos, split by a hash of their ids: 1,500 are asked for, the rest is the shop. Article type
of the nearest product of the shop (1-NN), asked by photo, by the title without words of colours and types, and by both;
`frozen` is the nearest photo by EfficientNet-Lite0 as it comes. Words to photo: whether the photo of a title is among
the ten nearest of 600 products that were not learnt from; `ridge` maps frozen MiniLM vectors to frozen photo vectors.
Differences have 95 % intervals, paired over products. Grocery: natural photos of the test part to their product among
81, and a description to the photos of its product. Settings are chosen on a part of the shop (grocery: its photos of
the split `val`), one change after another; the test part is looked at once. All goes to
benchmarks/results/catalogue.json.
"""

import argparse
import hashlib
import json
import os
import platform
import re
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import shelfspace as ss
from shelfspace.config import build
from shelfspace.encoders.names import ENCODERS
from shelfspace.inputs.fields import Records

ASKED, VALIDATION, AMONG, DRAWS = 1_500, 1_000, 600, 2_000

TRIED = {
    "a head for the category": ["heads.category.weight=0.5"],
    "category objective .5": ["objectives.3.weight=0.5"],
    "fields joined by gates": ["fusion.use=gated"],
    "tokens hidden .5": ["encoders.title.token_dropout=0.5"],
    "photo with hidden units": ["encoders.photo.hidden=512"],
    "fields hidden .4": [f"encoders.{name}.dropout=0.4" for name in ("title", "meaning", "photo")],
    "temperature .03": [f"objectives.{n}.temperature=0.03" for n in range(3)],
    "slower": ["training.learning_rate=0.0007"],
}
"""Changes tried on validation, one after another; each is kept where it is better."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path, help="where vectors of photos and texts are kept")
    parser.add_argument("--limit", type=int, help="so many products and photos alone, to try the script")
    parser.add_argument("--set", dest="sets", action="append", default=[], help="a setting of every run")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "catalogue.json")
    options = parser.parse_args()
    if options.cache is not None:
        os.environ["SHELFSPACE_CACHE"] = str(options.cache)
    begun = time.perf_counter()
    result = {
        "command": "python benchmarks/catalogue.py --data DATA",
        "machine": f"{platform.machine()}, {psutil.cpu_count()} cores",
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("numpy", "torch", "onnxruntime", "transformers")},
        "figures": {
            "fashion": fashion(options.data / "fashion-products", options.limit, options.sets),
            "grocery": grocery(options.data / "grocery-store", options.limit, options.sets),
        },
    }
    result["seconds"] = round(time.perf_counter() - begun)
    options.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result["figures"], indent=1))


def fashion(folder: Path, limit: int | None, sets: list[str]) -> dict[str, Any]:
    whole = pq.read_table(folder / "items.parquet").filter(pc.field("has_image"))
    ids = whole["id"].cast(pa.string()).to_pylist()
    order = np.argsort([hashlib.sha256(f"shelfspace {i}".encode()).hexdigest() for i in ids])[:limit]
    whole, ids = whole.take(order), [ids[n] for n in order]
    items = pa.table(
        {
            "item_id": ids,
            "title": whole["productDisplayName"].cast(pa.string()),
            "category": pa.array(
                list(
                    zip(
                        *(whole[n].to_pylist() for n in ("masterCategory", "subCategory", "articleType")),
                        strict=True,
                    )
                ),
                pa.list_(pa.string()),
            ),
            "image": [str(folder / "images" / f"{i}.jpg") for i in ids],
        }
    )
    part = 1.0 if limit is None else limit / 9_583
    asked, validation, among = (int(part * n) for n in (ASKED, VALIDATION, AMONG))
    test, shop = items.slice(0, asked), items.slice(asked)
    masked = _masks(whole)

    def tried(changes: list[str]) -> tuple[float, dict[str, Any]]:
        space, _ = trained(shop.slice(validation), None, [*sets, *changes])
        answers = of_fashion(space, shop.slice(0, validation), masked, among)
        figures = {name: float(np.mean(hit)) for name, hit in answers.items()}
        return float(np.mean(list(figures.values()))), figures

    changes, trials = chosen(tried)
    space, seconds = trained(shop, None, [*sets, *changes])
    ours = of_fashion(space, test, masked, among)
    frozen = _frozen_types(shop, test)
    ridge = _ridge(shop, test.slice(0, among), validation)
    return {
        "products": len(shop),
        "asked": asked,
        "chosen": changes,
        "trials": trials,
        "seconds of the training": seconds,
        "article type, frozen photo": _mean(frozen),
        "words to photo, recall@10, ridge": _mean(ridge),
        **{name: _mean(hit) for name, hit in ours.items()},
        "differences": {
            "article type, photo - frozen photo": _difference(ours["article type, photo"], frozen),
            "article type, both - frozen photo": _difference(ours["article type, both"], frozen),
            "article type, both - photo": _difference(
                ours["article type, both"], ours["article type, photo"]
            ),
            "words to photo, recall@10 - ridge": _difference(ours["words to photo, recall@10"], ridge),
        },
    }


def of_fashion(
    space: ss.Space, asked: pa.Table, masked: re.Pattern[str], among: int
) -> dict[str, np.ndarray]:
    """Return, for every product asked, whether the answer is right."""
    titles = [" ".join(masked.sub(" ", title.lower()).split()) for title in asked["title"].to_pylist()]
    ways = {
        "photo": asked.select(["image"]),
        "title without colours and types": pa.table({"title": titles}),
        "both": pa.table({"title": titles, "image": asked["image"]}),
    }
    kinds = np.array([path[-1] for path in space.catalogue.column("category").to_pylist()])
    wanted = np.array([path[-1] for path in asked["category"].to_pylist()])
    found = {}
    for name, listing in ways.items():
        nearest, _ = space.index.search(vectors(space, listing), 1)
        found[f"article type, {name}"] = kinds[nearest[:, 0]] == wanted
    some = asked.slice(0, among)
    words, photos = (vectors(space, some.select([name])) for name in ("title", "image"))
    found["words to photo, recall@10"] = _rank(words @ photos.T, np.arange(len(some))) < 10
    return found


def grocery(folder: Path, limit: int | None, sets: list[str]) -> dict[str, Any]:
    items, photos = (
        _placed(pq.read_table(folder / f"{name}.parquet"), folder) for name in ("items", "photos")
    )
    if limit is not None:
        order = np.random.default_rng(0).permutation(len(photos))
        photos = photos.take(order[:limit])
    part = {name: photos.filter(pc.field("split") == name) for name in ("train", "val", "test")}

    def tried(changes: list[str]) -> tuple[float, dict[str, Any]]:
        space, _ = trained(items, part["train"], [*sets, *changes])
        figures = {name: float(np.mean(hit)) for name, hit in of_grocery(space, items, part["val"]).items()}
        return float(np.mean(list(figures.values()))), figures

    changes, trials = chosen(tried)
    space, seconds = trained(items, part["train"], [*sets, *changes])
    ours = of_grocery(space, items, part["test"])
    frozen = _frozen_products(items, part["train"], part["test"])
    return {
        "photos": {name: len(table) for name, table in part.items()},
        "chosen": changes,
        "trials": trials,
        "seconds of the training": seconds,
        **{f"photo to product, {name}": _mean(hit) for name, hit in frozen.items()},
        **{name: _mean(hit) for name, hit in ours.items()},
        "differences": {
            f"photo to product - {name}": _difference(ours["photo to product"], hit)
            for name, hit in frozen.items()
        },
    }


def of_grocery(space: ss.Space, items: pa.Table, photos: pa.Table) -> dict[str, np.ndarray]:
    seen = vectors(space, photos.select(["image"]))
    shows = space.catalogue.ids.rows(photos["item_id"].cast(pa.string()))
    rank = _rank(seen @ np.asarray(space.vectors).T, shows)
    said = vectors(space, items.select(["description"]))
    there = [
        n
        for n, row in enumerate(space.catalogue.ids.rows(items["item_id"].cast(pa.string())))
        if row in shows
    ]
    rows = space.catalogue.ids.rows(items["item_id"].cast(pa.string()))[there]
    order = np.argsort(-(said[there] @ seen.T), axis=1, kind="stable")
    right = shows[order] == rows[:, None]
    return {
        "photo to product": rank < 1,
        "photo to product, top 5": rank < 5,
        "description to photo, top 1": right[:, :1].any(axis=1),
        "description to photo, top 5": right[:, :5].any(axis=1),
    }


def trained(items: pa.Table, photos: pa.Table | None, sets: list[str]) -> tuple[ss.Space, float]:
    """Return a space of listings, and the seconds that it took."""
    begun = time.perf_counter()
    tables = {"items": items} | ({"photos": photos} if photos is not None else {})
    with tempfile.TemporaryDirectory() as folder:
        space = ss.train(**tables, sets=["recipe.use=catalogue", *sets], out=folder)
        _ = vectors(space, pa.table({"title": ["to read the towers"]}))
        space = type(space)(**{**vars(space), "vectors": np.array(space.vectors)})
    return space, round(time.perf_counter() - begun, 1)


def chosen(tried: Any) -> tuple[list[str], list[dict[str, Any]]]:
    """Return the changes that were better on validation, one after another, and every trial."""
    changes: list[str] = []
    best, figures = tried(changes)
    trials = [{"change": "none", "value": round(best, 4), **_rounded(figures)}]
    for name, change in TRIED.items():
        value, figures = tried([*changes, *change])
        trials.append({"change": name, "value": round(value, 4), **_rounded(figures)})
        print(trials[-1], flush=True)
        if value > best:
            best, changes = value, [*changes, *change]
    return changes, trials


def vectors(space: ss.Space, listings: pa.Table) -> np.ndarray:
    """Return where listings lie of which no more is said than these columns, float32 [N, D], of unit length."""
    towers = space.blend.retrievers["learnt"].towers
    found = towers.items(Records.of_users(listings, np.zeros(len(listings))))
    return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)


def _frozen(section: dict[str, Any], listings: pa.Table) -> np.ndarray:
    reader = build(ENCODERS, section, path="encoders")
    return reader.reader().read(Records.of_users(listings, np.zeros(len(listings)))).values


def _frozen_types(shop: pa.Table, asked: pa.Table) -> np.ndarray:
    ours, theirs = (_frozen({"use": "image"}, table) for table in (shop, asked))
    kinds = np.array([path[-1] for path in shop["category"].to_pylist()])
    return kinds[(theirs @ ours.T).argmax(axis=1)] == [path[-1] for path in asked["category"].to_pylist()]


def _frozen_products(items: pa.Table, photos: pa.Table, asked: pa.Table) -> dict[str, np.ndarray]:
    """Return whether the nearest mean of a product's photos, and the nearest iconic photo, are the product's."""
    ids = items["item_id"].to_pylist()
    train, seen, iconic = (_frozen({"use": "image"}, table) for table in (photos, asked, items))
    shows = np.array([ids.index(i) for i in photos["item_id"].to_pylist()])
    wanted = np.array([ids.index(i) for i in asked["item_id"].to_pylist()])
    means = np.zeros_like(iconic)
    np.add.at(means, shows, train)
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
    return {
        "frozen, mean of photos": (seen @ means.T).argmax(axis=1) == wanted,
        "frozen, iconic photo": (seen @ iconic.T).argmax(axis=1) == wanted,
    }


def _ridge(shop: pa.Table, asked: pa.Table, validation: int) -> np.ndarray:
    """Return whether a title's photo is among the ten nearest to what ridge regression makes of its words."""
    words, photos = (
        [_frozen(section, table).astype(np.float64) for table in (shop, asked)]
        for section in ({"use": "transformer"}, {"use": "image"})
    )

    def hits(fit: slice, power: float, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        middle = [of[0][fit].mean(axis=0) for of in (words, photos)]
        given, wanted = words[0][fit] - middle[0], photos[0][fit] - middle[1]
        mapped = np.linalg.solve(given.T @ given + power * np.eye(given.shape[1]), given.T @ wanted)
        made, seen = (x - middle[0]) @ mapped, y - middle[1]
        seen = seen / np.linalg.norm(seen, axis=1, keepdims=True)
        return _rank(made @ seen.T, np.arange(len(x))) < 10

    some = slice(0, min(validation, len(asked)))
    values = {
        power: hits(slice(validation, None), power, words[0][some], photos[0][some]).mean()
        for power in (0.1, 0.3, 1.0, 3.0, 10.0)
    }
    return hits(slice(None), max(values, key=values.__getitem__), words[1], photos[1])


def _masks(whole: pa.Table) -> re.Pattern[str]:
    """Return what finds words of colours and of types, in the singular and the plural."""
    said = " ".join(
        f"{value or ''}"
        for name in ("baseColour", "articleType", "subCategory")
        for value in whole[name].to_pylist()
    )
    words = {word.rstrip("s") for word in re.findall(r"[a-z]{3,}", said.lower())}
    return re.compile(rf"\b(?:{'|'.join(sorted(words))})(?:s|es)?\b")


def _placed(table: pa.Table, folder: Path) -> pa.Table:
    images = pa.array([str(folder / image) for image in table["image"].to_pylist()])
    return table.set_column(table.column_names.index("image"), "image", images)


def _rank(scores: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    own = scores[np.arange(len(scores)), wanted][:, None]
    return (scores > own).sum(axis=1) + ((scores == own).sum(axis=1) - 1) / 2


def _mean(hit: np.ndarray) -> dict[str, float]:
    drawn = np.random.default_rng(0).integers(len(hit), size=(DRAWS, len(hit)))
    return _interval(np.asarray(hit, np.float64), drawn)


def _difference(one: np.ndarray, other: np.ndarray) -> dict[str, float]:
    drawn = np.random.default_rng(0).integers(len(one), size=(DRAWS, len(one)))
    return _interval(np.asarray(one, np.float64) - np.asarray(other, np.float64), drawn)


def _interval(values: np.ndarray, drawn: np.ndarray) -> dict[str, float]:
    low, high = np.quantile(values[drawn].mean(axis=1), [0.025, 0.975])
    return {name: round(float(v), 4) for name, v in (("value", values.mean()), ("low", low), ("high", high))}


def _rounded(figures: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 4) for name, value in figures.items()}


if __name__ == "__main__":
    main()
