"""How good matching is, on labelled pairs that nothing was learnt or chosen from. P pairs."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from shelfspace.evaluation.intervals import resampled
from shelfspace.matching.labelled import Labelled
from shelfspace.matching.matcher import Compared, Found, Matcher, best_threshold

Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

RESAMPLES = 1000


def matched(
    matcher: Matcher, compared: Compared, found: Found, labelled: Labelled, *, seed: int = 0
) -> dict[str, Any]:
    """Return what `metrics.json` says of matching.

    `said`, how many pairs are said to be one product, and `stated_precision`, the mean chance of those. Where pairs of
    the split `test` were labelled: precision, recall and F1 on them, of what answers (`default`) and of the likeness
    alone, its threshold chosen on the same pairs as ours; intervals are of the bootstrap over left listings.
    """
    about: dict[str, Any] = {
        "threshold": matcher.threshold,
        "said": int(found.said.sum()),
        "stated_precision": float(found.chance[found.said].mean()) if found.said.any() else None,
        "labels_learnt_from": len(labelled.part("train")) if matcher.trees else 0,
    }
    test = labelled.part("test")
    if not test.label.any():
        return about
    place = compared.places(test.pairs)
    said = {"default": found.said[place]}
    valid = labelled.part("valid")
    chosen_on = valid if valid.teaches() else labelled.part("train")
    likeness = compared.likeness
    if chosen_on.teaches():
        least = best_threshold(chosen_on.label, likeness[compared.places(chosen_on.pairs)])
        said["likeness"] = likeness[place] >= least
    return about | {
        "cases": len(test),
        "matches": int(test.label.sum()),
        "models": figures(said, test.label, test.pairs.left, seed=seed),
    }


def figures(
    said: Mapping[str, Flags], label: Flags, listing: npt.NDArray[np.int64], *, seed: int = 0
) -> dict[str, dict[str, dict[str, float]]]:
    """Return precision, recall and F1 of what each model said, with 95 % intervals, listings drawn again.

    Args:
        said: bool [P] by model.
        label: bool [P].
        listing: int64 [P]: pairs of one listing are drawn together.
        seed: of the draws.
    """
    _, owner = np.unique(listing, return_inverse=True)
    found: dict[str, dict[str, dict[str, float]]] = {}
    for name, of in said.items():
        cells = np.stack([of & label, of, label], axis=1).astype(np.float64)
        by_owner = np.stack([np.bincount(owner, column).astype(np.float64) for column in cells.T], axis=1)
        drawn = _scores(resampled(by_owner, RESAMPLES, seed))
        value = _scores(cells.sum(axis=0, keepdims=True))
        low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
        found[name] = {
            metric: {"value": float(value[0, n]), "low": float(low[n]), "high": float(high[n])}
            for n, metric in enumerate(("precision", "recall", "f1"))
        }
    return found


def _scores(cells: Floats) -> Floats:
    """From right, said and labelled, [R, 3], to precision, recall and F1."""
    right, said, label = cells.T
    parts = [
        right / np.maximum(said, 1),
        right / np.maximum(label, 1),
        2 * right / np.maximum(said + label, 1),
    ]
    return np.stack(parts, axis=1)
