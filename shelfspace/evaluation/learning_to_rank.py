"""The ranker's trees: LambdaRank on the candidates of validation cases, judged on users it has not seen.

V validation cases, C candidates of one case, P places (a case and a candidate), F features.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import lightgbm
import numpy as np
import numpy.typing as npt

from shelfspace.evaluation.collecting import NOWHERE, Collected, Values
from shelfspace.evaluation.mixing import Mix, Tried, difference
from shelfspace.features import Facts, Places, ranks_of, table

FOLDS = 4
TREES = 50
"""At most: on the shops looked at 5 to 15 were best, each of 15 leaves."""

STRIDE = 5
"""Trees between two looks at the held-out users."""

BEST, OTHERS = 50, 50
"""Of each case the trees learn from what is relevant, so many of the sum's best, and as many of the others, drawn."""

SETTINGS = {
    "objective": "lambdarank",
    "lambdarank_norm": False,
    "lambdarank_truncation_level": 20,
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 100,
    "lambda_l2": 10.0,
    "feature_fraction": 0.8,
    "max_bin": 63,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}
STEEPNESS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""Factors of the sum that are tried: how sure its differences are."""

BLOCK = 256
"""Cases whose features are made at once."""

Floats = npt.NDArray[np.float32]

Known = tuple[Collected, Facts]
"""The candidates of a window's cases, and what its past says of the items."""


@dataclass(frozen=True)
class _Material:
    """The places of V cases: features float32 [P, F], base float64 [P], label [P], and where each case begins."""

    features: Floats
    base: npt.NDArray[np.float64]
    label: npt.NDArray[np.int32]
    starts: npt.NDArray[np.int64]

    def rows(self, cases: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the places of these cases."""
        lengths = np.diff(self.starts)[cases]
        before = np.cumsum(lengths) - lengths
        places: npt.NDArray[np.int64] = np.arange(lengths.sum()) + np.repeat(
            self.starts[cases] - before, lengths
        )
        return places


def ranked(
    windows: Sequence[Known],
    mix: Mix,
    sum_values: Values,
    *,
    k: int,
    repeats: bool,
    num_candidates: int,
    standard_errors: float = 1.0,
    always: bool = False,
    seed: int = 0,
    threads: int = 1,
) -> Mix:
    """Return the mix with a ranker, where cases that it has not seen say that it is better than the sum.

    How many trees are grown is chosen by folds over users, each scored by trees learnt from the others. Where there is
    an earlier window, the folds are of that one, and what it taught is judged on the latest: trees easily learn a
    season. Else the folds themselves are the judges. What answers is learnt from all windows.

    Args:
        windows: the candidates of validation cases and what was known of the items, the latest first.
        mix: the weights of the sum that the trees add to.
        sum_values: NDCG of each case of the latest window as the sum answers it, slices included, float64 [V].
        k: where NDCG is cut.
        repeats: whether items that were had before may be answered.
        num_candidates: of the blend.
        standard_errors: how many standard errors of the paired difference it must be better by.
        always: take it in any case.
        seed: of folds and draws.
        threads: of LightGBM; the trees do not depend on it. More of them than there are free cores are very slow.

    Cost: some ten seconds for a thousand cases of 500 candidates on one core; 4 P F bytes.
    """
    learning = _Learning(k, seed, threads)
    materials = [_material(*known, mix, repeats=repeats, num_candidates=num_candidates) for known in windows]
    chosen = [_some(material, seed) for material in materials]
    steepness = _steepness(materials[0], chosen[0])
    materials = [replace(material, base=steepness * material.base) for material in materials]
    values, num_trees = _by_folds(learning, materials[-1], chosen[-1], windows[-1][0])
    if len(windows) > 1:
        booster = learning.trees(materials[1:], chosen[1:], max(num_trees, STRIDE))
        values = learning.values(booster, materials[0], windows[0][0])
    gain, error = difference(values, sum_values)
    kept = always or (num_trees > 0 and gain > standard_errors * error)
    tried = (*mix.tried, Tried("lambdarank", len(values), gain, error, kept))
    if not kept:
        return replace(mix, tried=tried)
    return replace(
        mix,
        ndcg=float(values.mean()),
        weights={name: weight * steepness for name, weight in mix.weights.items()},
        slices=(),
        trees=learning.trees(materials, chosen, max(num_trees, STRIDE)).model_to_string(),
        tried=tried,
    )


@dataclass(frozen=True)
class _Learning:
    """How trees are learnt and measured."""

    k: int
    seed: int
    threads: int

    def trees(
        self, materials: Sequence[_Material], chosen: Sequence[npt.NDArray[np.bool_]], num_trees: int
    ) -> lightgbm.Booster:
        """Learn from the places chosen of all the material."""
        pairs = list(zip(materials, chosen, strict=True))
        group = np.concatenate([np.add.reduceat(np.append(c, False), m.starts[:-1]) for m, c in pairs])
        data = lightgbm.Dataset(
            np.concatenate([m.features[c] for m, c in pairs]),
            np.concatenate([m.label[c] for m, c in pairs]),
            group=group[group > 0],
            init_score=np.concatenate([m.base[c] for m, c in pairs]),
        )
        settings = {**SETTINGS, "seed": self.seed, "num_threads": self.threads}
        return lightgbm.train(settings, data, num_boost_round=num_trees)

    def values(self, booster: lightgbm.Booster, material: _Material, collected: Collected) -> Values:
        """Return NDCG of each case, float64 [V]."""
        there = collected.items >= 0
        total = np.full(there.shape, NOWHERE)
        total[there] = material.base + booster.predict(material.features, num_threads=self.threads)
        return collected.ndcg(total, self.k)


def _by_folds(
    learning: _Learning, material: _Material, chosen: npt.NDArray[np.bool_], collected: Collected
) -> tuple[Values, int]:
    """Return NDCG of each case under trees learnt from other users, float64 [V], and how many trees are best.

    A case is scored by as many trees as are best for the other folds, so that its own answers choose nothing.
    """
    fold = np.random.default_rng(learning.seed).permutation(len(collected)) % FOLDS
    stages = np.zeros((TREES // STRIDE + 1, len(collected)))
    case = np.repeat(np.arange(len(collected)), np.diff(material.starts))
    for f in range(FOLDS):
        booster = learning.trees([material], [chosen & (fold[case] != f)], TREES)
        inside = np.flatnonzero(fold == f)
        stages[:, inside] = _staged(booster, material, collected, inside, learning)
    best = [int(np.argmax(stages[:, fold != f].mean(axis=1))) for f in range(FOLDS)]
    values: Values = stages[np.asarray(best)[fold], np.arange(len(collected))]
    return values, int(np.argmax(stages.mean(axis=1))) * STRIDE


def _material(
    collected: Collected, facts: Facts, mix: Mix, *, repeats: bool, num_candidates: int
) -> _Material:
    [queries] = collected.queries
    weights = np.asarray([mix.weights[name] for name in collected.names])
    there = collected.items >= 0
    features, base = [], []
    for start in range(0, len(collected), BLOCK):
        rows = np.arange(start, min(start + BLOCK, len(collected)))
        query, at = np.nonzero(there[rows])
        items = collected.items[rows][query, at].astype(np.int64)
        places = Places(query, items, collected.scores[:, rows][:, query, at])
        ranks = ranks_of(places, places, num_candidates)
        features.append(table(places, ranks, queries.of_users(rows), facts, repeats=repeats))
        base.append(weights @ places.scores)
    starts = np.concatenate([[0], np.cumsum(there.sum(axis=1))])
    labels = collected.gains[there].astype(np.int32)
    return _Material(np.concatenate(features), np.concatenate(base), labels, starts)


def _some(material: _Material, seed: int) -> npt.NDArray[np.bool_]:
    """Return the places that are learnt from, bool [P]."""
    rng, chosen = np.random.default_rng(seed), material.label > 0
    for start, stop in zip(material.starts[:-1], material.starts[1:], strict=True):
        order = start + np.argsort(-material.base[start:stop], kind="stable")
        chosen[order[:BEST]] = True
        chosen[rng.permutation(order[BEST:])[:OTHERS]] = True
    return chosen


def _steepness(material: _Material, chosen: npt.NDArray[np.bool_]) -> float:
    """Return the factor of the sum under which it foretells best which of two candidates is relevant."""
    gaps = [np.zeros(0)]
    for start, stop in zip(material.starts[:-1], material.starts[1:], strict=True):
        used = chosen[start:stop]
        base, right = material.base[start:stop][used], material.label[start:stop][used] > 0
        gaps.append((base[right][:, None] - base[~right][None, :]).ravel())
    gap = np.concatenate(gaps)
    return min(STEEPNESS, key=lambda factor: float(np.logaddexp(0.0, -factor * gap).sum()))


def _staged(
    booster: lightgbm.Booster,
    material: _Material,
    collected: Collected,
    cases: npt.NDArray[np.int64],
    learning: _Learning,
) -> npt.NDArray[np.float64]:
    """Return NDCG of each case after no tree, after `STRIDE` trees and so on, float64 [stages, cases]."""
    some, rows = collected.take(cases), material.rows(cases)
    there, features, score = some.items >= 0, material.features[rows], material.base[rows].copy()
    total = np.full(there.shape, NOWHERE)
    values = []
    for stage in range(TREES // STRIDE + 1):
        if stage:
            score += booster.predict(
                features,
                start_iteration=(stage - 1) * STRIDE,
                num_iteration=STRIDE,
                num_threads=learning.threads,
            )
        total[there] = score
        values.append(some.ndcg(total, learning.k))
    return np.stack(values)
