"""What folding in is worth beside training again: UCI Online Retail, a tenth of the invoices later.

    python benchmarks/folding.py --data DATA --recipe linear [--set training.budget=1m] [--to linear]

Trains on the first 80 % of the events by time, folds the next 10 % in from a store in three steps, and trains again on
90 %. Then asks the space as it was, the one folded and the one trained again for what shoppers buy in the last 10 %
that is new to them. Everything goes to benchmarks/results/folding.json, under the name given, beside what is there.
"""

import argparse
import json
import platform
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import psutil
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import shelfspace as ss
from shelfspace import config
from shelfspace.evaluation.intervals import interval, paired_difference
from shelfspace.store.records import Write
from shelfspace.store.store import Store
from shelfspace.updating import updated

SETTINGS = Path(__file__).parents[1] / "docs" / "examples" / "shop.toml"
CUTS = (0.8, 0.9)
STEPS = 3
K = 10

Relevant = Mapping[str, set[str]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--recipe", default="linear")
    parser.add_argument("--set", dest="sets", action="append", default=[])
    parser.add_argument("--to", help="the name in the results; the recipe's where none is given")
    given = parser.parse_args()
    log = pq.read_table(given.data.resolve() / "uci-online-retail" / "transactions.parquet")
    early, middle, late = _parts(log.sort_by("InvoiceDate"))
    words = "".join(f" --set {one}" for one in given.sets)
    with tempfile.TemporaryDirectory() as folder:
        found = {
            "command": f"python benchmarks/folding.py --data DATA --recipe {given.recipe}{words}",
            "machine": f"{platform.machine()}, {psutil.cpu_count()} cores",
            "versions": {"python": platform.python_version()}
            | {name: version(name) for name in ("numpy", "scipy")},
            "rows": {"trained on": len(early), "folded in": len(middle), "asked for": len(late)},
            **measured([f"recipe.use={given.recipe}", *given.sets], Path(folder), early, middle, late),
        }
    path = Path(__file__).parent / "results" / "folding.json"
    result = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    result[given.to or given.recipe] = found
    path.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    json.dump(found, sys.stdout, indent=1)


def measured(
    sets: list[str], folder: Path, early: pa.Table, middle: pa.Table, late: pa.Table
) -> dict[str, Any]:
    """Train, fold in, train again, and ask all three."""
    run, again = folder / "run", folder / "again"
    seconds = {"train": _trained(sets, early, run)}
    stale = ss.open(run)
    seconds["train again"] = _trained(sets, pa.concat_tables([early, middle]), again)
    retrained = ss.open(again)
    folds = []
    with_titles = _new_items(middle, stale, retrained)
    for part in _thirds(middle):
        store = Store.open(run)
        store.append([*with_titles, *_events(part, retrained)])
        with_titles = []
        done = updated(run, store=store)
        store.close()
        folds.append(
            {key: value for key, value in done.to_json().items() if key not in ("notes", "left_out")}
        )
    seconds["fold in, three steps"] = sum(fold["seconds"] for fold in folds)
    folded = ss.open(run)
    relevant = _relevant(pa.concat_tables([early, middle]), late, retrained)
    spaces = {"stale": stale, "folded": folded, "retrained": retrained}
    users = sorted(user for user in relevant if user in retrained.users and user in folded.users)
    answers = {name: _answers(space, users) for name, space in spaces.items()}
    values = {name: _ndcg(found, users, relevant) for name, found in answers.items()}
    came = np.array([user not in stale.users for user in users])
    return {
        "seconds": {name: round(value, 1) for name, value in seconds.items()},
        "cases": len(users),
        "of them since the first training": int(came.sum()),
        "ndcg@10": {name: _rounded(interval(value)) for name, value in values.items()},
        "ndcg@10, shoppers of the first training": {
            name: _rounded(interval(value[~came])) for name, value in values.items()
        },
        "differences": {
            f"{one} - {other}": _rounded(paired_difference(values[one], values[other]))
            for one, other in (("folded", "stale"), ("retrained", "folded"), ("retrained", "stale"))
        },
        "overlap@10 with retrained": {
            name: round(_overlap(answers[name], answers["retrained"], users), 4)
            for name in ("stale", "folded")
        },
        "folds": folds,
    }


def _parts(log: pa.Table) -> list[pa.Table]:
    cuts = [0, *(int(len(log) * share) for share in CUTS), len(log)]
    return [log.slice(start, stop - start) for start, stop in pairwise(cuts)]


def _thirds(part: pa.Table) -> list[pa.Table]:
    cuts = [len(part) * n // STEPS for n in range(STEPS + 1)]
    return [part.slice(start, stop - start) for start, stop in pairwise(cuts)]


def _trained(sets: list[str], events: pa.Table, out: Path) -> float:
    out.mkdir()
    pq.write_table(events, out.parent / f"{out.name}.parquet")
    path = f"events.path={out.parent / out.name}.parquet"
    begun = time.monotonic()
    ss.train(config.load(SETTINGS, sets=[path, *sets]), out=out)
    return time.monotonic() - begun


def _bought(events: pa.Table, known: ss.Space) -> list[dict[str, Any]]:
    """Return the purchases of items that are sold, as rows; what takes something back is none."""
    some = events.filter(pc.greater(events["Quantity"], 0))
    rows: list[dict[str, Any]] = some.filter(
        pc.is_in(some["StockCode"], value_set=known.catalogue.ids.array)
    ).to_pylist()
    for row in rows:
        user = row["CustomerID"]
        row["CustomerID"] = None if user is None else str(user)
    return rows


def _events(events: pa.Table, known: ss.Space) -> list[Write]:
    return [
        Write(
            "event",
            "add",
            row["StockCode"],
            row["CustomerID"],
            body={
                "basket_id": row["InvoiceNo"],
                "timestamp": row["InvoiceDate"].replace(tzinfo=UTC).timestamp(),
                "quantity": row["Quantity"],
                "price": row["UnitPrice"],
            },
        )
        for row in _bought(events, known)
    ]


def _new_items(events: pa.Table, stale: ss.Space, retrained: ss.Space) -> list[Write]:
    titles = dict(zip(events["StockCode"].to_pylist(), events["Description"].to_pylist(), strict=True))
    return [
        Write("item", "put", text, body={"title": title})
        for text, title in titles.items()
        if text in retrained.catalogue.ids and text not in stale.catalogue.ids
    ]


def _relevant(before: pa.Table, late: pa.Table, known: ss.Space) -> Relevant:
    """Return what each shopper bought late that they had not bought before."""
    had: dict[str, set[str]] = {}
    for row in _bought(before, known):
        had.setdefault(row["CustomerID"], set()).add(row["StockCode"])
    found: dict[str, set[str]] = {}
    for row in _bought(late, known):
        user, item = row["CustomerID"], row["StockCode"]
        if user is not None and item not in had.get(user, set()):
            found.setdefault(user, set()).add(item)
    return found


def _answers(space: ss.Space, users: list[str]) -> dict[str, list[str]]:
    hits = space.recommend(users, k=K)
    found: dict[str, list[str]] = {}
    for subject, item in zip(
        hits.table["subject"].to_pylist(), hits.table["item_id"].to_pylist(), strict=True
    ):
        found.setdefault(subject, []).append(item)
    return found


def _ndcg(answers: Mapping[str, list[str]], users: list[str], relevant: Relevant) -> npt.NDArray[np.float64]:
    gains = 1 / np.log2(np.arange(K) + 2)
    found = np.zeros(len(users))
    for n, user in enumerate(users):
        hit = np.array([item in relevant[user] for item in answers.get(user, [])], bool)
        found[n] = gains[: len(hit)][hit].sum() / gains[: min(K, len(relevant[user]))].sum()
    return found


def _overlap(one: Mapping[str, list[str]], other: Mapping[str, list[str]], users: list[str]) -> float:
    return float(np.mean([len({*one.get(user, [])} & {*other.get(user, [])}) / K for user in users]))


def _rounded(found: Any) -> dict[str, float]:
    return {key: round(value, 5) for key, value in found.to_json().items()}


if __name__ == "__main__":
    main()
