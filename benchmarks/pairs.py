"""How many pairs a second each source draws, on Amazon Beauty and UCI Online Retail, on one thread.

    python benchmarks/pairs.py --data DATA [--size 100000] [--runs 5]

Sources have their own settings, but where a set lacks what they need (baskets, a column) they are left out. Drawn
are as many pairs at once as `--size` says; marked are the positives of 1,024 anchors among 1,024 candidates, with
the share of candidates that is marked. Every figure is the median of the runs.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pyarrow.parquet as pq

from shelfspace.pairs.names import PAIR_SOURCES
from shelfspace.pairs.pairs import Sources
from shelfspace.pairs.source import PairSource
from shelfspace.shop.reading import read_shop

SETS: dict[str, dict[str, Any]] = {
    "beauty": {
        "events": {"path": "amazon-beauty/events.parquet", "timestamp": "position"},
        "items": {"path": "amazon-beauty/items.parquet"},
    },
    "uci": {
        "events": {
            "path": "uci-online-retail/transactions.parquet",
            "user_id": "CustomerID",
            "item_id": "StockCode",
            "basket_id": "InvoiceNo",
            "timestamp": "InvoiceDate",
            "quantity": "Quantity",
            "price": "UnitPrice",
        },
        "items": {"from": "events", "title": "Description"},
    },
}
RELATIONS = {"beauty": "amazon-beauty/relations.parquet"}
BATCH = 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--size", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    result = {
        "command": f"python benchmarks/pairs.py --data DATA --size {options.size} --runs {options.runs}",
        "machine": {"processor": processor(), "cores": os.cpu_count(), "system": platform.system()},
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("numpy", "scipy", "pyarrow")},
        "figures": {name: measured(name, options.data, options.size, options.runs) for name in SETS},
    }
    path = Path(__file__).parent / "results" / "pairs.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n")
    json.dump(result, sys.stdout, indent=1)
    print()


def measured(name: str, data: Path, size: int, runs: int) -> dict[str, dict[str, float]]:
    given = sources(name, data)
    figures = {}
    for use, part in PAIR_SOURCES.items():
        spent, source = timed(lambda part=part: part().learn(given))
        if len(source):
            figures[use] = {"positives": len(source), "learn_seconds": round(spent, 3)}
            figures[use] |= speeds(source, size, runs)
    return figures


def sources(name: str, data: Path) -> Sources:
    tables = {
        table: section | ({"path": str(data / section["path"])} if "path" in section else {})
        for table, section in SETS[name].items()
    }
    shop = read_shop(tables)
    relations = pq.read_table(data / RELATIONS[name]) if name in RELATIONS else None
    return Sources(shop.history, shop.catalogue, relations)


def speeds(source: PairSource, size: int, runs: int) -> dict[str, float]:
    rng = np.random.default_rng(0)
    draws = [timed(lambda: source.draw(rng, size))[0] for _ in range(runs + 1)][1:]
    spent, marker = timed(source.positives)
    pairs = source.draw(rng, BATCH)
    marks = [timed(lambda: marker.mark(pairs.anchor, pairs.positive)) for _ in range(runs + 1)][1:]
    return {
        "pairs_per_second": round(size / statistics.median(draws)),
        "positives_seconds": round(spent, 3),
        "mark_seconds": round(statistics.median(one for one, _ in marks), 5),
        "marked_share": round(float(marks[0][1].mean()), 4),
    }


def timed(way: Callable[[], Any]) -> tuple[float, Any]:
    begun = time.perf_counter()
    answer = way()
    return time.perf_counter() - begun, answer


def processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


if __name__ == "__main__":
    main()
