"""Ours, trained and measured as the peers are; run by `peers.py` in a process of its own.

A model of ours is a function of MODELS: it learns from `cases.fit`, calls `curve.epoch_ended` with its scores after
each epoch (one that is fitted at once: once), and returns when that says so.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from peer.curve import Curve, Scores, Split, measure, parser_of

from shelfspace.evaluation import measure as evaluation
from shelfspace.evaluation.weighing import alone
from shelfspace.linear.knn import ItemKNN
from shelfspace.linear.retriever import Scoring
from shelfspace.shop.cases import Cases
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.reading import read_shop
from shelfspace.shop.shop import Shop
from shelfspace.shop.splits import split


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", choices=list(MODELS), required=True)
    options = parser.parse_args()
    shop = beauty(options.data)
    cases = split(shop, "leave-one-out").validation
    curve = Curve(options, {"model": options.model}, ("numpy",))
    if not np.array_equal(cases.fit.item, curve.split.item):
        raise SystemExit("the split on disk is another one")
    fitted = MODELS[options.model](cases, shop.catalogue, curve)
    if options.check:
        curve.write(check=check(cases, fitted, curve))


def beauty(data: Path) -> Shop:
    return read_shop(
        {
            "events": {"path": str(data / "amazon-beauty/events.parquet"), "timestamp": "position"},
            "items": {"path": str(data / "amazon-beauty/items.parquet")},
        }
    )


def split_of(cases: Cases) -> Split:
    """Return the cases as the peers get them: one next item for each user."""
    fit, next_item = cases.fit, cases.answers.item
    if len(cases) != fit.num_users or len(next_item) != len(cases):
        raise SystemExit("every user must have one item to foretell")
    return Split(fit.indptr, fit.item, next_item, fit.num_items)


def item_knn(cases: Cases, catalogue: Catalogue, curve: Curve) -> Scoring:
    curve.begin()
    fitted = ItemKNN().fit(cases.fit, catalogue)
    curve.epoch_ended(scores_of(fitted, cases))
    return fitted


MODELS: dict[str, Callable[[Cases, Catalogue, Curve], Scoring]] = {"item_knn": item_knn}


def scores_of(fitted: Scoring, cases: Cases) -> Scores:
    return lambda users: fitted.score(cases.queries.of_users(users))


def check(cases: Cases, fitted: Scoring, curve: Curve) -> dict[str, float]:
    """Return NDCG@10 as shelfspace's own evaluation has it, beside the benchmark's."""
    ours = evaluation.measure(cases, {"model": alone(fitted)}, ks=(10,))["model"].mean("ndcg@10")
    scores = scores_of(fitted, cases)
    return {"their_own": ours, "measured": measure(curve.split, scores, np.arange(len(cases)))}


if __name__ == "__main__":
    main()
