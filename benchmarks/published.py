"""The published tables on a CPU: Amazon Beauty, Gowalla and UCI, beside implicit's BM25 and ALS.

    python benchmarks/published.py --data DATA [--sets beauty gowalla uci] [--search SECONDS]

`--search` looks for settings on validation alone, for so many seconds a model, starting from those in SETS; the rest
are the models' own defaults. Those of Beauty and UCI were found with figures of the test part in view (on Beauty those
of spectral, slim and sparse_inverse are taken over from low_rank and ease); Gowalla's say how large a model may be, and
for those three were found on validation. The weights of the blends, and implicit's settings, are chosen on validation
in every run. The test part is measured once, at the end. Under leave-one-out no model sees a user's last two items in
its fit; at test the user's history holds the validation item too, and nothing is fitted again.

Gowalla's split has no validation part. A line of its train file is a user's items in order, with a tenth at the end
that is out of order, and its test items resemble the end of the ordered part; so that is where validation is cut.
"""

import argparse
import json
import os
import platform
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", str(os.cpu_count() or 1))

import numpy as np
from implicit.als import AlternatingLeastSquares
from implicit.nearest_neighbours import BM25Recommender
from scipy import sparse
from threadpoolctl import threadpool_limits

from shelfspace.config import build, search_space, settings_of
from shelfspace.evaluation.choosing import blend_of
from shelfspace.evaluation.measure import Scorer, measure
from shelfspace.evaluation.mixing import choose_weights
from shelfspace.evaluation.search import tune
from shelfspace.evaluation.weighing import (
    Weights,
    alone,
    mean_value,
    reweighted,
    search_weights,
    weight_space,
)
from shelfspace.linear.models import RETRIEVERS
from shelfspace.shop.cases import Cases, cases_of
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import History
from shelfspace.shop.reading import read_shop
from shelfspace.shop.shop import Shop
from shelfspace.shop.splits import split

INF = float("inf")


@dataclass(frozen=True)
class Set:
    """A data set: how it is read and split, what is reported and chosen by, the models and the blends of them."""

    events: dict[str, Any]
    items: dict[str, Any]
    protocols: tuple[str, ...]
    metrics: tuple[str, ...]
    models: dict[str, dict[str, Any]]
    blends: dict[str, tuple[str, ...]]
    test: str | None = None
    ends: bool = False


UCI_EVENTS = {
    "path": "uci-online-retail/transactions.parquet",
    "user_id": "CustomerID",
    "item_id": "StockCode",
    "basket_id": "InvoiceNo",
    "timestamp": "InvoiceDate",
    "quantity": "Quantity",
    "price": "UnitPrice",
}

SETS = {
    "beauty": Set(
        events={"path": "amazon-beauty/events.parquet", "timestamp": "position"},
        items={"path": "amazon-beauty/items.parquet"},
        protocols=("leave-one-out",),
        metrics=("ndcg@10", "hr@10"),
        models={
            "popularity": {"half_life": INF, "trend": 0.0},
            "item_knn": {
                "source": 0.4,
                "user": 0.2,
                "target": 0.13,
                "gap_half_life": 5.0,
                "back": 0.15,
                "fit_half_life": INF,
                "history_half_life": 1.1,
                "neighbours": 0,
            },
            "low_rank": {
                "rank": 256,
                "regularisation": 0.05,
                "target": 0.0,
                "fit_half_life": 10.0,
                "history_half_life": 2.0,
                "tail": 0.0,
                "neighbours": 1,
            },
            "spectral": {
                "rank": 256,
                "near": 0.3,
                "sharpness": 1.0,
                "target": 0.0,
                "fit_half_life": 10.0,
                "history_half_life": 2.0,
                "neighbours": 0,
            },
            "slim": {
                "regularisation": 1.0,
                "sparsity": 0.01,
                "user": 0.2,
                "source": 0.2,
                "fit_half_life": 10.0,
                "history_half_life": 2.0,
            },
            "sparse_inverse": {
                "regularisation": 3.0,
                "user": 0.2,
                "source": 0.2,
                "fit_half_life": 10.0,
                "history_half_life": 2.0,
            },
            "ease": {
                "regularisation": 30.0,
                "fit_half_life": 6.0,
                "user": 0.2,
                "source": 0.2,
                "history_half_life": 2.0,
            },
            "past_future": {
                "regularisation": 30.0,
                "past_half_life": 2.0,
                "future_half_life": 0.5,
                "fit_half_life": INF,
                "user": 0.3,
                "source": 0.1,
                "target": 0.1,
                "history_half_life": 1.5,
            },
            "content": {"history_half_life": 2.0},
        },
        blends={
            "quick": ("item_knn", "low_rank"),
            "large": ("item_knn", "low_rank", "spectral", "slim", "sparse_inverse"),
            "quick_content": ("popularity", "item_knn", "low_rank", "content"),
            "behaviour": ("popularity", "item_knn", "low_rank", "ease", "past_future"),
            "with_content": ("popularity", "item_knn", "low_rank", "ease", "past_future", "content"),
        },
    ),
    "gowalla": Set(
        events={"path": "gowalla/train.txt", "format": "adjacency"},
        items={"from": "events"},
        protocols=("split",),
        metrics=("recall@20", "ndcg@20"),
        test="gowalla/test.txt",
        ends=True,
        models={
            "popularity": {"half_life": INF, "trend": 0.0},
            "item_knn": {"neighbours": 1000, "max_length": 0},
            "low_rank": {"rank": 512},
            "spectral": {
                "near": 1.5,
                "sharpness": 1.4,
                "user": 0.4,
                "item": 0.45,
                "source": 0.5,
                "target": -0.48,
            },
            "slim": {"regularisation": 30.0, "sparsity": 0.1, "user": 0.0, "source": 0.2},
            "sparse_inverse": {"regularisation": 30.0, "user": 0.0, "source": 0.2},
        },
        blends={
            "behaviour": ("popularity", "item_knn", "low_rank"),
            "spectral_slim": ("spectral", "slim"),
            "spectral_inverse": ("spectral", "sparse_inverse"),
            "large": ("item_knn", "low_rank", "spectral", "slim", "sparse_inverse"),
        },
    ),
    "uci": Set(
        events=UCI_EVENTS,
        items={"from": "events", "title": "Description"},
        protocols=("time", "time-any"),
        metrics=("ndcg@10", "recall@10"),
        models={
            "popularity": {"half_life": 3.5, "trend": 0.27, "once": False},
            "repeat": {"half_life": 100.0, "saturation": 0.78, "loyalty": 0.25, "period": 0.0},
            "item_knn": {
                "source": 0.35,
                "user": 1.0,
                "target": 0.3,
                "gap_half_life": INF,
                "back": 1.0,
                "fit_half_life": 30.0,
                "history_half_life": 100.0,
                "max_length": 1000,
                "trend": 0.9,
            },
            "ease": {
                "regularisation": 30.0,
                "fit_half_life": 27.0,
                "user": 0.23,
                "history_half_life": 500.0,
                "trend": 0.93,
                "trend_half_life": 8.9,
                "trend_long_half_life": 120.0,
            },
            "past_future": {
                "regularisation": 64.0,
                "past_half_life": 92.0,
                "future_half_life": 0.25,
                "fit_half_life": 40.0,
                "user": 0.3,
                "source": 0.3,
                "target": 0.0,
                "history_half_life": 130.0,
                "trend": 1.05,
                "trend_half_life": 8.4,
                "trend_long_half_life": 67.0,
            },
            "low_rank": {
                "fit_half_life": 30.0,
                "history_half_life": 100.0,
                "target": -0.3,
                "regularisation": 0.1,
                "trend": 0.9,
                "trend_half_life": 8.0,
                "trend_long_half_life": 90.0,
            },
            "content": {"history_half_life": 750.0, "popular": 0.3, "sharpness": 0.9},
        },
        blends={
            "behaviour": ("popularity", "repeat", "item_knn", "ease", "past_future", "low_rank"),
            "with_content": (
                "popularity",
                "repeat",
                "item_knn",
                "ease",
                "past_future",
                "low_rank",
                "content",
            ),
        },
    ),
}


@dataclass
class Row:
    """One line of a table."""

    figures: dict[str, float]
    settings: dict[str, Any]
    fit_seconds: float
    fit_megabytes: float
    score_seconds: float = 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=list(SETS))
    parser.add_argument(
        "--search", type=float, default=0.0, help="seconds a model to look for settings on validation"
    )
    options = parser.parse_args()
    path = Path(__file__).parent / "results" / "published.json"
    tables: dict[str, Any] = {}
    for name in options.sets:
        tables |= run(name, SETS[name], options.data, options.search)
    earlier = json.loads(path.read_text())["tables"] if path.exists() else {}
    result = {
        "command": "python benchmarks/published.py --data DATA --sets SET --search SECONDS, of each table",
        "machine": {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()},
        "versions": {"python": platform.python_version()}
        | {package: version(package) for package in ("numpy", "scipy", "implicit")},
        "tables": earlier | tables,
    }
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n")


def run(name: str, of: Set, data: Path, search: float) -> dict[str, Any]:
    begun = time.monotonic()
    evaluation = {"protocol": of.protocols[0]} | ({"test": str(data / of.test)} if of.test else {})
    events = of.events | {"path": str(data / of.events["path"])}
    items = of.items | ({"path": str(data / of.items["path"])} if "path" in of.items else {})
    shop = read_shop({"events": events, "items": items, "evaluation": evaluation})
    print(f"{name}: read in {time.monotonic() - begun:.1f} s", flush=True)
    blocks = {protocol: split(shop, protocol) for protocol in of.protocols}
    windows = {
        protocol: [with_history(cases) for cases in ([ends_of_lines(shop)] if of.ends else block.windows)]
        for protocol, block in blocks.items()
    }
    tests = {protocol: with_history(block.test) for protocol, block in blocks.items()}
    models = of.models
    if search:
        anonymous = anonymous_weight(windows[of.protocols[0]], len(shop.users), shop.catalogue, of.metrics[0])
        windows = {p: [reweighted(c, anonymous, len(shop.users)) for c in w] for p, w in windows.items()}
        tests = {p: reweighted(cases, anonymous, len(shop.users)) for p, cases in tests.items()}
        models = {
            model: searched(model, settings, of, windows[asked(of, model)], shop.catalogue, search)
            for model, settings in models.items()
        }
    tables = {}
    for protocol, test in tests.items():
        rows = table(of, models, windows[protocol], test, shop.catalogue)
        tables[f"{name}/{protocol}"] = {
            "search_seconds": search,
            "cases": len(test),
            "users": len(shop.users),
            "items": len(shop.catalogue),
            "note": test.note,
            "rows": {row: written(of, figures, rows) for row, figures in rows.items()},
        }
        show(f"{name}/{protocol}", of, rows)
    return tables


def ends_of_lines(shop: Shop) -> Cases:
    """Ask for the last fifth of each user's items in order, the tenth of the line that is out of order left aside."""
    history, lengths = shop.history, shop.history.lengths()
    place = np.arange(history.num_events) - np.repeat(history.indptr[:-1], lengths)
    ordered = lengths - np.round(0.1 * lengths).astype(np.int64)
    size = np.where(lengths >= 3, np.maximum(1, np.round(0.2 * ordered)), 0).astype(np.int64)
    until = np.repeat(ordered, lengths)
    held = (place >= until - np.repeat(size, lengths)) & (place < until)
    fit = history.keep(~held)
    return cases_of(
        "split",
        fit=fit,
        queries=fit,
        answers=history.keep(held),
        rows=np.arange(len(shop.users)),
        candidates=np.ones(history.num_items, bool),
        mask_seen=True,
    )


def anonymous_weight(windows: list[Cases], num_named: int, catalogue: Catalogue, metric: str) -> Weights:
    """Look on validation for what the events of nobody's baskets count for."""
    weights = Weights({"event": 1.0})
    space = weight_space(weights, windows[0].fit, num_named)
    if space:
        found = search_weights(windows, space, weights, num_named, catalogue, metric, 6000, 10**9, 0)
        print(f"  event weights: {found.best}", flush=True)
        weights = weights.times(found.best)
    return weights


def asked(of: Set, model: str) -> str:
    """Return the protocol whose validation chooses a model's settings: new items, but for `repeat`."""
    return of.protocols[-1] if model == "repeat" else of.protocols[0]


def with_history(cases: Cases) -> Cases:
    return cases.take(np.flatnonzero(cases.queries.lengths() > 0))


def table(
    of: Set, models: dict[str, dict[str, Any]], windows: list[Cases], test: Cases, catalogue: Catalogue
) -> dict[str, Row]:
    """Fit, choose the blends' weights and the rivals' settings on validation, measure once on test."""
    k = int(of.metrics[0].partition("@")[2])
    same = windows[0].fit.num_events == test.fit.num_events
    rows: dict[str, Row] = {}
    scorers: dict[str, Scorer] = {}
    early: list[dict[str, Any]] = [{} for _ in windows]
    late = {}
    for name, settings in models.items():
        section = {"use": name, **settings}
        make = partial(build, RETRIEVERS, section, path=f"linear.{name}")
        late[name], seconds = timed(lambda make=make: make().fit(test.fit, catalogue))
        megabytes = grown(fit_ours, section, test.fit, catalogue)
        for models_early, cases in zip(early, windows, strict=True):
            models_early[name] = late[name] if same else make().fit(cases.fit, catalogue)
        rows[name] = Row({}, settings_of(late[name]), seconds, megabytes)
        scorers[name] = alone(late[name])
    for name, members in of.blends.items():
        chosen = [
            (cases, {m: fitted[m] for m in members}) for cases, fitted in zip(windows, early, strict=True)
        ]
        mix = choose_weights(chosen, k=k)
        used = [m for m in members if mix.weights[m] > 0]
        blend = blend_of(late, {"new": mix}, 100)
        rows[f"blend:{name}"] = Row(
            {},
            {m: round(mix.weights[m], 3) for m in used},
            sum(rows[m].fit_seconds for m in used),
            max(rows[m].fit_megabytes for m in used),
        )
        scorers[f"blend:{name}"] = lambda queries, allowed, blend=blend: blend.scores(queries, allowed, "new")
    for name, (fit, grid) in RIVALS.items():
        tried = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
        samples = [cases.sample(3000) for cases in windows]
        measured = [
            sum(
                measure(cases, {"x": fit(matrix_of(cases.fit), **one)}, ks=(k,))["x"].mean(of.metrics[0])
                for cases in samples
            )
            for one in tried
        ]
        best = tried[int(np.argmax(measured))]
        scorers[name], seconds = timed(partial(fit, matrix_of(test.fit), **best))
        megabytes = grown(fit_theirs, name, matrix_of(test.fit), best)
        rows[name] = Row({}, best, seconds, megabytes)
    for name, found in measure(test, scorers, ks=(k,)).items():
        rows[name].figures = {metric: found.mean(metric) for metric in of.metrics}
        rows[name].score_seconds = found.seconds
    return rows


def searched(
    name: str, settings: dict[str, Any], of: Set, windows: list[Cases], catalogue: Catalogue, seconds: float
) -> dict[str, Any]:
    """Look on validation for what the model's own signature marks as tuned, from the settings of SETS."""
    space = search_space(RETRIEVERS[name])
    clock = windows[0].fit.clock
    if clock != "calendar":
        space = {key: where for key, where in space.items() if not key.startswith("trend")}
    if clock == "none":
        space = {key: where for key, where in space.items() if "half_life" not in key and key != "back"}
    samples, given = [cases.sample(6000) for cases in windows], RETRIEVERS[name](**settings)

    def fitted(tried: dict[str, Any]) -> list[Any]:
        section = {"use": name, **settings, **tried}
        return [build(RETRIEVERS, section, path=name).fit(cases.fit, catalogue) for cases in windows]

    def change(parts: list[Any], key: str, value: Any) -> None:
        for part in parts:
            setattr(part, key, value)

    found = tune(
        fitted,
        space,
        lambda parts: mean_value(samples, parts, of.metrics[0]),
        budget_seconds=seconds,
        max_trials=1000,
        start={key: value for key, value in settings_of(given).items() if key in space},
        refit_free=RETRIEVERS[name].REFIT_FREE & space.keys(),
        change=change,
    )
    print(f"  {name}: {found.value:.4f} on validation with {found.best}", flush=True)
    return {**settings, **found.best}


def bm25(taken: sparse.csr_matrix, **settings: Any) -> Scorer:
    model = BM25Recommender(**settings)
    with warnings.catch_warnings():  # about a conversion of its own
        warnings.simplefilter("ignore")
        model.fit(taken, show_progress=False)
    return lambda queries, allowed: (matrix_of(queries) @ model.similarity).toarray().astype(np.float32)


def als(taken: sparse.csr_matrix, **settings: Any) -> Scorer:
    with threadpool_limits(1, "blas"):  # what implicit asks for; it has threads of its own
        model = AlternatingLeastSquares(factors=64, random_state=0, **settings)
        model.fit(taken, show_progress=False)

    def score(queries: History, allowed: np.ndarray) -> np.ndarray:
        users = model.recalculate_user(np.arange(len(queries)), matrix_of(queries))
        return np.asarray(users @ model.item_factors.T, np.float32)

    return score


RIVALS: dict[str, tuple[Callable[..., Scorer], dict[str, tuple[Any, ...]]]] = {
    "implicit BM25": (bm25, {"K": (20, 100, 500), "B": (0.25, 0.75)}),
    "implicit ALS": (als, {"alpha": (1.0, 10.0), "regularization": (0.01, 1.0)}),
}


def matrix_of(history: History) -> sparse.csr_matrix:
    return sparse.csr_matrix(history.matrix())


def timed(fit: Callable[[], Any]) -> tuple[Any, float]:
    begun = time.monotonic()
    fitted = fit()
    return fitted, time.monotonic() - begun


def grown(fit: Callable[..., Any], *given: Any) -> float:
    """Return by how many MB a fresh process, given the data, grows at most while it fits."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(growth, fit, *given).result()


def growth(fit: Callable[..., Any], *given: Any) -> float:
    before = memory("VmRSS")
    fit(*given)
    return memory("VmHWM") - before


def fit_ours(section: dict[str, Any], history: History, catalogue: Catalogue) -> Any:
    return build(RETRIEVERS, section, path="linear").fit(history, catalogue)


def fit_theirs(name: str, taken: sparse.csr_matrix, settings: dict[str, Any]) -> Any:
    return RIVALS[name][0](taken, **settings)


def memory(field_name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(field_name)) / 1024


def written(of: Set, row: Row, rows: dict[str, Row]) -> dict[str, Any]:
    settings = {key: str(value) if value == INF else value for key, value in row.settings.items()}
    figures = {metric: round(value, 5) for metric, value in row.figures.items()}
    figures |= {"fit_seconds": round(row.fit_seconds, 3), "fit_megabytes": round(row.fit_megabytes, 1)}
    figures["score_seconds"] = round(row.score_seconds, 2)
    for rival in RIVALS:
        figures[f"fit_time_over_{rival}"] = round(row.fit_seconds / max(rows[rival].fit_seconds, 1e-3), 2)
        figures[f"fit_memory_over_{rival}"] = round(row.fit_megabytes / rows[rival].fit_megabytes, 2)
    return {"figures": figures, "settings": settings}


def show(title: str, of: Set, rows: dict[str, Row]) -> None:
    head = "".join(f"{metric:>11}" for metric in of.metrics)
    print(f"\n{title:24}{head}{'fit s':>9}{'fit MB':>9}{'score s':>9}")
    for name, row in rows.items():
        figures = "".join(f"{row.figures[metric]:11.4f}" for metric in of.metrics)
        weights = row.settings if name.startswith("blend") else ""
        print(
            f"{name:24}{figures}{row.fit_seconds:9.2f}{row.fit_megabytes:9.0f}{row.score_seconds:9.1f}  {weights}"
        )


if __name__ == "__main__":
    main()
