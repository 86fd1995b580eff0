"""How good classifying is, on labelled listings that nothing was learnt or weighed from. N listings, C classes."""

from typing import Any

import numpy as np
import numpy.typing as npt

from shelfspace.classifying.fusing import Floats, Seen
from shelfspace.classifying.labels import Classes, Codes
from shelfspace.classifying.learning import Learnt, Unseen
from shelfspace.evaluation.intervals import resampled

RESAMPLES = 1000
BINS = 15
AS_THEY_ARE = "as they are"


def classified(learnt: Learnt, *, seed: int = 0) -> dict[str, Any]:
    """Return what `metrics.json` says of classifying, by column.

    `fields`: figures of held-out listings as they are, and of those that have several views by each part of them alone;
    `suspicious`: how many labels are.
    """
    columns = {}
    for column, unseen in learnt.unseen.items():
        columns[column] = {
            "labels_learnt_from": int((~unseen.test).sum()),
            "classes": len(unseen.classes),
            "cases": int(unseen.test.sum()),
            "suspicious": len(learnt.suspects[column]),
            "fields": _fields(unseen, seed=seed),
        }
    return {"precision_wanted": learnt.classifier.settings.precision, "columns": columns}


def figures(
    classes: Classes, chance: Floats, threshold: Floats, code: Codes, *, seed: int = 0
) -> dict[str, dict[str, float | None]]:
    """Return accuracy, macro-F1, what was answered and how rightly, and how far chances are off.

    accuracy: of the likeliest class, whole;  macro_f1: the mean over the classes that listings have;
    coverage: the share answered, in part or whole;  whole: the share answered with a whole class;
    precision: of what was answered, the share that is right: the true path, or a broader part of it;
    ece: the mean difference of the likeliest class's chance and how often it is right (expected calibration error).

    Args:
        classes: C of them.
        chance: float64 [N, C].
        threshold: float64 [N].
        code: int64 [N], the true classes.
        seed: of the bootstrap over listings, for 95 % intervals.

    Source of the last: Guo et al. 2017.
    """
    best = chance.argmax(axis=1)
    answer = classes.longest(classes.sure(chance), threshold)
    under = classes.under.toarray() > 0
    said = answer >= 0
    right = said & under[code, answer]
    ends = {classes.prefixes.index(path) for path in classes.paths}
    whole = np.isin(answer, list(ends))
    cells = np.stack([best == code, said, whole, right], axis=1).astype(np.float64)
    drawn, value = (
        _shares(resampled(cells, RESAMPLES, seed), len(code)),
        _shares(cells.sum(axis=0)[None], len(code)),
    )
    found: dict[str, dict[str, float | None]] = {}
    for n, name in enumerate(("accuracy", "coverage", "whole", "precision")):
        plain = drawn[:, n][~np.isnan(drawn[:, n])]
        if np.isnan(value[0, n]) or not len(plain):
            found[name] = {"value": None, "low": None, "high": None}
            continue
        low, high = np.quantile(plain, [0.025, 0.975]).tolist()
        found[name] = {"value": float(value[0, n]), "low": low, "high": high}
    found["macro_f1"] = {"value": macro_f1(code, best)}
    found["ece"] = {"value": calibration_error(chance.max(axis=1), best == code)}
    return found


def macro_f1(code: Codes, said: Codes) -> float:
    """Return the mean F1 over the classes that listings truly have."""
    size = max(int(code.max(initial=0)), int(said.max(initial=0))) + 1
    hit = np.bincount(code[code == said], minlength=size)
    true, told = np.bincount(code, minlength=size), np.bincount(said, minlength=size)
    f1 = 2 * hit / np.maximum(true + told, 1)
    return float(f1[true > 0].mean())


def calibration_error(chance: Floats, right: npt.NDArray[np.bool_]) -> float:
    """Return the mean difference between chances and how often they came true, over 15 bins of equal width."""
    place = np.minimum((chance * BINS).astype(np.int64), BINS - 1)
    off = np.bincount(place, chance, BINS) - np.bincount(place, right.astype(np.float64), BINS)
    return float(np.abs(off).sum() / max(1, len(chance)))


def _fields(unseen: Unseen, *, seed: int) -> dict[str, Any]:
    """Return figures by the views that are used, and beside them what the most common class is right in."""
    test = np.flatnonzero(unseen.test)
    if not len(test):
        return {}
    code, scored = unseen.code[test], unseen.scored.take(test)
    chance, threshold = unseen.fusions.chance(scored)
    common = int(np.bincount(unseen.code[~unseen.test], minlength=len(unseen.classes)).argmax())
    found: dict[str, Any] = {
        AS_THEY_ARE: {"cases": len(test), **figures(unseen.classes, chance, threshold, code, seed=seed)},
        "most common class": {"cases": len(test), "accuracy": {"value": float((code == common).mean())}},
    }
    fullest: Seen = max(scored.patterns(), key=lambda seen: (len(seen), seen))
    if len(fullest) < 2:
        return found
    rows = np.flatnonzero(scored.having(fullest))
    some, true = scored.take(rows), code[rows]
    for seen, fusion in unseen.fusions.by_seen.items():
        if set(seen) <= set(fullest):
            least = np.full(len(rows), fusion.threshold)
            said = figures(unseen.classes, fusion.chance(some), least, true, seed=seed)
            found[" + ".join(seen)] = {"cases": len(rows), **said}
    return found


def _shares(sums: Floats, num: int) -> Floats:
    """From sums of right, said, whole and rightly said, [R, 4], to accuracy, coverage, whole and precision."""
    accurate, said, whole, right = sums.T
    precision = np.divide(right, said, out=np.full(len(said), np.nan), where=said > 0)
    return np.stack([accurate / num, said / num, whole / num, precision], axis=1)
