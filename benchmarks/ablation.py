"""What each choice of the learning loop is worth on Amazon Beauty: one change at a time from a base, on validation.

    python benchmarks/ablation.py --data DATA [--of towers|sequence] [--epochs 8] [--rows NAME ...] [--keep FOLDER]

Leave-one-out; towers are trained on the past of the validation block with one seed and as many epochs in every row,
without early stopping, and every case of the block is answered. A row's difference is from the base on the same
cases, with the interval of a paired bootstrap over cases: it does not hold what another seed would change, which the
row `another seed` shows. One thread; seconds are of the processor. The result is written after every row; with
`--keep` a row whose figures lie in that folder is not trained again. Of `sequence`, a transformer over ids alone, the
blends are chosen on one half of the cases, drawn at random, and measured on the other.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

from shelfspace.encode.learnt import Learnt
from shelfspace.encode.neighbours import LearntKNN
from shelfspace.evaluation.choosing import blend_of
from shelfspace.evaluation.intervals import interval, paired_difference
from shelfspace.evaluation.measure import measure
from shelfspace.evaluation.mixing import choose_weights
from shelfspace.evaluation.weighing import alone
from shelfspace.learning.learner import About, Learner
from shelfspace.learning.neighbours import near_of
from shelfspace.learning.settings import LearningPlan
from shelfspace.linear.knn import ItemKNN
from shelfspace.linear.lowrank import LowRank
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

SEQUENCE: dict[str, Any] = {
    "model": {"embedding_dim": 128, "unit": False},
    "encoders": {"ids": {"dropout": 0.0, "start": "factors"}},
    "fusion": {"use": "mean"},
    "user": {"use": "transformer", "length": 50},
    "pairs": {"next_item": {"stretch": 50}},
    "objectives": [
        {"use": "infonce", "temperature": 1.0, "mask_false_negatives": False, "pairs": "next_item"}
    ],
    "negatives": {"use": "uniform", "num_negatives": 2000},
}
NEXT: dict[str, Any] = SEQUENCE["objectives"][0]


def user(**changes: Any) -> dict[str, Any]:
    return {"user": SEQUENCE["user"] | changes}


def beside(pairs: str, weight: float = 0.1, **settings: Any) -> dict[str, Any]:
    """The next item, and beside it an objective of histories, of which raw vectors have a length of about 11."""
    views = {"use": "infonce", "temperature": 25.0, "pairs": pairs, "weight": weight, "batch_size": 256}
    return {"objectives": [NEXT, views], "pairs": SEQUENCE["pairs"] | {pairs: settings}}


OF_SEQUENCE: dict[str, dict[str, Any]] = {
    "base": {},
    "another seed": {},
    "embedding_dim 64": {"model": {"embedding_dim": 64, "unit": False}},
    "embedding_dim 256": {"model": {"embedding_dim": 256, "unit": False}},
    "drop-out .2": user(dropout=0.2),
    "drop-out .5": user(dropout=0.5),
    "with content": {"encoders": {"ids": {"dropout": 0.1, "start": "factors"}, **CONTENT}},
    "same target": beside("same_target"),
    "view: crop": beside("two_histories", ways=["crop"]),
    "view: mask": beside("two_histories", ways=["mask"]),
    "view: reorder": beside("two_histories", ways=["reorder"]),
    "view: substitute": beside("two_histories", ways=["substitute"]),
    "view: insert": beside("two_histories", ways=["insert"]),
    "view: drop-out alone": beside("two_histories", ways=[]),
    "perturbed by .1": {"objectives": [NEXT | {"perturb": 0.1}]},
    "unit vectors, temperature .1": {
        "model": {"embedding_dim": 128},
        "objectives": [NEXT | {"temperature": 0.1}],
    },
    "what was taken is no negative": {"objectives": [NEXT | {"mask_false_negatives": True}]},
    "ids begin at random": {"encoders": {"ids": {"dropout": 0.0}}},
    "one block": user(num_blocks=1),
    "loss: softmax, whole catalogue": {"objectives": [NEXT | {"use": "softmax"}], **negatives("catalogue")},
    "negatives: uniform 512": negatives("uniform", num_negatives=512),
    "without time gaps": user(gaps=False),
    "without positions": user(positions=0),
    "both ways, hidden items": {"objectives": [NEXT | {"pairs": "hidden_item"}], **user(causal=False)},
    "user: attention": {"user": {"use": "attention", "length": 50}},
    "packing off: a history for each next item": {"pairs": {}},
}
"""`packing off` reads as many events in each history as it has, eight times those of a packed step."""

FEWER = {"pairs: next_item and window": 0.5, "packing off: a history for each next item": 0.125}
"""Rows whose epoch is so much longer: a smaller share of the epochs is trained."""


@dataclass(frozen=True)
class Study:
    """A base, its changes, how both are trained, and where the figures go."""

    base: dict[str, Any]
    rows: dict[str, dict[str, Any]]
    training: dict[str, Any]
    file: str
    blends: dict[str, tuple[str, ...]]


STUDIES = {
    "towers": Study(BASE, ROWS, TRAINING, "ablation.json", {}),
    "sequence": Study(
        SEQUENCE,
        OF_SEQUENCE,
        {"batch_size": 512, "learning_rate": 0.001, "schedule": "linear", "patience": 0},
        "ablation_sequence.json",
        {
            "item_knn": ("item_knn",),
            "item_knn, low_rank": ("item_knn", "low_rank"),
            "item_knn, low_rank, learnt": ("item_knn", "low_rank", "learnt"),
            "item_knn, low_rank, learnt, learnt_knn": ("item_knn", "low_rank", "learnt", "learnt_knn"),
        },
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds amazon-beauty/")
    parser.add_argument("--of", default="towers", choices=list(STUDIES))
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--rows", nargs="*", metavar="NAME", help="all where not given")
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    study = STUDIES[options.of]
    shop = beauty(options.data)
    cases = split(shop, "leave-one-out").validation
    figures: dict[str, Any] = {}
    base: np.ndarray | None = None
    for name in dict.fromkeys(["base", *(options.rows or study.rows)]):
        found, values = row(study, name, shop, cases, options.epochs, options.keep)
        base = values if base is None else base
        if name != "base":
            found["difference"] = rounded(paired_difference(values, base).to_json())
        figures[name] = found
        write(study, options, len(cases), figures, {})
        print(name, json.dumps({key: found[key] for key in found if key != "change"}), flush=True)
    if study.blends and not options.rows:
        write(study, options, len(cases), figures, blends(study, shop, cases, options.epochs))


def blends(study: Study, shop: Shop, cases: Cases, epochs: int) -> dict[str, Any]:
    """Choose the weights of each blend on one half of the cases, and measure it on the other."""
    learnt, _ = trained(study, "base", shop, cases, epochs)
    parts: dict[str, Any] = {
        "item_knn": ItemKNN(
            source=0.4,
            user=0.2,
            target=0.13,
            gap_half_life=5.0,
            back=0.15,
            fit_half_life=np.inf,
            history_half_life=1.1,
            neighbours=0,
        ).fit(cases.fit, shop.catalogue),
        "low_rank": LowRank(
            rank=256, regularisation=0.05, target=0.0, fit_half_life=10.0, history_half_life=2.0, tail=0.0
        ).fit(cases.fit, shop.catalogue),
        "learnt": learnt,
        "learnt_knn": near_of(
            LearntKNN(sharpness=5.0, history_half_life=1.0), learnt.vectors, np.expm1(learnt.prior)
        ),
    }
    order = np.random.default_rng(0).permutation(len(cases))
    half, other = (cases.take(np.sort(part)) for part in np.array_split(order, 2))
    found: dict[str, Any] = {}
    before: np.ndarray | None = None
    for name, members in study.blends.items():
        mix = choose_weights([(half, {m: parts[m] for m in members})], k=10, max_cases=len(half))
        blend = blend_of(parts, {"new": mix}, 100)
        got = measure(other, {"x": lambda q, allowed, b=blend: b.scores(q, allowed, "new")}, ks=(10,))["x"]
        values = got.metrics[METRIC]
        found[name] = {
            METRIC: rounded(interval(values).to_json()),
            "hr@10": round(got.mean("hr@10"), 5),
            "weights": {m: weight for m, weight in mix.weights.items() if weight},
        }
        if before is not None:
            found[name]["difference to the row above"] = rounded(paired_difference(values, before).to_json())
        before = values
        print(name, json.dumps(found[name]), flush=True)
    return found


def beauty(data: Path) -> Shop:
    return read_shop(
        {
            "events": {"path": str(data / "amazon-beauty/events.parquet"), "timestamp": "position"},
            "items": {"path": str(data / "amazon-beauty/items.parquet")},
        }
    )


def row(
    study: Study, name: str, shop: Shop, cases: Cases, epochs: int, keep: Path | None
) -> tuple[dict[str, Any], np.ndarray]:
    """Return a row's figures and its metric case by case, from `keep` where they are there."""
    file = "".join(letter if letter.isalnum() else "_" for letter in f"{study.file} {name} {epochs}")
    kept = keep / f"{file}.npz" if keep is not None else None
    if kept is not None and kept.is_file():
        held = np.load(kept)
        return json.loads(str(held["figures"])), held["values"]
    learnt, figures = trained(study, name, shop, cases, epochs)
    found = measure(cases, {"x": alone(learnt)}, ks=(10,))["x"]
    values = found.metrics[METRIC]
    figures |= {METRIC: rounded(interval(values).to_json()), "hr@10": round(found.mean("hr@10"), 5)}
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez(kept, values=values, figures=json.dumps(figures))
    return figures, values


def trained(study: Study, name: str, shop: Shop, cases: Cases, epochs: int) -> tuple[Learnt, dict[str, Any]]:
    """Train a row; return the model, and what is to be said of its training."""
    epochs = max(1, round(epochs * FEWER.get(name, 1.0)))
    plan = LearningPlan.of(study.base | study.rows[name], Optimisation(epochs=epochs, **study.training))
    assert plan is not None
    seed = int(name == "another seed")
    steps: list[float] = []
    begun = time.process_time()
    learnt, curve = Learner(plan, About(len(shop.users)), seed).learn(
        cases.fit,
        shop.catalogue,
        told=lambda _, step, __: steps.append(time.process_time()) if step else None,
    )
    return learnt, {
        "change": study.rows[name],
        "seed": seed,
        "temperature_at_end": round(learnt.temperature, 4),
        "losses": [round(entry["loss"], 4) for entry in curve],
        "steps": len(steps),
        "seconds": round(time.process_time() - begun, 1),
        "seconds_a_step": round(statistics.median(np.diff(steps)), 4),
    }


def write(
    study: Study,
    options: argparse.Namespace,
    num_cases: int,
    figures: dict[str, Any],
    blended: dict[str, Any],
) -> None:
    result = {
        "command": f"python benchmarks/ablation.py --data DATA --of {options.of} --epochs {options.epochs}",
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
        "base": study.base | {"training": study.training},
        "figures": figures,
    } | ({"blends, chosen on one half and measured on the other": blended} if blended else {})
    path = Path(__file__).parent / "results" / study.file
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
