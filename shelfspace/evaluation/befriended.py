"""How well friends are suggested, on friendships that were hidden. B cases, P people."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shelfspace.evaluation.intervals import interval, paired_difference
from shelfspace.evaluation.metrics import evaluate
from shelfspace.people.friends import SIGNS, Closeness, scored
from shelfspace.people.learning import Hidden, blocks_of

Values = npt.NDArray[np.float64]

K = 10
PLAIN = ("common_neighbours", "adamic_adar", "resource")


def suggested(
    known: Closeness, part: Hidden, weights: Mapping[str, float], *, most: int, seed: int = 0
) -> dict[str, Values]:
    """Return recall@10 of each case's hidden friends among all who are no friends yet, float64 [B] by model.

    `default` is the weighted sum; beside it stand the number of friends in common, Adamic and Adar's sum and resource
    allocation, each alone.
    """
    found: dict[str, list[Values]] = {}
    for rows in blocks_of(part.cases(most, seed), known.edges.shape[0]):
        signs, may = known.signs(rows), known.strangers(rows)
        each = {"default": scored(signs, weights, may)}
        common = np.asarray((known.edges[rows] @ known.edges).toarray(), np.float32)
        for name in PLAIN:
            plain = signs[name] if name in SIGNS else common
            each[name] = np.where(may, plain, -np.inf).astype(np.float32)
        relevant = sparse.csr_array(part.hidden[rows].astype(bool))
        for name, scores in each.items():
            found.setdefault(name, []).append(evaluate(scores, relevant, ks=(K,))[f"recall@{K}"])
    return {name: np.concatenate(values) for name, values in found.items()}


def befriended(
    known: Closeness, part: Hidden, weights: Mapping[str, float], *, most: int, seed: int = 0
) -> dict[str, Any]:
    """Return what `metrics.json` says of suggested friends: recall@10, and how much above common neighbours."""
    if not part.hidden.nnz:
        return {}
    values = suggested(known, part, weights, most=most, seed=seed)
    return {
        "cases": len(values["default"]),
        "weights": {name: round(weight, 4) for name, weight in weights.items()},
        f"recall@{K}": {name: interval(each, seed=seed).to_json() for name, each in values.items()},
        "differences": {
            f"default - {name}": paired_difference(values["default"], values[name], seed=seed).to_json()
            for name in PLAIN
        },
    }
