"""How well newcomers are answered, on shoppers whose events were hidden. B cases, N items."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shelfspace.evaluation.intervals import interval, paired_difference
from shelfspace.evaluation.metrics import evaluate
from shelfspace.newcomers.evidence import Evidence, Strength
from shelfspace.newcomers.learning import Cases, judged

METRIC = "ndcg@10"


def judge(scores: npt.NDArray[np.float32], relevant: sparse.csr_array) -> npt.NDArray[np.float64]:
    """Return NDCG@10 of each case, float64 [B]; nothing is masked, since newcomers had nothing."""
    return evaluate(scores, relevant, ks=(10,))[METRIC]


def welcomed(
    evidence: Evidence, strengths: Mapping[str, Strength], test: Cases, *, seed: int = 0
) -> dict[str, Any]:
    """Return what `metrics.json` says: NDCG@10 of what is popular, of each source with it, and of all.

    Each source on the cases of whom it knows anything.
    """
    found: dict[str, Any] = {"cases": len(test.asked.person), "models": {}, "differences": {}}
    if not len(test.asked.person):
        return found
    models = {name: {name: strength} for name, strength in strengths.items()} | {"default": dict(strengths)}
    popular = judged(evidence, {}, test, judge)
    for name, used in models.items():
        knows = np.zeros(len(popular), bool)
        for source, strength in used.items():
            knows |= evidence.told(source, test.asked, strength)
        if not knows.any():
            continue
        values = judged(evidence, used, test.taking(np.flatnonzero(knows)), judge)
        found["models"][name] = {
            "cases": int(knows.sum()),
            METRIC: interval(values, seed=seed).to_json(),
            "popular": interval(popular[knows], seed=seed).to_json(),
        }
        found["differences"][f"{name} - popular"] = paired_difference(
            values, popular[knows], seed=seed
        ).to_json()
    return found
