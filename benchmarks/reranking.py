"""What diversity and shares of places cost, and whether a log with propensities tells the truth, on Amazon Beauty.

    python benchmarks/reranking.py --data DATA [--limit N] [--run FOLDER]

The last event of every user is held out; the recipe `linear` is trained on all before, with six trials a model and a
budget of a minute, its settings chosen on its own validation (the last but one). 2,000 users are drawn and asked by
`recommend`, their scores kept from the first time; strengths and caps are a curve, none is chosen. NDCG@10 is of the
one item held out; alike is the mean cosine of two items of a list by the space's own vectors, which MMR and DPP see;
departments, category labels and brands of a list are not seen by them. Intervals are paired by user. The milliseconds
are of the processor, for a list, in batches of 500, all but the scores.

Off-policy: 500 shoppers whose clicks are known: a place is looked at with chance 1 / log2(place + 1), and an item
looked at is clicked with the square of its cosine to what the shopper did take next (0 below 0). The run's own lists
are logged with `explore = 0.3`, 5,000 lists at a time, 200 times (which places are explored, and by what, is drawn each
time from 100,000 draws of `explored`); what two other policies would have been clicked is estimated and compared with
the truth: the same candidates in the order of item-kNN, all of which the log may show, and the run with diversity, part
of which it never shows. No weight is cut.

--run keeps the trained run in a folder, or takes the one that is there. With --limit only so many users are asked, and
nothing is written.
"""

import argparse
import json
import platform
import tempfile
import time
from dataclasses import replace
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil

import shelfspace as ss
from shelfspace import plots
from shelfspace.blend import Blend, Mode
from shelfspace.evaluation.intervals import interval, paired_difference
from shelfspace.evaluation.offpolicy import Logged, estimates
from shelfspace.reranking.arranging import EXPLORED, arranged
from shelfspace.reranking.exploring import explored
from shelfspace.shop.history import History

K = 10
POOL = EXPLORED * K
STRENGTHS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7)
DEPARTMENTS = ("Makeup", "Skin Care", "Hair Care", "Fragrance", "Bath & Body", "Tools & Accessories")
SHARES: dict[str, list[dict[str, Any]]] = {
    "at most 3 of 10 of a brand": [{"by": "brand", "most": 0.3}],
    "at most 2 of 10 of a brand": [{"by": "brand", "most": 0.2}],
    "at most 1 of 10 of a brand": [{"by": "brand", "most": 0.1}],
    "at most 5 of 10 of a department": [{"by": "department", "most": 0.5}],
    "at most 3 of 10 of a department": [{"by": "department", "most": 0.3}],
    "at least 1 of 10 of OPI": [{"by": "brand", "value": "OPI", "least": 0.1}],
    "at least 2 of 10 of OPI": [{"by": "brand", "value": "OPI", "least": 0.2}],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--limit", type=int)
    options = parser.parse_args()
    events, items = beauty(options.data / "amazon-beauty")
    is_last = events.position == events.groupby("user_id").position.transform("max")
    with tempfile.TemporaryDirectory() as folder:
        run = options.run or Path(folder) / "run"
        if not run.is_dir():
            trained(events[~is_last], items, run)
        space = ss.open(run)
    held_out = dict(zip(events[is_last].user_id, events[is_last].item_id, strict=True))
    users = space.users.array.to_pylist()
    users = np.random.default_rng(0).permutation(users)[: options.limit or 2000].tolist()
    asked = Asked(space, items, users, [held_out[user] for user in users])
    found = curve(asked)
    result = {
        "command": "python benchmarks/reranking.py --data DATA",
        "machine": f"{platform.machine()}, {psutil.cpu_count()} cores",
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("numpy", "scipy", "pyarrow")},
        "figures": {
            "users": len(users),
            "lists": found,
            "off-policy": off_policy(asked, 200 if options.limit is None else 5),
        },
    }
    text = json.dumps(result, indent=1)
    if options.limit is None:
        (Path(__file__).parent / "results" / "reranking.json").write_text(text + "\n")
        draw(found, Path(__file__).parents[1] / "docs" / "diversity.svg")
    print(text)


def beauty(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    events, items = (pd.read_parquet(folder / f"{name}.parquet") for name in ("events", "items"))
    items["department"] = [next((d for d in DEPARTMENTS if d in list(c)), None) for c in items.category]
    return events, items


def trained(events: pd.DataFrame, items: pd.DataFrame, run: Path) -> None:
    ss.train(
        {
            "recipe": {"use": "linear"},
            "events": {"timestamp": "position"},
            "items": {},
            "evaluation": {"protocol": "leave-one-out"},
        },
        events=events.reset_index(drop=True),
        items=items,
        out=run,
        sets=["training.budget=1m", "training.max_trials=6"],
    )


class Remembered:
    """A blend whose scores are worked out once: what is measured changes the order alone."""

    def __init__(self, blend: Blend) -> None:
        self.blend, self.used, self.retrievers = blend, blend.used, blend.retrievers
        self.known: dict[bytes, np.ndarray] = {}

    def scores(self, queries: History, allowed: np.ndarray, mode: Mode, *, at_least: int = 0) -> np.ndarray:
        """Return what the blend said of these users the first time."""
        key = queries.who.tobytes()
        if key not in self.known:
            self.known[key] = self.blend.scores(queries, allowed, mode, at_least=at_least)
        return self.known[key].copy()


class Asked:
    """Users, what each took next, and what lists are measured by."""

    def __init__(self, space: ss.Space, items: pd.DataFrame, users: list[str], next_item: list[str]) -> None:
        self.space, self.users = replace(space, blend=Remembered(space.blend)), users
        self.next_row = space.catalogue.ids.rows(next_item)
        known = items.set_index("item_id").loc[space.catalogue.ids.array.to_pylist()]
        self.brand, self.department = (pd.factorize(known[c])[0] for c in ("brand", "department"))
        self.labels = [set(labels) - {"Beauty"} for labels in known.category]
        self.vectors = np.asarray(space.vectors)

    def lists(
        self, rules: dict[str, Any] | None = None, **settings: Any
    ) -> tuple[np.ndarray, float, list[str]]:
        """Return the rows of the lists, -1 where short, milliseconds of the processor a list, and notes."""
        space = self.space.with_rules(rules or {})
        rows, notes, begun = np.full((len(self.users), K), -1), [], time.process_time()
        for start in range(0, len(self.users), 500):
            some = self.users[start : start + 500]
            hits = space.recommend(some, k=K, **settings)
            notes += hits.notes
            at = {user: start + n for n, user in enumerate(some)}
            subject = [at[user] for user in hits.table["subject"].to_pylist()]
            ids = space.catalogue.ids.rows(hits.table["item_id"])
            rows[subject, hits.table["rank"].to_numpy() - 1] = ids
        return rows, (time.process_time() - begun) / len(self.users) * 1000, list(dict.fromkeys(notes))

    def measured(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Return what is measured of each list, float64 [B] by name; NaN where a list has fewer than two items."""
        hit = (rows == self.next_row[:, None]) & (rows >= 0)
        ndcg = (hit / np.log2(np.arange(2, K + 2))).sum(axis=1)
        found = {"ndcg@10": ndcg, "hr@10": hit.any(axis=1).astype(float)}
        columns = {name: np.full(len(rows), np.nan) for name in ("alike", "departments", "labels", "brands")}
        for n, line in enumerate(rows):
            some = line[line >= 0]
            if len(some) < 2:
                continue
            gram = self.vectors[some] @ self.vectors[some].T
            columns["alike"][n] = gram[np.triu_indices(len(some), 1)].mean()
            columns["departments"][n] = len(set(self.department[some]))
            columns["brands"][n] = len(set(self.brand[some]))
            columns["labels"][n] = len(set().union(*(self.labels[i] for i in some)))
        return found | columns

    def of_all(self, rows: np.ndarray) -> dict[str, float]:
        """Return how much of the catalogue is shown, and how unevenly: Gini over all items, 0 even, 1 all one."""
        counts = np.sort(np.bincount(rows[rows >= 0], minlength=len(self.space.catalogue)))
        size = len(counts)
        gini = 1 - 2 * (counts.cumsum() / counts.sum()).sum() / size + 1 / size
        return {"coverage": round(float((counts > 0).mean()), 4), "gini": round(float(gini), 4)}


def curve(asked: Asked) -> dict[str, Any]:
    asked.lists()  # so that no scoring is timed
    plain, plain_ms, _ = asked.lists()
    base = asked.measured(plain)
    found = {"as scored": figures(base, base) | asked.of_all(plain) | {"ms": round(plain_ms, 2)}}
    for diversify, strength in product(("mmr", "dpp"), STRENGTHS):
        rows, ms, _ = asked.lists(diversity=strength, diversify=diversify)
        found[f"{diversify} {strength}"] = (
            figures(asked.measured(rows), base) | asked.of_all(rows) | {"ms": round(ms, 2)}
        )
    for name, shares in SHARES.items():
        rows, ms, notes = asked.lists(rules={"exposure": shares})
        found[name] = (
            figures(asked.measured(rows), base) | asked.of_all(rows) | {"ms": round(ms, 2), "notes": notes}
        )
    return found


def figures(measured: dict[str, np.ndarray], base: dict[str, np.ndarray]) -> dict[str, Any]:
    found: dict[str, Any] = {name: rounded(interval(values)) for name, values in measured.items()}
    if measured is not base:
        found["less as scored"] = {
            name: rounded(paired_difference(values, base[name])) for name, values in measured.items()
        }
    return found


def rounded(one: Any) -> dict[str, float]:
    return {name: round(value, 4) for name, value in one.to_json().items()}


def off_policy(asked: Asked, repeats: int, num_users: int = 500, num_lists: int = 5_000) -> dict[str, Any]:
    space, num = asked.space, min(num_users, len(asked.users))
    queries = space.history.of_users(space.users.rows(asked.users[:num]))
    allowed = np.ones((num, len(space.catalogue)), bool)
    allowed[queries.user(), queries.item] = False
    scores = space.blend.scores(queries, allowed, "new")
    pool = np.argsort(-scores, axis=1, kind="stable")[:, :POOL]
    knn = np.take_along_axis(space.blend.retrievers["item_knn"].score(queries), pool, axis=1)
    liked = np.maximum(asked.vectors[asked.next_row[:num]] @ asked.vectors.T, 0.0) ** 2
    targets = {
        "the candidates by item_knn": np.take_along_axis(
            pool, np.argsort(-knn, axis=1, kind="stable")[:, :K], axis=1
        ),
        "diversity 0.3 (mmr)": np.stack([diverse(asked, scores[n]) for n in range(num)]),
    }
    seen = 1.0 / np.log2(np.arange(2, K + 2))

    def value(rows: np.ndarray) -> float:
        return float((np.take_along_axis(liked, rows, axis=1) * seen).sum(axis=1).mean())

    truth = {name: value(rows) for name, rows in targets.items()}
    made: dict[str, list[Any]] = {name: [] for name in targets}
    order, alike, free = np.arange(K), np.zeros(POOL, np.int64), np.zeros(K, bool)
    rng = np.random.default_rng(1_000_000)
    bank = [explored(order, alike, free, 0.3, rng) for _ in range(100_000)]
    places, chances = (np.stack(several) for several in zip(*bank, strict=True))
    for seed in range(repeats):
        rng = np.random.default_rng(seed)
        user, at = rng.integers(0, num, num_lists), rng.integers(0, len(bank), num_lists)
        shown, chance = np.take_along_axis(pool[user], places[at], axis=1), chances[at]
        clicked = rng.random(shown.shape) < liked[user[:, None], shown] * seen
        log = Logged(
            np.repeat(np.arange(num_lists), K),
            np.tile(np.arange(K), num_lists),
            shown.ravel(),
            chance.ravel(),
            clicked.ravel().astype(np.float64),
        )
        for name, rows in targets.items():
            made[name].append(estimates(log, rows[user], resamples=500, seed=seed))
    found: dict[str, Any] = {
        "shoppers": num,
        "lists": num_lists,
        "repetitions": repeats,
        "explore": 0.3,
        "truth of the policy that logs, without chance": round(value(pool[:, :K]), 4),
    }
    for name, several in made.items():
        agreeing = np.mean([one.agreeing / one.rows for one in several])
        found[name] = {"truth": round(truth[name], 4), "rows that agree": round(float(agreeing), 4)}
        found[name]["mean weight"] = round(float(np.mean([one.support.value for one in several])), 4)
        found[name]["told that the log lacks part of it"] = round(
            float(np.mean([bool(one.notes) for one in several])), 3
        )
        found[name]["rows of equal weight that tell as much"] = round(
            float(np.mean([one.effective for one in several]))
        )
        for estimate in several[0].values:
            values = np.array([one.values[estimate].value for one in several])
            inside = [one.values[estimate].low <= truth[name] <= one.values[estimate].high for one in several]
            found[name][estimate] = {
                "mean": round(float(values.mean()), 4),
                "error of the mean": round(float(values.std() / np.sqrt(len(values))), 4),
                "root mean squared error": round(float(np.sqrt(((values - truth[name]) ** 2).mean())), 4),
                "intervals that hold the truth": round(float(np.mean(inside)), 3),
            }
    return found


def diverse(asked: Asked, scores: np.ndarray) -> np.ndarray:
    rows = np.flatnonzero(np.isfinite(scores))
    found = arranged(scores[rows].astype(float), K, vectors=asked.vectors[rows], diversity=0.3)
    return rows[found.order]


def draw(found: dict[str, Any], path: Path) -> None:
    made, axes = plots.figure("NDCG@10 against how alike a list is", height=3.6)
    with plots.mpl.rc_context(plots.STYLE):
        for diversify, colour in (("mmr", plots.COLOURS[0]), ("dpp", plots.COLOURS[1])):
            names = ["as scored", *(f"{diversify} {s}" for s in STRENGTHS)]
            x = [1 - found[name]["alike"]["value"] for name in names]
            y = [found[name]["ndcg@10"]["value"] for name in names]
            axes.plot(x, y, marker="o", markersize=4, color=colour, label=diversify.upper())
            for name, at, up in list(zip(names, x, y, strict=True))[1:]:
                axes.annotate(
                    name.split()[-1], (at, up), textcoords="offset points", xytext=(4, 4), fontsize=7
                )
        axes.set_xlabel("1 - mean cosine of two items of a list (right: more diverse)")
        axes.set_ylabel("NDCG@10")
        axes.grid(axis="y")
        axes.set_ylim(bottom=0)
        axes.legend()
        made.savefig(path, format="svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
