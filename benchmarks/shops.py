"""A real dirty shop as it is: the gate's word on UCI Online Retail, and its cold items.

    python benchmarks/shops.py --data DATA

Trains on the invoices with nothing but the settings of docs/examples/shop.toml, writes the figures of `time` and
`time-any` with their intervals, the seconds and the peak memory; then holds out a tenth of the items five times and
ranks them by content, by popularity and at random. Everything goes to benchmarks/results/shops.json.
"""

import argparse
import json
import platform
import resource
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import psutil

import shelfspace
from shelfspace import config
from shelfspace.evaluation.intervals import interval, paired_difference
from shelfspace.evaluation.measure import measure
from shelfspace.evaluation.weighing import alone
from shelfspace.linear.content import ContentKNN
from shelfspace.linear.popularity import Popularity
from shelfspace.shop.reading import read_shop
from shelfspace.shop.shop import Shop
from shelfspace.shop.splits import split

SETTINGS = Path(__file__).parents[1] / "docs" / "examples" / "shop.toml"
SEEDS = range(5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    data = parser.parse_args().data.resolve()
    table = config.load(SETTINGS, sets=[f"events.path={data / 'uci-online-retail' / 'transactions.parquet'}"])
    with tempfile.TemporaryDirectory() as folder:
        trained = training(table, Path(folder))
    shop = read_shop(table)
    result = {
        "command": "python benchmarks/shops.py --data DATA",
        "machine": f"{platform.machine()}, {psutil.cpu_count()} cores",
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("numpy", "scipy", "duckdb")},
        "training": trained,
        "cold items, content and popularity at their start values, ndcg@10": [
            cold(shop, seed) for seed in SEEDS
        ],
    }
    path = Path(__file__).parent / "results" / "shops.json"
    path.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    json.dump(result, sys.stdout, indent=1)


def training(table: config.Table, run: Path) -> dict[str, object]:
    begun = time.monotonic()
    shelfspace.train(table, out=run)
    seconds = time.monotonic() - begun
    metrics = json.loads((run / "metrics.json").read_text("utf-8"))
    check = json.loads((run / "check.json").read_text("utf-8"))
    found: dict[str, object] = {
        "seconds": round(seconds, 1),
        "peak GB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2),
        "returns": check["returns"],
        "prices": check["prices"],
        "verdict": metrics["verdict"],
    }
    for protocol in ("time", "time-any"):
        found[protocol] = {model: values["ndcg@10"] for model, values in metrics[protocol].items()}
        found[f"{protocol}, users with history"] = with_history(metrics["slices"][protocol])
    return found


def with_history(slices: dict[str, dict[str, dict[str, dict[str, float]]]]) -> dict[str, float]:
    """Return the mean NDCG@10 over the cases that have a history, from the slices by its length."""
    parts = [part for name, part in slices.items() if name.startswith("history")]
    cases = np.array([part["cases"] for part in parts])
    means = {
        model: float(np.average([part[model]["ndcg@10"]["value"] for part in parts], weights=cases))
        for model in ("default", "ease", "repeat", "popularity")
    }
    return {"cases": int(cases.sum())} | {model: round(value, 5) for model, value in means.items()}


def cold(shop: Shop, seed: int) -> dict[str, object]:
    cases = split(shop, "cold-items", seed=seed).test
    rng = np.random.default_rng(seed)
    scorers = {
        "content": alone(ContentKNN().fit(cases.fit, shop.catalogue)),
        "popularity": alone(Popularity(half_life=np.inf, trend=0.0).fit(cases.fit, shop.catalogue)),
        "random": lambda queries, allowed: rng.random(allowed.shape, dtype=np.float32),
    }
    results = {name: r.metrics["ndcg@10"] for name, r in measure(cases, scorers, ks=(10,)).items()}
    found: dict[str, object] = {"seed": seed, "cases": len(cases)}
    for name, values in results.items():
        found[name] = {key: round(value, 5) for key, value in interval(values).to_json().items()}
    least = paired_difference(results["content"], np.maximum(results["popularity"], results["random"]))
    found["content minus the better of the two, case by case"] = {
        key: round(value, 5) for key, value in least.to_json().items()
    }
    return found


if __name__ == "__main__":
    main()
