"""Does contrast pay? Learnt vectors alone, linear models alone, both; cold items; the knowledge graph; three shops.

    python benchmarks/contrast.py --data DATA [--sets beauty uci grocer] [--budget 4m]

Each shop is tuned by the recipe `shop` on validation (`time`; Beauty under `leave-one-out`) and measured on test;
every difference is paired by user, with its 95 % interval. Then a tenth of the items is held out with all their
events (`cold-items`) and foretold by the recipe `cold_start` and by its content neighbours, each tuned on validation.
Beauty's attribute relations (not the behavioural ones, which were gathered after the events) are added to
the training of both recipes as a second objective; the behavioural ones apart, marked as leaking. A quarter of the
budget is for the first training of the towers, half of it for the searches. Everything goes to
benchmarks/results/contrast.json.
"""

import argparse
import json
import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow.compute as pc

from shelfspace import config
from shelfspace.deciding import models_of, num_named
from shelfspace.evaluation import choosing
from shelfspace.evaluation.intervals import interval, paired_difference
from shelfspace.evaluation.measure import PerUser, Scorer, measure
from shelfspace.evaluation.mixing import choose_weights
from shelfspace.evaluation.models import fit_all
from shelfspace.evaluation.slices import item_slices
from shelfspace.evaluation.weighing import Weights, alone, reweighted
from shelfspace.linear.popularity import Popularity
from shelfspace.plan import Plan
from shelfspace.shop.cases import Blocks, Cases
from shelfspace.shop.demo import complete_journey
from shelfspace.shop.reading import read_shop
from shelfspace.shop.shop import Shop
from shelfspace.shop.splits import split

METRIC = "ndcg@10"
LEARNT = ("learnt", "learnt_knn")
MAX_CASES = 20_000


@dataclass(frozen=True)
class Set:
    """A shop's settings, and the protocol it is measured under."""

    source: str | Path | dict[str, Any]
    protocol: str
    sets: tuple[str, ...] = ()

    def table(self, recipe: str, budget: str) -> dict[str, Any]:
        """Return the settings under a recipe."""
        return config.load(
            self.source, sets=[*self.sets, f"recipe.use={recipe}", f"training.budget={budget}"]
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=["beauty", "uci", "grocer"])
    parser.add_argument("--parts", nargs="+", default=["cold", "blend", "graph"])
    parser.add_argument("--budget", default="4m")
    parser.add_argument(
        "--set", action="append", default=[], help="section.key=value over the recipe; named in the result"
    )
    options = parser.parse_args()
    path = Path(__file__).parent / "results" / "contrast.json"
    results: dict[str, Any] = json.loads(path.read_text())["results"] if path.exists() else {}
    for name in options.sets:
        given = sets_of(name, options.data)
        given = replace(given, sets=(*given.sets, *options.set))
        table, fresh = (given.table(recipe, options.budget) for recipe in ("shop", "cold_start"))
        begun = time.monotonic()
        shop = read_shop(table)
        print(f"{name}: {time.monotonic() - begun:.0f} s to read", flush=True)
        found = results.setdefault(", ".join([name, *options.set]), {"protocol": given.protocol})
        if "blend" in options.parts:
            found["blend"] = {"budget": options.budget} | blended(Plan.of(table), shop, given.protocol)
            write(path, results)
        if "cold" in options.parts:
            found["cold items"] = {"budget": options.budget} | cold(Plan.of(fresh), shop)
            write(path, results)
        if {"cold", "chance"} & set(options.parts):
            found["cold items"]["figures"] |= nothing_known(shop)
            write(path, results)
        if "graph" in options.parts and "relations" in shop.tables:
            found["graph"] = {"budget": options.budget} | graph(table, fresh, shop, given.protocol)
            write(path, results)


def sets_of(name: str, data: Path) -> Set:
    if name == "beauty":
        folder = data / "amazon-beauty"
        events = {"path": str(folder / "events.parquet"), "timestamp": "position"}
        tables = {"events": events, "items": {"path": str(folder / "items.parquet")}}
        return Set(tables | {"relations": {"path": str(folder / "relations.parquet")}}, "leave-one-out")
    if name == "uci":
        shop = Path(__file__).parents[1] / "docs" / "examples" / "shop.toml"
        path = data / "uci-online-retail" / "transactions.parquet"
        return Set(shop, "time", (f"events.path={path}",))
    folder = Path(__file__).parents[1] / "demo-run" / "shop"
    if not (folder / "shop.toml").is_file():
        complete_journey(folder)
    return Set(folder / "shop.toml", "time")


def blended(plan: Plan, shop: Shop, protocol: str) -> dict[str, Any]:
    """Learnt alone, the best linear model alone, the linear blend and the blend with both."""
    blocks = split(shop, protocol)
    models = models_of(plan, shop, told)
    chosen = chosen_for(plan, models, blocks, shop)
    test = reweighted(blocks.test, chosen.weights, num_named(shop)).sample(MAX_CASES)
    fitted = fit_all(models, chosen.settings, test.fit, shop.catalogue, told=told)
    windows = reweighted(blocks.validation, chosen.weights, num_named(shop))
    early = fit_all(models, chosen.settings, windows.fit, shop.catalogue)
    linear = [model.name for model in models if model.name not in LEARNT]
    k = int(METRIC.partition("@")[2])
    mixes = {
        "linear blend": choose_weights([(windows, {n: early[n] for n in linear})], k=k),
        "blend": choose_weights([(windows, {n: early[n] for n in [*linear, *LEARNT]})], k=k),
    }
    scorers = {name: alone(part) for name, part in fitted.items()}
    for name, mix in mixes.items():
        blend = choosing.blend_of({n: fitted[n] for n in mix.weights}, {"new": mix}, 100)
        scorers[name] = lambda queries, allowed, blend=blend: blend.scores(queries, allowed, "new")
    got = measure(test, scorers, ks=(10, 20), item_slices=item_slices(test.fit))
    best = max(linear, key=lambda name: got[name].mean(METRIC))
    table = {name: described(of, test) for name, of in got.items()}
    pairs = [
        *((name, best) for name in LEARNT),
        ("linear blend", best),
        ("blend", "linear blend"),
        ("blend", best),
    ]
    return {
        "cases": len(test),
        "figures": table,
        "differences": {f"{a} minus {b}": differences(got[a], got[b], test) for a, b in pairs},
        "weights": {name: mix.weights for name, mix in mixes.items()},
        "settings": {name: chosen.settings[name] for name in LEARNT},
    }


def chosen_for(plan: Plan, models: list[Any], blocks: Blocks, shop: Shop) -> choosing.Chosen:
    training = plan.training
    budget = config.seconds(training.budget, "training.budget")
    return choosing.choose(
        models,
        {"new": blocks.windows},
        shop.catalogue,
        Weights(dict.fromkeys(shop.kinds, 1.0)),
        num_named(shop),
        metric=METRIC,
        budget_seconds=0.5 * budget,
        training_seconds=0.25 * budget,
        max_cases=training.tune_cases,
        told=told,
    )


def cold(plan: Plan, shop: Shop) -> dict[str, Any]:
    """Items never sold: learnt vectors beside content neighbours, both tuned on the validation draw."""
    blocks = split(shop, "cold-items")
    models = models_of(plan, shop, told)
    chosen = chosen_for(plan, models, blocks, shop)
    test = reweighted(blocks.test, chosen.weights, num_named(shop)).sample(MAX_CASES)
    fitted = fit_all(models, chosen.settings, test.fit, shop.catalogue, told=told)
    got = measure(test, {name: alone(part) for name, part in fitted.items()}, ks=(10, 20))
    return {
        "cases": len(test),
        "figures": {name: described(of, test) for name, of in got.items()},
        "differences": {
            f"{name} minus content": difference(got[name].metrics[METRIC], got["content"].metrics[METRIC])
            for name in LEARNT
        },
        "settings": chosen.settings,
    }


def nothing_known(shop: Shop) -> dict[str, Any]:
    """Items never sold, on the same cases, by what knows nothing of them.

    `random` gives all candidates one score, and a tie counts as its expected rank; so it nearly is with popularity,
    since nobody took any of these.
    """
    test = split(shop, "cold-items").test.sample(MAX_CASES)
    scorers: dict[str, Scorer] = {
        "popularity": alone(Popularity().fit(test.fit, shop.catalogue)),
        "random": lambda queries, allowed: np.zeros((len(queries), queries.num_items), np.float32),
    }
    return {name: described(of, test) for name, of in measure(test, scorers, ks=(10, 20)).items()}


def graph(table: dict[str, Any], fresh: dict[str, Any], shop: Shop, protocol: str) -> dict[str, Any]:
    """The towers with relations as a second objective: those of attributes, and those that leak.

    All items by the user tower of the recipe `shop`, cold items by the neighbours of `cold_start`.
    """
    kinds = pc.unique(shop.tables["relations"]["relation"]).to_pylist()
    behaviour = [
        kind
        for kind in kinds
        if kind in ("also_bought", "also_viewed", "bought_together", "buy_after_viewing")
    ]
    attributes = [kind for kind in kinds if kind not in behaviour]
    blocks, got, cold_got = split(shop, protocol), {}, {}
    cold_blocks = split(shop, "cold-items")
    ways = {"without": [], "attributes": attributes, "behaviour (leaks)": behaviour}
    for way, used in ways.items():
        for cases, of, name, into in (
            (blocks, table, "learnt", got),
            (cold_blocks, fresh, "learnt_knn", cold_got),
        ):
            section = dict(of)
            if used:
                section["pairs"] = {**of.get("pairs", {}), "relations": {"kinds": used}}
                more = {"use": "infonce", "temperature": 0.1, "pairs": "relations", "weight": 0.3}
                section["objectives"] = [*of["objectives"], more]
            plan = Plan.of(section)
            models = [m for m in models_of(plan, shop, told) if m.name in LEARNT]
            chosen = chosen_for(plan, models, cases, shop)
            test = cases.test.sample(MAX_CASES)
            part = fit_all(models, chosen.settings, test.fit, shop.catalogue)[name]
            into[way] = measure(test, {"x": alone(part)}, ks=(10, 20))["x"]
            print(f"  {way}: {name} {into[way].mean(METRIC):.4f} {chosen.settings}", flush=True)
    found: dict[str, Any] = {
        "attribute relations": attributes,
        "behavioural relations, which leak": behaviour,
    }
    for name, of in (("all items", got), ("cold items", cold_got)):
        found[name] = {way: interval_of(one.metrics[METRIC]) for way, one in of.items()} | {
            f"{way} minus without": difference(of[way].metrics[METRIC], of["without"].metrics[METRIC])
            for way in ways
            if way != "without"
        }
    return found


def described(of: PerUser, cases: Cases) -> dict[str, Any]:
    figures = {METRIC: interval_of(of.metrics[METRIC]), "recall@20": round(of.mean("recall@20"), 5)}
    slices = {name: round(float(np.nanmean(values[METRIC])), 5) for name, values in of.slices.items()}
    fresh = cases.queries.lengths() == 0
    if fresh.any():
        slices["cold users"] = round(float(of.metrics[METRIC][fresh].mean()), 5)
    return figures | {"slices": slices}


def differences(one: PerUser, other: PerUser, cases: Cases) -> dict[str, Any]:
    found = {"all": difference(one.metrics[METRIC], other.metrics[METRIC])}
    for name in one.slices:
        found[name] = difference(one.slices[name][METRIC], other.slices[name][METRIC])
    fresh = cases.queries.lengths() == 0
    if fresh.any():
        found["cold users"] = difference(one.metrics[METRIC][fresh], other.metrics[METRIC][fresh])
    return found


def difference(one: np.ndarray, other: np.ndarray) -> dict[str, float]:
    some = ~(np.isnan(one) | np.isnan(other))
    return rounded(vars(paired_difference(one[some], other[some]))) if some.any() else {}


def interval_of(values: np.ndarray) -> dict[str, float]:
    return rounded(vars(interval(values[~np.isnan(values)])))


def rounded(figures: Mapping[str, float]) -> dict[str, float]:
    return {name: round(float(value), 5) for name, value in figures.items()}


said = [""]


def told(what: str, done: int, total: int) -> None:
    if what != said[0]:
        said[0] = what
        print(f"  {what}", flush=True)


def write(path: Path, results: Mapping[str, Any]) -> None:
    result = {
        "command": "python benchmarks/contrast.py --data DATA --sets SET --parts PART --budget BUDGET",
        "machine": f"{platform.machine()}, {psutil.cpu_count()} cores",
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("numpy", "torch", "onnxruntime")},
        "results": results,
    }
    path.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
