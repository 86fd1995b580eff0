"""Abt-Buy: the same product in two shops, as published, with labels and without, and among thinned catalogues.

    python benchmarks/matching.py --data DATA [--seeds 0 1 2 3 4]

F1 on the 1,916 published test pairs. Trees are learnt from the training pairs, thresholds chosen on the validation
pairs; without labels nothing is chosen on any pair. `pair alone` sees two listings and how rare their words are in the
shops; `context` also the rivals of a pair in both catalogues, one partner each. `thinned`: each listing of both sides
stays with a chance of one half, three draws, with what was learnt and chosen on the whole catalogues. Everything goes
to benchmarks/results/matching.json.
"""

import argparse
import json
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from shelfspace.evaluation.matched import figures
from shelfspace.matching.blocking import Pairs, grams_of, pairs_of
from shelfspace.matching.labelled import Labelled
from shelfspace.matching.listings import Listings
from shelfspace.matching.matcher import Compared, Match, Matcher, fitted
from shelfspace.shop.ids import Ids
from shelfspace.shop.reading import read_shop

PARTS = ("train", "valid", "test")
DRAWS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    options = parser.parse_args()
    folder = options.data / "abt-buy"
    tables = {part: pq.read_table(folder / f"pairs-{part}.parquet") for part in PARTS}
    catalogue = read_shop({"items": {"path": str(folder / "items.parquet")}}).catalogue
    told = pa.concat_tables(
        [t.append_column("split", pa.array([part] * len(t))) for part, t in tables.items()]
    )
    labelled = Labelled.of(told, catalogue.ids)
    test, label = published(tables["test"], catalogue.ids)
    listings = Listings.of(catalogue, "source")
    settings = Match(between="source")
    begun = time.perf_counter()
    asked = [np.stack([pairs.left, pairs.right], axis=1) for pairs in (labelled.pairs, test)]
    compared = Matcher(settings).compared(listings, pairs_of(np.concatenate(asked)))
    seconds = {"comparing": round(time.perf_counter() - begun, 2)}
    matches = labelled.pairs.take(labelled.label)
    abt = np.array([text.startswith("abt") for text in catalogue.ids.array.to_pylist()])
    found: dict[str, Any] = {"blocking": blocking(listings, matches, abt)}
    plain = Matcher(settings)
    found["without labels"] = f1_of(plain, compared, test, label) | {
        "thinned": thinned(plain, compared, test, label)
    }
    for name, given in (
        ("pair alone", Match(between="source", context=False, one_to_one=False)),
        ("context", settings),
    ):
        rows = []
        for seed in options.seeds:
            begun = time.perf_counter()
            matcher = fitted(given, compared, labelled, seed=seed)
            seconds[f"{name}, fit"] = round(time.perf_counter() - begun, 2)
            row = f1_of(matcher, compared, test, label) | {"threshold": round(matcher.threshold, 4)}
            rows.append(row | {"thinned": thinned(matcher, compared, test, label)})
        values = np.array([row["f1"]["value"] for row in rows])
        drawn = np.array([row["thinned"] for row in rows])
        found[name] = {
            "mean": round(float(values.mean()), 4),
            "standard deviation": round(float(values.std()), 4),
            "thinned, mean": round(float(drawn.mean()), 4),
            "thinned, worst draw": round(float(drawn.mean(axis=0).min()), 4),
            "seeds": rows,
        }
    result = {
        "command": "python benchmarks/matching.py --data DATA",
        "machine": f"{platform.machine()}, {psutil.cpu_count()} cores",
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("numpy", "scipy", "scikit-learn", "lightgbm")},
        "listings": len(listings),
        "pairs compared": len(compared.pairs),
        "test": {"pairs": len(label), "matches": int(label.sum())},
        "seconds": seconds,
        "figures": found,
    }
    path = Path(__file__).parent / "results" / "matching.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(
        json.dumps(
            {
                k: v if k == "blocking" else {m: x for m, x in v.items() if m != "seeds"}
                for k, v in found.items()
            },
            indent=1,
        )
    )


def published(table: pa.Table, ids: Ids) -> tuple[Pairs, np.ndarray]:
    """Return all published pairs, those that stand twice or are labelled both ways among them."""
    ends = np.sort(
        np.stack([ids.rows(table[name].combine_chunks()) for name in ("left_id", "right_id")], 1), axis=1
    )
    pairs = Pairs(ends[:, 0].astype(np.int64), ends[:, 1].astype(np.int64))
    return pairs, table["label"].to_numpy().astype(bool)


def blocking(listings: Listings, matches: Pairs, abt: np.ndarray) -> dict[str, float]:
    """Return the share of all matches whose listing of buy is among the k nearest of that of abt."""
    grams = grams_of(listings)
    near = sum((vectors @ vectors.T).toarray() for vectors in grams.values())
    near[:, abt] = -1.0
    left = np.where(abt[matches.left], matches.left, matches.right)
    right = np.where(abt[matches.left], matches.right, matches.left)
    rank = (near[left] > near[left, right][:, None]).sum(axis=1)
    return {f"recall@{k}": round(float((rank < k).mean()), 4) for k in (1, 5, 10)}


def f1_of(matcher: Matcher, compared: Compared, test: Pairs, label: np.ndarray) -> dict[str, Any]:
    said = matcher.found(compared).said[compared.places(test)]
    found = figures({"it": said}, label, test.left)["it"]
    return {name: {k: round(v, 4) for k, v in value.items()} for name, value in found.items()}


def thinned(matcher: Matcher, compared: Compared, test: Pairs, label: np.ndarray) -> list[float]:
    """Return F1 on the test pairs that are left where half of the listings of each side are, for each draw."""
    found = []
    for draw in range(DRAWS):
        there = np.random.default_rng(1000 + draw).random(len(compared.listings)) < 0.5
        kept = there[compared.pairs.left] & there[compared.pairs.right]
        part = Compared(compared.listings, compared.pairs.take(kept), compared.evidence[kept])
        mine = there[test.left] & there[test.right]
        said = matcher.found(part).said[part.places(test.take(mine))]
        found.append(round(float(2 * (said & label[mine]).sum() / (said.sum() + label[mine].sum())), 4))
    return found


if __name__ == "__main__":
    main()
