"""Ours, trained and measured as the peers are; run by `peers.py` in a process of its own.

A model of ours is a function of MODELS: it learns from `cases.fit`, calls `curve.epoch_ended` with its scores after
each epoch (one that is fitted at once: once), and returns when that says so.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
from peer.curve import Curve, Scores, Split, measure, parser_of

from shelfspace.evaluation import measure as evaluation
from shelfspace.evaluation.weighing import alone
from shelfspace.learning.autoencoder import AutoencoderModel
from shelfspace.learning.autoencoder_settings import AutoencoderPlan
from shelfspace.learning.heads import Targets
from shelfspace.learning.learner import About, Learner
from shelfspace.learning.settings import LearningPlan
from shelfspace.linear.knn import ItemKNN
from shelfspace.linear.retriever import Scoring
from shelfspace.shop.cases import Cases
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.reading import read_shop
from shelfspace.shop.shop import Shop
from shelfspace.shop.splits import split
from shelfspace.training.optimisation import Optimisation


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", choices=list(MODELS), required=True)
    options = parser.parse_args()
    shop = beauty(options.data)
    cases = split(shop, "leave-one-out").validation
    curve = Curve(options, {"model": options.model}, ("numpy", "torch"))
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


class StoppedError(Exception):
    """The curve asks for no more epochs."""


def sequence(cases: Cases, catalogue: Catalogue, curve: Curve) -> Scoring:
    """The transformer of the recipe `sequence`, ids alone, as large as the peers': 64 numbers, 2 blocks, 50 events.

    What the table of ids begins from is made after the clock has begun.
    """
    table = {
        "model": {"embedding_dim": 64, "unit": False},
        "encoders": {"ids": {"dropout": 0.0, "start": "factors"}},
        "fusion": {"use": "mean"},
        "user": {"use": "transformer", "length": 50, "num_blocks": 2, "num_heads": 2},
        "pairs": {"next_item": {"stretch": 50}},
        "objectives": [
            {"use": "infonce", "temperature": 1.0, "mask_false_negatives": False, "pairs": "next_item"}
        ],
        "negatives": {"use": "uniform", "num_negatives": 2000},
    }
    epochs = min(curve.options.epochs, 60)
    loop = Optimisation(batch_size=512, learning_rate=0.001, epochs=epochs, patience=0, schedule="constant")
    plan = LearningPlan.of(table, loop)
    assert plan is not None
    curve.notes["settings"] |= table
    learner = Learner(plan, About(cases.fit.num_users), curve.options.seed)
    return stopped_by(curve, cases, lambda value: learner.learn(cases.fit, catalogue, value=value)[0])


def autoencoder(cases: Cases, catalogue: Catalogue, curve: Curve) -> Scoring:
    """A variational autoencoder as large as RecBole's: 600 hidden numbers, 128 in the middle."""
    del catalogue
    plan = AutoencoderPlan.of(
        {
            "kind": "variational",
            "hidden": [600],
            "decoder": [600],
            "latent_dim": 128,
            "start": "factors",
            "patience": 0,
        },
        Optimisation(),
    )
    curve.notes["settings"] |= plan.to_json()
    targets = Targets.of(plan, None, cases.fit, cases.fit.num_users, 0)
    model = AutoencoderModel(plan, targets, seed=curve.options.seed)
    return stopped_by(curve, cases, lambda value: model.learn(cases.fit, value=value)[0])


def stopped_by(curve: Curve, cases: Cases, train: Callable[[Callable[[Scoring], float]], Scoring]) -> Scoring:
    """Train until the curve asks for no more; return the model as it was measured last."""
    last: list[Scoring] = []

    def value(model: Scoring) -> float:
        last[:] = [model]
        if curve.epoch_ended(scores_of(model, cases)):
            raise StoppedError
        return curve.points[-1][1]

    curve.begin()
    with suppress(StoppedError):
        train(value)
    return last[0]


MODELS: dict[str, Callable[[Cases, Catalogue, Curve], Scoring]] = {
    "item_knn": item_knn,
    "sequence": sequence,
    "autoencoder": autoencoder,
}


def scores_of(fitted: Scoring, cases: Cases) -> Scores:
    return lambda users: fitted.score(cases.queries.of_users(users))


def check(cases: Cases, fitted: Scoring, curve: Curve) -> dict[str, float]:
    """Return NDCG@10 as shelfspace's own evaluation has it, beside the benchmark's."""
    ours = evaluation.measure(cases, {"model": alone(fitted)}, ks=(10,))["model"].mean("ndcg@10")
    scores = scores_of(fitted, cases)
    return {"their_own": ours, "measured": measure(curve.split, scores, np.arange(len(cases)))}


if __name__ == "__main__":
    main()
