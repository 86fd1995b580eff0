"""Every recipe on two shops with times: what each answers, its models beside it, and the differences to `shop`.

    python benchmarks/recipes.py --data DATA [--sets uci grocer] [--recipes NAME ...] [--budget 3m] [--seed 0]

Each recipe is tuned on validation and measured once on test by the gate, protocol `time`, as `shelfspace train` does
it up to the refit; differences are paired by user with 95 % intervals. A row that is there stays unless its recipe is
named. Everything goes to benchmarks/results/recipes.json.
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
import pyarrow.compute as pc
from contrast import sets_of

from shelfspace.deciding import decided, models_of
from shelfspace.evaluation.gate import Gate
from shelfspace.evaluation.intervals import paired_difference
from shelfspace.plan import Plan
from shelfspace.shop.reading import read_shop

METRIC, PROTOCOL = "ndcg@10", "time"
RECIPES = (
    "quick",
    "linear",
    "cooccurrence",
    "two_tower",
    "feature_towers",
    "graph",
    "autoencoder",
    "sequence",
    "shop",
)
"""All that answer a shopper; `cold_start` answers for new products and is measured by contrast.py."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=["uci", "grocer"], choices=["uci", "grocer"])
    parser.add_argument("--recipes", nargs="+", default=list(RECIPES), choices=list(RECIPES))
    parser.add_argument("--budget", default="3m")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    path = Path(__file__).parent / "results" / "recipes.json"
    held = path.with_suffix(".npz")
    for name in options.sets:
        given = sets_of(name, options.data)
        shop = read_shop(given.table("quick", options.budget))
        for recipe in options.recipes:
            begun = time.monotonic()
            table = given.table(recipe, options.budget)
            table.setdefault("training", {})["seed"] = options.seed
            plan = Plan.of(table)
            chosen, gate = decided(plan, shop, models_of(plan, shop, told), told, None)
            seconds = time.monotonic() - begun
            weights = {mode: mix.to_json()["weights"] for mode, mix in chosen.mixes.items()}
            row = row_of(gate) | {
                "seconds": round(seconds, 1),
                "budget": options.budget,
                "seed": options.seed,
                "weights": weights,
            }
            keep(path, held, name, recipe, row, users_of(gate))
            print(name, recipe, json.dumps(row["figures"]), f"{seconds:.0f} s", flush=True)


def told(what: str, done: int, total: int) -> None:
    """Say nothing: a row is a line."""


def row_of(gate: Gate) -> dict[str, Any]:
    """Return the metric of what answers, of every model beside it, and the gate's word."""
    models = gate.metrics[PROTOCOL]
    figures = {name: round(found[METRIC]["value"], 4) for name, found in models.items()}
    own = models["default"][METRIC]
    return {
        "default": {key: round(value, 4) for key, value in own.items()},
        "verdict": gate.verdict,
        "figures": figures,
    }


def users_of(gate: Gate) -> np.ndarray:
    """Return the metric of each user for what answers, in the order of the cases."""
    of = gate.per_user.filter((pc.field("protocol") == PROTOCOL) & (pc.field("model") == "default"))
    return of[METRIC].to_numpy().astype(np.float64)


def keep(path: Path, held: Path, shop: str, recipe: str, row: dict[str, Any], users: np.ndarray) -> None:
    """Put a row into the result, and every recipe's difference to `shop`."""
    result = json.loads(path.read_text()) if path.exists() else {"tables": {}}
    known = dict(np.load(held)) if held.exists() else {}
    known[f"{shop}/{recipe}"] = users
    np.savez_compressed(held, **known)
    rows = result["tables"].setdefault(shop, {})
    rows[recipe] = row
    if f"{shop}/shop" in known:
        best = known[f"{shop}/shop"]
        for name in rows:
            if name != "shop" and f"{shop}/{name}" in known:
                difference = paired_difference(best, known[f"{shop}/{name}"])
                rows[name]["shop minus this"] = {k: round(v, 4) for k, v in difference.to_json().items()}
    result |= {
        "command": "python benchmarks/recipes.py --data DATA",
        "machine": f"{platform.machine()}, {psutil.cpu_count()} cores",
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("numpy", "scipy", "torch")},
    }
    path.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
