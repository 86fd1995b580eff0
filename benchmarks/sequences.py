"""Amazon Beauty as papers measure it: the recipe `sequence` alone and blended, three seeds, with and without content.

    python benchmarks/sequences.py --data DATA [--rows "ids only" "with content"] [--seeds 0 1 2] [--budget 30m]

Leave-one-out: trained on all but each user's last two items, everything chosen on the last but one, measured once on
the last, with the last but one in the history. Nothing is fitted again between the two; `refitted` says what it is
worth to fit the same settings once more with the last but one, and stands apart. All users are cases of
test. What differs from the recipe stands in the result. A row that is there stays unless it is named. Everything goes
to benchmarks/results/sequences.json.
"""

import argparse
import json
import os
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from shelfspace import config
from shelfspace.deciding import decided, models_of
from shelfspace.evaluation.choosing import Chosen, blend_of
from shelfspace.evaluation.measure import Scorer, measure
from shelfspace.evaluation.models import Model, fit_all, left_open
from shelfspace.evaluation.search import tune
from shelfspace.evaluation.weighing import alone, mean_value
from shelfspace.plan import Plan
from shelfspace.shop.reading import read_shop
from shelfspace.shop.shop import Shop
from shelfspace.shop.splits import split

PROTOCOL = "leave-one-out"
METRICS = ("hr@10", "ndcg@10")
CHOSEN = (
    "evaluation.max_cases=30000",
    "training.tune_cases=8000",
    "training.training_share=0.45",
    "training.epoch_steps=260",
    "training.epochs=10",
    "members.wide.model.embedding_dim=256",
)
"""All users are measured; 8,000 of them decide, more than the sample that is enough for a shop. They are asked after
each of ten epochs, not of many short ones, since that takes a while. A second transformer, twice as wide, answers
beside the first in the blend."""

SEARCHED_CASES = 6_000

ROWS = {
    "ids only": ("encoders.title=false", "encoders.category=false", "encoders.brand=false"),
    "with content": (
        "linear.content.use=content",
        "encoders.attributes.use=attributes",
        "encoders.attributes.column=attributes",
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rows", nargs="+", default=list(ROWS), choices=list(ROWS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--budget", default="30m")
    parser.add_argument(
        "--refit", nargs="*", type=int, default=[0], metavar="SEED", help="seeds fitted again"
    )
    parser.add_argument("--search", type=float, default=240.0, help="seconds for item-kNN, before the others")
    parser.add_argument("--set", action="append", default=[], help="over all this; stands in the row's name")
    options = parser.parse_args()
    folder = options.data / "amazon-beauty"
    source = {
        "events": {"path": str(folder / "events.parquet"), "timestamp": "position"},
        "items": {"path": str(folder / "items.parquet")},
        "recipe": {"use": "sequence"},
    }
    path = Path(__file__).parent / "results" / "sequences.json"
    shop = read_shop(source)
    for name in options.rows:
        sets = [*CHOSEN, *ROWS[name], f"training.budget={options.budget}", *options.set]
        for seed in options.seeds:
            seeded = [*sets, f"training.seed={seed}"]
            found = measured(source, seeded, shop, options.search, again=seed in options.refit)
            rows: dict[str, Any] = json.loads(path.read_text())["rows"] if path.exists() else {}
            row = rows.setdefault(", ".join([name, *options.set]), {})
            if row.get("sets") != sets:
                row.clear()
                row |= {"sets": sets, "seeds": {}}
            row["seeds"][str(seed)] = found
            row["mean over seeds"] = means(row["seeds"])
            write(path, rows)
            print(name, seed, json.dumps(row["seeds"][str(seed)]), flush=True)


def measured(
    source: dict[str, Any], sets: list[str], shop: Shop, search_seconds: float, *, again: bool
) -> dict[str, Any]:
    """Choose on validation, measure once on test, and return the figures of each model and of the blend."""
    begun = time.monotonic()
    table = config.load(source, sets=[*sets, f"evaluation.protocol={PROTOCOL}"])
    table["linear"]["item_knn"] = searched(Plan.of(table), shop, search_seconds)
    plan = Plan.of(table)
    models = models_of(plan, shop)
    chosen, gate = decided(plan, shop, models, None, None)
    seconds = round(time.monotonic() - begun, 1)
    trials = chosen.searches["learnt"].trials
    found = {
        "test": {
            name: {metric: round(found[metric]["value"], 5) for metric in METRICS}
            for name, found in gate.metrics[PROTOCOL].items()
        },
        "validation, ndcg@10": {
            name: round(search.value, 5) for name, search in chosen.searches.items() if search.trials
        },
        "curve of validation": [round(t.value, 5) for t in trials if t.settings["popular"] == 0.0],
        "weights": chosen.mixes["new"].to_json()["weights"],
        "settings": {name: search.best for name, search in chosen.searches.items()}
        | {"item_knn": table["linear"]["item_knn"]},
        "seconds": seconds,
    }
    return found | ({"refitted": refitted(plan, shop, models, chosen)} if again else {})


def searched(plan: Plan, shop: Shop, seconds: float) -> dict[str, Any]:
    """Search the kernel's settings on a part of validation, longer than the run's own search would."""
    (model,) = (model for model in plan.models if model.name == "item_knn")
    cases, seed = split(shop, PROTOCOL).validation, plan.training.seed
    sample = cases.sample(SEARCHED_CASES, seed=seed)
    found = tune(
        lambda settings: model.make(settings).fit(cases.fit, shop.catalogue),
        left_open(model.part, model.section, cases.fit.clock),
        lambda part: mean_value([sample], [part], plan.evaluation.metric),
        budget_seconds=seconds,
        max_trials=10_000,
        seed=seed,
    )
    return model.section | found.best


def refitted(plan: Plan, shop: Shop, models: list[Model], chosen: Chosen) -> dict[str, Any]:
    """Fit what was chosen once more on all but each user's last item, and measure that."""
    test = split(shop, PROTOCOL).test
    fitted = fit_all(models, chosen.settings, test.queries, shop.catalogue)
    blend = blend_of(fitted, chosen.mixes, plan.mixing.num_candidates)
    scorers: dict[str, Scorer] = {
        "default": lambda queries, allowed: blend.scores(queries, allowed, "new"),
        "learnt": alone(fitted["learnt"]),
    }
    found = measure(test, scorers, ks=(10,))
    return {name: {metric: round(of.mean(metric), 5) for metric in METRICS} for name, of in found.items()}


def means(seeds: dict[str, Any]) -> dict[str, Any]:
    """Return mean and standard deviation over the seeds of each model's metrics."""
    names = next(iter(seeds.values()))["test"]
    found: dict[str, Any] = {}
    for name in names:
        for metric in METRICS:
            values = [one["test"][name][metric] for one in seeds.values()]
            found.setdefault(name, {})[metric] = {
                "mean": round(float(np.mean(values)), 5),
                "standard deviation": round(float(np.std(values)), 5),
            }
    return found


def write(path: Path, rows: dict[str, Any]) -> None:
    result = {
        "command": "python benchmarks/sequences.py --data DATA",
        "machine": {
            "processor": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
        },
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("numpy", "scipy", "torch")},
        "rows": rows,
    }
    path.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
