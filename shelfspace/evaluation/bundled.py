"""How good bundles and next baskets are, on the last baskets, which nothing was learnt or weighed from. N items."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shelfspace.bundling.baskets import Baskets
from shelfspace.bundling.complements import Complements, Vectors, Weighing, joined
from shelfspace.bundling.learning import Case, Learnt, Window
from shelfspace.bundling.next_basket import NextBasket
from shelfspace.evaluation.intervals import intervals
from shelfspace.evaluation.metrics import evaluate

Values = npt.NDArray[np.float64]
Scores = Mapping[str, Values]

OURS = "bundle"


def bundled(learnt: Learnt, *, seed: int = 0) -> dict[str, Any]:
    """Return what `metrics.json` says of bundles, beside plain rules, with the paired differences.

    `rest`: the hidden item of a basket by all others;  `one`: the rest of a basket by one of its items;  `next_basket`:
    what shoppers took on their next visit;  `same_kind`: the share of the ten best that is of the item's own category.
    """
    before, test = learnt.before, learnt.test
    found: dict[str, Any] = {
        "baskets": len(learnt.complements.baskets),
        "source": learnt.complements.baskets.source,
    }
    if before is None or test is None or before.vectors is None:
        return found
    if test.cases:
        found |= completed(before.complements, test.cases, before.vectors, seed=seed)
    if before.next_basket is not None and len(test.users):
        found["next_basket"] = next_baskets(before.next_basket, test, seed=seed)
    return found


def completed(
    complements: Complements,
    cases: list[Case],
    vectors: Vectors,
    *,
    beside: Mapping[str, Weighing] | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Return HR@10 and NDCG@10 of baskets completed: the hidden item by all others, and any of the rest by one.

    `beside` are further ways to weigh, by name.
    """
    columns: dict[str, dict[str, list[dict[str, float]]]] = {"rest": {}, "one": {}}
    alike: dict[str, list[float]] = {}
    for case in cases:
        one, hidden = np.array([case.one]), np.array([case.hidden])
        every, alone = plain(complements.baskets, case.others), plain(complements.baskets, one)
        counted = [complements.counted(int(row), vectors) for row in case.others]
        at = int(np.searchsorted(case.others, case.one))
        for name, weighing in {OURS: complements.weighing, **(beside or {})}.items():
            every[name] = joined(counted, weighing)[0].score
            alone[name] = counted[at].weighed(weighing).score
        for name in every:
            columns["rest"].setdefault(name, []).append(ranked(every[name], case.others, hidden))
            columns["one"].setdefault(name, []).append(ranked(alone[name], one, case.rest))
            alike.setdefault(name, []).append(same_kind(complements, alone[name], case.one))
    told: dict[str, Any] = {
        asked: {"cases": len(cases), "models": compared(by_name, seed=seed)}
        for asked, by_name in columns.items()
    }
    if (complements.kinds.narrow < 0).all():
        return told
    shares = intervals({name: np.array(values) for name, values in alike.items()}, seed=seed)
    told["same_kind"] = {name: value.to_json() for name, value in shares.items()}
    return told


def plain(baskets: Baskets, rows: npt.NDArray[np.int64]) -> dict[str, Values]:
    """Return the scores of what anybody would try first: means over the items of the basket."""
    sold, total = baskets.sold, max(1, len(baskets))
    own = np.maximum(sold[rows], 1.0)
    confidence = baskets.together(rows, 1.0 / own)
    cosine = baskets.together(rows, own**-0.5) * np.maximum(sold, 1.0) ** -0.5
    lift = confidence * total / np.maximum(sold, 1.0)
    return {"popularity": sold.copy(), "lift": lift, "confidence": confidence, "cosine": cosine}


def ranked(score: Values, given: npt.NDArray[np.int64], relevant: npt.NDArray[np.int64]) -> dict[str, float]:
    """Return hr, ndcg and recall @10 of one list, what was given left out."""
    scores = score.astype(np.float32)[None, :]
    scores[0, given] = -np.inf
    wanted = sparse.csr_array(
        (np.ones(len(relevant), bool), (np.zeros(len(relevant), np.int64), relevant)), shape=scores.shape
    )
    found = evaluate(scores, wanted, ks=[10])
    return {name: float(found[f"{name}@10"][0]) for name in ("hr", "ndcg", "recall")}


def same_kind(complements: Complements, score: Values, row: int) -> float:
    """Return the share of the ten best that is of the item's narrow category, NaN where it has none."""
    narrow = complements.kinds.narrow
    if narrow[row] < 0:
        return float("nan")
    score = score.copy()
    score[row] = -np.inf
    best = np.argsort(-score, kind="stable")[:10]
    return float((narrow[best] == narrow[row]).mean())


def compared(by_name: Mapping[str, list[dict[str, float]]], *, seed: int = 0) -> dict[str, Any]:
    """Return each metric of each model with its interval, and `over_NAME`, what ours has more of, paired by case."""
    found: dict[str, Any] = {name: {} for name in by_name}
    for metric in ("hr", "ndcg", "recall"):
        columns = {name: np.array([one[metric] for one in of]) for name, of in by_name.items()}
        for name, value in intervals(columns, seed=seed).items():
            found[name][f"{metric}@10"] = value.to_json()
        more = {name: columns[OURS] - of for name, of in columns.items() if name != OURS}
        for name, value in intervals(more, seed=seed).items():
            found[OURS].setdefault(f"over_{name}", {})[f"{metric}@10"] = value.to_json()
    return found


def next_baskets(model: NextBasket, test: Window, *, seed: int = 0) -> dict[str, Any]:
    """Return figures of each shopper's next basket, repeats included, beside how often they bought each item."""
    by_name: dict[str, list[dict[str, float]]] = {}
    nothing = np.zeros(0, np.int64)
    for user, visit in zip(test.users.tolist(), test.visits, strict=True):
        query = test.past.of_users([user])
        sold = model.baskets.sold  # of what they bought equally often, the popular first
        usual = np.bincount(query.item, minlength=query.num_items) + sold / (2.0 * max(1.0, sold.max()))
        scores = {
            OURS: model.visit(query).score,
            "usual": usual,
            "popularity": model.baskets.sold,
        }
        for name, score in scores.items():
            by_name.setdefault(name, []).append(ranked(score, nothing, visit))
    return {"cases": len(test.users), "models": compared(by_name, seed=seed)}
