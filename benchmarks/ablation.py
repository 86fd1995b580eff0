"""What each choice of the learning loop is worth on Amazon Beauty: one change at a time from a base, on validation.

    python benchmarks/ablation.py --data DATA [--epochs 8] [--rows NAME ...] [--keep FOLDER]

Leave-one-out; towers are trained on the past of the validation block with one seed and as many epochs in every row,
without early stopping, and every case of the block is answered. A row's difference is from the base on the same
cases, with the interval of a paired bootstrap over cases: it does not hold what another seed would change, which the
row `another seed` shows. One thread; seconds are of the processor. The result is written after every row; with
`--keep` a row whose figures lie in that folder is not trained again.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

from shelfspace.evaluation.intervals import interval, paired_difference
from shelfspace.evaluation.measure import measure
from shelfspace.evaluation.weighing import alone
from shelfspace.learning.learner import About, Learner
from shelfspace.learning.settings import LearningPlan
from shelfspace.shop.cases import Cases
from shelfspace.shop.reading import read_shop
from shelfspace.shop.shop import Shop
from shelfspace.shop.splits import split
from shelfspace.training.optimisation import Optimisation

METRIC = "ndcg@10"
TRAINING: dict[str, Any] = {"batch_size": 1024, "learning_rate": 0.003, "patience": 0}
INFONCE: dict[str, Any] = {"use": "infonce", "temperature": 0.07, "pairs": "next_item"}
CONTENT: dict[str, Any] = {
    "title": {"use": "hashed", "columns": ["title"]},
    "category": {"use": "attributes", "is_path": True},
    "brand": {"use": "attributes", "column": "brand"},
}
BASE: dict[str, Any] = {
    "model": {"embedding_dim": 64},
    "encoders": {"ids": {"dropout": 0.2}, **CONTENT},
    "fusion": {"use": "mean"},
    "user": {"use": "attention", "length": 20},
    "objectives": [INFONCE],
    "negatives": {"use": "uniform", "num_negatives": 2048},
}


def objective(**changes: Any) -> dict[str, Any]:
    return {"objectives": [INFONCE | changes]}


def other(use: str, **settings: Any) -> dict[str, Any]:
    return {"objectives": [{"use": use, "pairs": "next_item", **settings}]}


def negatives(use: str, **settings: Any) -> dict[str, Any]:
    return {"negatives": {"use": use, **settings}}


def ids(dropout: float) -> dict[str, Any]:
    return {"encoders": {"ids": {"dropout": dropout}, **CONTENT}}


ROWS: dict[str, dict[str, Any]] = {
    "base": {},
    "another seed": {},
    "loss: infonce, symmetric": objective(symmetric=True),
    "loss: pairwise_logistic": other("pairwise_logistic", temperature=0.07),
    "loss: bce": other("bce", temperature=0.07),
    "loss: bpr": other("bpr"),
    "loss: triplet": other("triplet"),
    "temperature .03": objective(temperature=0.03),
    "temperature .05": objective(temperature=0.05),
    "temperature .1": objective(temperature=0.1),
    "temperature .2": objective(temperature=0.2),
    "temperature learnt": objective(learn_temperature=True),
    "log q off": objective(correct_log_q=False),
    "mask off": objective(mask_false_negatives=False),
    "id drop-out 0": ids(0.0),
    "id drop-out .5": ids(0.5),
    "loss: softmax, whole catalogue": other("softmax", temperature=0.07) | negatives("catalogue"),
    "negatives: in_batch": negatives("in_batch"),
    "negatives: uniform 512": negatives("uniform", num_negatives=512),
    "negatives: uniform 4096": negatives("uniform", num_negatives=4096),
    "raw vectors, temperature 1": {"model": {"embedding_dim": 64, "unit": False}}
    | objective(temperature=1.0),
    "negatives: in_batch, log q off": negatives("in_batch") | objective(correct_log_q=False),
    "negatives: popularity 2048": negatives("popularity", num_negatives=2048),
    "negatives: hard 512": negatives("hard", num_negatives=512, refresh_steps=128),
    "without ids": {"encoders": CONTENT},
    "without content": {"encoders": {"ids": {"dropout": 0.2}}},
    "user: mean": {"user": {"use": "mean", "length": 20}},
    "user: recency": {"user": {"use": "recency", "length": 20}},
    "fusion: gated": {"fusion": {"use": "gated"}},
    "fusion: concat": {"fusion": {"use": "concat"}},
    "fusion: attention": {"fusion": {"use": "attention"}},
    "pairs: next_item and window": objective(pairs={"next_item": 0.5, "window": 0.5}),
    "loss: bpr, raw vectors": other("bpr") | {"model": {"embedding_dim": 64, "unit": False}},
    "loss: triplet, semi_hard": other("triplet", mining="semi_hard"),
}

HALF = {"pairs: next_item and window"}
"""Rows whose epoch is of two sources together, about twice as long: half as many are trained."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds amazon-beauty/")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--rows", nargs="*", default=list(ROWS), choices=list(ROWS), metavar="NAME")
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    shop = beauty(options.data)
    cases = split(shop, "leave-one-out").validation
    figures: dict[str, Any] = {}
    base: np.ndarray | None = None
    for name in dict.fromkeys(["base", *options.rows]):
        found, values = row(name, shop, cases, options.epochs, options.keep)
        base = values if base is None else base
        if name != "base":
            found["difference"] = rounded(paired_difference(values, base).to_json())
        figures[name] = found
        write(options, len(cases), figures)
        print(name, json.dumps({key: found[key] for key in found if key != "change"}), flush=True)


def beauty(data: Path) -> Shop:
    return read_shop(
        {
            "events": {"path": str(data / "amazon-beauty/events.parquet"), "timestamp": "position"},
            "items": {"path": str(data / "amazon-beauty/items.parquet")},
        }
    )


def row(
    name: str, shop: Shop, cases: Cases, epochs: int, keep: Path | None
) -> tuple[dict[str, Any], np.ndarray]:
    """Return a row's figures and its metric case by case, from `keep` where they are there."""
    kept = keep / f"{name.replace(' ', '_').replace(':', '')}_{epochs}.npz" if keep is not None else None
    if kept is not None and kept.is_file():
        held = np.load(kept)
        return json.loads(str(held["figures"])), held["values"]
    optimisation = Optimisation(epochs=epochs // 2 if name in HALF else epochs, **TRAINING)
    plan = LearningPlan.of(BASE | ROWS[name], optimisation)
    assert plan is not None
    seed = int(name == "another seed")
    steps: list[float] = []
    begun = time.process_time()
    learnt, curve = Learner(plan, About(len(shop.users)), seed).learn(
        cases.fit,
        shop.catalogue,
        told=lambda _, step, __: steps.append(time.process_time()) if step else None,
    )
    seconds = time.process_time() - begun
    found = measure(cases, {"x": alone(learnt)}, ks=(10,))["x"]
    values = found.metrics[METRIC]
    figures = {
        "change": ROWS[name],
        "seed": seed,
        METRIC: rounded(interval(values).to_json()),
        "hr@10": round(found.mean("hr@10"), 5),
        "temperature_at_end": round(learnt.temperature, 4),
        "losses": [round(entry["loss"], 4) for entry in curve],
        "steps": len(steps),
        "seconds": round(seconds, 1),
        "seconds_a_step": round(statistics.median(np.diff(steps)), 4),
    }
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez(kept, values=values, figures=json.dumps(figures))
    return figures, values


def write(options: argparse.Namespace, num_cases: int, figures: dict[str, Any]) -> None:
    result = {
        "command": f"python benchmarks/ablation.py --data DATA --epochs {options.epochs}",
        "machine": {
            "processor": processor(),
            "cores": os.cpu_count(),
            "system": platform.system(),
            "threads": 1,
        },
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("numpy", "torch")},
        "epochs": options.epochs,
        "cases": f"all {num_cases} of the validation block of leave-one-out",
        "base": BASE | {"training": TRAINING},
        "figures": figures,
    }
    path = Path(__file__).parent / "results" / "ablation.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n")


def rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 5) for name, value in values.items()}


def processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


if __name__ == "__main__":
    sys.exit(main())
