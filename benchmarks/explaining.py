"""Whether `why` tells what the models do: deletion curves of explanations against random orders, on real data.

    python benchmarks/explaining.py --data DATA [--runs FOLDER] [--cache FOLDER] [--limit CASES]

A curve is the score of the first answer as parts are left out, the largest first, as a share of the score with all of
them; its area is the figure, lower is better. Beside it stand the mean of ten random orders, the reverse order, and, of
past items, the latest first. Intervals are of 95 %, paired over cases; what was drawn by a seed is the same for all.

Past items: Amazon Beauty, runs of `linear` and of `shop` with small budgets, users drawn from those with five to thirty
past items. The same users say how often one, two or three past items would take an answer off the list of ten, against
leaving the part that the reasons name largest out, and a past item at random. Of the user tower of `shop` alone, the
cosine by integrated gradients, and by leaving each event out. Words and columns: Fashion products with
photos, the recipe `catalogue` (Shapley values over parts as `why` draws them, against each part left out alone), and
4,000 products of Icecat in closed form (exact products, against each part left out alone). Photo regions: Grocery
store; the way to look was chosen on photos of `val`, and measured on photos of `test`. Runs are made where FOLDER
lacks them.

With --limit only so many cases are looked at, and nothing is written.
"""

import argparse
import hashlib
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import shelfspace as ss
from shelfspace.evaluation.faithfulness import compared, deletion_areas
from shelfspace.evaluation.intervals import Interval, interval
from shelfspace.explaining.counterfactual import left_out
from shelfspace.explaining.encoded import Encodable, asked_parts
from shelfspace.explaining.parts import parts_of, without
from shelfspace.explaining.regions import Hidden, occluded, randomly_masked
from shelfspace.explaining.worded import Worded
from shelfspace.learning.integrated import PastGradients
from shelfspace.tasks.reasons import ANSWER, ASKED, of_items, towers_of

USERS, LISTINGS, CHOOSING, PHOTOS = 200, 100, 8, 20
REGION_STEPS = 8
WAYS = {
    "window of 2": lambda score: occluded(score, window=2),
    "window of 3": lambda score: occluded(score, window=3),
    "96 random masks": lambda score: randomly_masked(score, masks=96),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, help="where runs are kept, or made")
    parser.add_argument("--cache", type=Path, help="where vectors of photos and texts are kept")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--only", action="append", help="a part of the figures; the others stay as they are")
    options = parser.parse_args()
    if options.cache is not None:
        os.environ["SHELFSPACE_CACHE"] = str(options.cache)
    runs = options.runs or Path(tempfile.mkdtemp())
    made: dict[str, Callable[[], Any]] = {
        "past items, linear": lambda: past_items(run(runs, "beauty-linear", options.data), options.limit),
        "past items, shop": lambda: past_items(run(runs, "beauty-shop", options.data), options.limit),
        "histories, tower": lambda: of_histories(
            runs / "beauty-shop", run(runs, "beauty-shop", options.data), options.limit
        ),
        "words and columns, towers": lambda: of_towers(run(runs, "fashion", options.data), options.limit),
        "words, closed form": lambda: in_closed_form(run(runs, "icecat", options.data), options.limit),
        "photo regions": lambda: of_photos(run(runs, "grocery", options.data), options.data, options.limit),
    }
    figures = {}
    for name, make in made.items():
        if options.only is None or name in options.only:
            figures[name] = make()
            print(json.dumps({name: figures[name]}, indent=1), flush=True)
    result = {
        "command": "python benchmarks/explaining.py --data DATA",
        "machine": f"{platform.machine()}, {psutil.cpu_count()} cores",
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("numpy", "scipy", "torch", "onnxruntime")},
        "figures": figures,
    }
    if options.limit is None:
        file = Path(__file__).parent / "results" / "explaining.json"
        before = json.loads(file.read_text("utf-8"))["figures"] if file.is_file() else {}
        both = before | figures
        result["figures"] = {name: both[name] for name in made if name in both}
        file.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


def run(runs: Path, name: str, data: Path) -> ss.Space:
    """Open a run, made where it is not there."""
    if not (runs / name / "current").is_file():
        MAKE[name](data, runs / name)
    return ss.open(runs / name)


def past_items(space: ss.Space, limit: int | None) -> dict[str, Any]:
    lengths = np.array([len(set(space.history.of_users([u]).item.tolist())) for u in range(len(space.users))])
    fitting = np.flatnonzero((lengths >= 5) & (lengths <= 30))
    users = np.random.default_rng(0).choice(fitting, limit or USERS, replace=False)
    areas: list[dict[str, float]] = []
    off: dict[str, list[float]] = {name: [] for name in ("1", "2", "3", "named first", "at random")}
    seconds: dict[str, list[float]] = {"recommend": [], "recommend, why": []}
    rng = np.random.default_rng(1)
    for user in users.tolist():
        text = space.users.text(user)
        begun = time.perf_counter()
        space.recommend(text)
        seconds["recommend"].append(time.perf_counter() - begun)
        begun = time.perf_counter()
        hits = list(space.recommend(text, why=True))
        seconds["recommend, why"].append(time.perf_counter() - begun)
        past = space.history.of_users([user])
        items = np.array(list(dict.fromkeys(past.item.tolist())), np.int32)
        allowed = np.ones((1, len(space.catalogue)), bool)
        allowed[0, items] = False
        scores = Scores(space, past, items, allowed)
        first = space.catalogue.ids.row(hits[0].item_id)
        amounts = np.zeros(len(items))
        for part in hits[0].why:
            if part.item_id is not None:
                amounts[items == space.catalogue.ids.row(part.item_id)] += part.amount
        latest = np.array([np.flatnonzero(past.item == item).max() for item in items])
        explained = {"reasons": amounts, "the latest first": latest}
        areas.append(deletion_areas(lambda there, f=first, s=scores: s(there)[:, f], explained))
        listed = scores(~np.eye(len(items), dtype=bool))
        for name, values in taken_off(space, hits, items, listed, rng).items():
            off[name].append(float(np.mean(values)))
    off_by = {name: np.array(values) for name, values in off.items()}
    return {
        "users": len(users),
        "area under the deletion curve": rounded(compared(areas)),
        "answers that are off the list without": {
            **{f"at most {n} past items": json_of(interval(off_by[n])) for n in ("1", "2", "3")},
            "the past item named first": json_of(interval(off_by["named first"])),
            "a past item at random": json_of(interval(off_by["at random"])),
            "named first - at random": json_of(interval(off_by["named first"] - off_by["at random"])),
        },
        "median ms of ten answers": {n: round(1000 * float(np.median(s)), 1) for n, s in seconds.items()},
    }


def of_histories(folder: Path, space: ss.Space, limit: int | None) -> dict[str, Any]:
    """The user tower alone: the cosine of a history and the item nearest to it among the new ones."""
    gradients = PastGradients.of_run(folder)
    learnt = gradients.learnt
    assert learnt.towers is not None
    lengths = np.array([space.history.of_users([u]).num_events for u in range(len(space.users))])
    fitting = np.flatnonzero((lengths >= 5) & (lengths <= min(30, learnt.towers.length)))
    areas, missing = [], []
    for user in np.random.default_rng(0).choice(fitting, limit or USERS, replace=False).tolist():
        past = space.history.of_users([user])
        cosines = learnt.encode(past)[0] @ learnt.vectors.T
        cosines[past.item] = -np.inf
        first = np.array([int(cosines.argmax())])
        found = gradients.of(past, first)
        missing.append(abs(float(found.missing[0])))

        def outcome(there: np.ndarray, past: Any = past, first: np.ndarray = first) -> np.ndarray:
            pasts = past.of_users(np.zeros(len(there), np.int64)).keep(there.ravel())
            return (learnt.encode(pasts) @ learnt.vectors[first].T)[:, 0]

        without = outcome(~np.eye(past.num_events, dtype=bool))
        told = {
            "integrated gradients": found.amounts[0],
            "each left out": outcome(np.ones((1, past.num_events), bool))[0] - without,
            "the latest first": np.arange(past.num_events),
        }
        areas.append(deletion_areas(outcome, told))
    return {
        "users": len(areas),
        "area under the deletion curve": rounded(compared(areas)),
        "mean of what the steps leave out": round(float(np.mean(missing)), 5),
    }


def taken_off(
    space: ss.Space, hits: list[Any], items: np.ndarray, listed: np.ndarray, rng: np.random.Generator
) -> dict[str, list[bool]]:
    """Return whether each answer is off the list without what; `listed` [P, N] has the scores without each item."""
    off: dict[str, list[bool]] = {name: [] for name in ("1", "2", "3", "named first", "at random")}
    for hit in hits:
        row = space.catalogue.ids.row(hit.item_id)
        on = (listed > listed[:, [row]]).sum(axis=1) < 10
        for most in (1, 2, 3):
            off[str(most)].append(0 < len(hit.more["unless"]) <= most)
        amounts = np.zeros(len(items))
        for part in hit.why:
            if part.item_id is not None:
                amounts[items == space.catalogue.ids.row(part.item_id)] += part.amount
        off["named first"].append(not on[amounts.argmax()])
        off["at random"].append(not on[rng.integers(len(items))])
    return off


class Scores:
    """The scores of all items with a part of the past items."""

    def __init__(self, space: ss.Space, past: Any, items: np.ndarray, allowed: np.ndarray) -> None:
        self.space, self.past, self.items, self.allowed = space, past, items, allowed

    def __call__(self, there: np.ndarray) -> np.ndarray:
        """Return [S, N] of coalitions [S, P]; what no model brings is 0."""
        found = []
        for start in range(0, len(there), 64):
            some = there[start : start + 64]
            pasts = left_out(self.past, [tuple(self.items[~row].tolist()) for row in some])
            allowed = np.tile(self.allowed, (len(some), 1))
            found.append(self.space.blend.scores(pasts, allowed, "new"))
        scores = np.concatenate(found)
        return np.where(np.isfinite(scores), scores, 0.0)


def of_towers(space: ss.Space, limit: int | None) -> dict[str, Any]:
    towers = towers_of(space)
    asked: list[dict[str, float]] = []
    answering: list[dict[str, float]] = []
    seconds: dict[str, list[float]] = {"similar": [], "similar, why": []}
    rows = np.random.default_rng(0).choice(len(space.catalogue), limit or LISTINGS, replace=False)
    for row in rows.tolist():
        text = space.catalogue.ids.text(row)
        begun = time.perf_counter()
        hit = next(iter(space.similar(text, k=10)))
        seconds["similar"].append(time.perf_counter() - begun)
        begun = time.perf_counter()
        space.similar(text, k=10, why=True)
        seconds["similar, why"].append(time.perf_counter() - begun)
        other = space.catalogue.ids.row(hit.item_id)
        for cases, one, against, drawn in ((asked, row, other, ASKED), (answering, other, row, ANSWER)):
            listing = Encodable(towers, space.catalogue.table.slice(one, 1), one)
            vector = np.asarray(space.vectors[[against]])
            found = asked_parts([listing], vector, **drawn)
            parts = [part for part, _ in found]

            def outcome(
                there: np.ndarray, listing: Any = listing, parts: Any = parts, to: Any = vector
            ) -> np.ndarray:
                return listing.vectors(parts, there) @ to[0]

            alone = np.concatenate([np.ones((1, len(parts)), bool), ~np.eye(len(parts), dtype=bool)])
            scores = outcome(alone)
            explained = {
                "Shapley values": np.array([amount[0] for _, amount in found]),
                "left out alone": scores[0] - scores[1:],
            }
            cases.append(deletion_areas(outcome, explained))
    return {
        "listings": len(rows),
        "parts of what is asked": rounded(compared(asked)),
        "parts of the answer": rounded(compared(answering)),
        "Shapley values - left out alone": {
            name: json_of(interval(np.array([c["Shapley values"] - c["left out alone"] for c in cases])))
            for name, cases in (("asked", asked), ("answer", answering))
        },
        "median ms of ten answers": {n: round(1000 * float(np.median(s)), 1) for n, s in seconds.items()},
    }


def in_closed_form(space: ss.Space, limit: int | None) -> dict[str, Any]:
    cases: list[dict[str, float]] = []
    seconds: dict[str, list[float]] = {"similar": [], "similar, why": []}
    rows = np.random.default_rng(0).choice(len(space.catalogue), limit or LISTINGS, replace=False)
    for row in rows.tolist():
        text = space.catalogue.ids.text(row)
        begun = time.perf_counter()
        hit = next(iter(space.similar(text, k=10)))
        seconds["similar"].append(time.perf_counter() - begun)
        begun = time.perf_counter()
        space.similar(text, k=10, why=True)
        seconds["similar, why"].append(time.perf_counter() - begun)
        to = np.asarray(space.vectors[[space.catalogue.ids.row(hit.item_id)]])
        listing = of_items(space, [row])
        [worded] = Worded.of(space.listed, listing)
        amounts = worded.amounts(to, np.array([hit.score]))[:, 0]
        own = dict(zip(worded.parts, amounts.tolist(), strict=True))
        values = listing.table.to_pylist()[0]
        parts = [p for p in parts_of(values, ["title", "description"], []) if p.word is not None]
        if len(parts) < 3:
            continue

        def outcome(
            there: np.ndarray, listing: Any = listing, values: Any = values, parts: Any = parts, to: Any = to
        ) -> np.ndarray:
            table = listing.table.take(pa.array(np.zeros(len(there), np.int64)))
            for at, name in enumerate(table.column_names):
                mine = [n for n, part in enumerate(parts) if part.column == name]
                if mine:
                    cells = [without(values[name], [parts[n] for n in mine], mask[mine]) for mask in there]
                    table = table.set_column(at, name, pa.array(cells, pa.string()))
            several = of_items(space, [0] * len(there))
            return (
                space.listed.vectors(
                    type(several)(several.ids, table, several.first_seen, several.duplicates)
                )
                @ to[0]
            )

        alone = np.concatenate([np.ones((1, len(parts)), bool), ~np.eye(len(parts), dtype=bool)])
        scores = outcome(alone)
        explained = {
            "products": np.array([own.get(part, 0.0) for part in parts]),
            "left out alone": scores[0] - scores[1:],
        }
        cases.append(deletion_areas(outcome, explained))
    return {
        "listings": len(cases),
        "words of what is asked": rounded(compared(cases)),
        "products - left out alone": json_of(
            interval(np.array([case["products"] - case["left out alone"] for case in cases]))
        ),
        "median ms of ten answers": {n: round(1000 * float(np.median(s)), 1) for n, s in seconds.items()},
    }


def of_photos(space: ss.Space, data: Path, limit: int | None) -> dict[str, Any]:
    folder = data / "grocery-store"
    table = pq.read_table(folder / "photos.parquet")
    found: dict[str, Any] = {}
    ways = dict(WAYS)
    for split, size in (("val", CHOOSING), ("test", PHOTOS)):
        photos = table.filter(pc.field("split") == split)["image"].to_pylist()
        chosen = np.random.default_rng(0).choice(len(photos), limit or size, replace=False)
        cases, seconds = [], []
        for n in chosen.tolist():
            photo = folder / photos[n]
            hit = next(iter(space.similar(photo=photo, k=1)))
            hidden = Hidden(towers_of(space), photo)
            vector = np.asarray(space.vectors[space.catalogue.ids.row(hit.item_id)])

            def score(masks: np.ndarray, hidden: Any = hidden, vector: Any = vector) -> np.ndarray:
                return (hidden.vectors(masks) @ vector).astype(np.float64)

            begun = time.perf_counter()
            heats = {name: way(score) for name, way in ways.items()}
            seconds.append(time.perf_counter() - begun)
            grid = next(iter(heats.values())).shape

            def outcome(there: np.ndarray, score: Any = score, grid: Any = grid) -> np.ndarray:
                return score(there.reshape(-1, *grid).astype(np.float64))

            flat = {name: heat.ravel() for name, heat in heats.items()}
            cases.append(deletion_areas(outcome, flat, draws=3, most=REGION_STEPS))
        found[split] = rounded(compared(cases)) | {
            "photos": len(cases),
            "seconds a photo": round(float(np.median(seconds)), 2),
        }
        if split == "val":
            best = min(ways, key=lambda name: found["val"][name]["value"])
            found["chosen"], ways = best, {best: ways[best]}
    return found


def rounded(found: dict[str, Interval]) -> dict[str, Any]:
    return {name: json_of(value) for name, value in found.items()}


def json_of(value: Interval) -> dict[str, float]:
    return {name: round(number, 4) for name, number in value.to_json().items()}


def beauty(recipe: str, budget: str) -> Callable[[Path, Path], None]:
    def make(data: Path, out: Path) -> None:
        folder = data / "amazon-beauty"
        settings = {
            "recipe": {"use": recipe},
            "events": {"path": str(folder / "events.parquet"), "timestamp": "position"},
            "items": {"path": str(folder / "items.parquet")},
            "evaluation": {"protocol": "leave-one-out"},
            "training": {"budget": budget},
        }
        ss.train(settings, out=out)

    return make


def fashion(data: Path, out: Path) -> None:
    folder = data / "fashion-products"
    whole = pq.read_table(folder / "items.parquet").filter(pc.field("has_image"))
    ids = whole["id"].cast(pa.string()).to_pylist()
    order = np.argsort([hashlib.sha256(f"shelfspace {i}".encode()).hexdigest() for i in ids])[:3000]
    whole, ids = whole.take(order), [ids[n] for n in order]
    steps = (whole[name].to_pylist() for name in ("masterCategory", "subCategory", "articleType"))
    items = pa.table(
        {
            "item_id": ids,
            "title": whole["productDisplayName"].cast(pa.string()),
            "category": pa.array(list(zip(*steps, strict=True)), pa.list_(pa.string())),
            "attributes": pa.array(
                [[str(c)] for c in whole["baseColour"].to_pylist()], pa.list_(pa.string())
            ),
            "image": [str(folder / "images" / f"{i}.jpg") for i in ids],
        }
    )
    ss.train(items=items, sets=["recipe.use=catalogue", "training.budget=2m"], out=out)


def grocery(data: Path, out: Path) -> None:
    folder = data / "grocery-store"
    tables = {name: placed(pq.read_table(folder / f"{name}.parquet"), folder) for name in ("items", "photos")}
    tables["photos"] = tables["photos"].filter(pc.field("split") == "train")
    ss.train(**tables, sets=["recipe.use=catalogue", "training.budget=2m"], out=out)


def icecat(data: Path, out: Path) -> None:
    table = pq.read_table(next((data / "icecat-search").glob("products.*")))
    table = table.take(np.sort(np.random.default_rng(0).permutation(len(table))[:4000]))
    names = table.column_names
    items = pa.table(
        {
            "item_id": table[names[0]].cast(pa.string()),
            "title": table["title"],
            "description": table["short_description"],
            "brand": table["brand"],
        }
    )
    ss.train(items=items, sets=["recipe.use=linear"], out=out)


def placed(table: pa.Table, folder: Path) -> pa.Table:
    images = pa.array([str(folder / image) for image in table["image"].to_pylist()])
    return table.set_column(table.column_names.index("image"), "image", images)


MAKE = {
    "beauty-linear": beauty("linear", "40s"),
    "beauty-shop": beauty("shop", "90s"),
    "fashion": fashion,
    "icecat": icecat,
    "grocery": grocery,
}


if __name__ == "__main__":
    main()
