"""What the parts of a score count for, learnt from judgments or clicks. P places: a query and a product."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from shelfspace.config import extra
from shelfspace.errors import MissingExtraError
from shelfspace.searching.logged import Judged
from shelfspace.searching.searcher import FEEDBACK, MEANING, POPULARITY, WORDS, Ranking, Searcher

Floats = npt.NDArray[np.float64]
Way = Callable[["Material"], Ranking]

TAUGHT = (WORDS, MEANING, FEEDBACK, POPULARITY)
"""Parts whose weights can be learnt."""

LEAST = 20
"""So many queries whose products differ in gain it takes."""

FOLDS = 5
UNCLICKED = 50
"""Of the best of a query with clicks, so many that were not taken are learnt from too."""

QUERIES_AT_ONCE = 64


@dataclass(frozen=True)
class Material:
    """Places of queries: parts float32 [P, 4] as in `TAUGHT`, features [P, F], gain [P], query [P], not falling."""

    parts: npt.NDArray[np.float32]
    features: npt.NDArray[np.float32]
    gain: Floats
    query: npt.NDArray[np.int64]

    def take(self, mask: npt.NDArray[np.bool_]) -> "Material":
        """Return some of the places."""
        return Material(self.parts[mask], self.features[mask], self.gain[mask], self.query[mask])

    @property
    def sizes(self) -> list[int]:
        """How many places each query has."""
        counts: list[int] = np.unique(self.query, return_counts=True)[1].tolist()
        return counts

    @classmethod
    def of(cls, searcher: Searcher, judged: Judged) -> "Material | None":
        """Ask the searcher every query that tells two products apart; None where those are too few."""
        texts = np.asarray(judged.query, dtype=object)
        names = list(dict.fromkeys(judged.query))
        found: list[tuple[Any, Any, Any]] = []
        for start in range(0, len(names), QUERIES_AT_ONCE):
            some = names[start : start + QUERIES_AT_ONCE]
            said = [searcher.read(name) for name in some]
            meant = (
                searcher.meaning.read([one.text for one in said]) if searcher.meaning is not None else None
            )
            for n, name in enumerate(some):
                rows = texts == name
                answer = searcher.found(said[n], None if meant is None else meant[n])
                items, gain = judged.item[rows].astype(np.int64), judged.gain[rows]
                if judged.source == "clicks":
                    best = np.argsort(-searcher.total(answer), kind="stable")[:UNCLICKED]
                    others = np.setdiff1d(best, items)
                    items = np.concatenate([items, others])
                    gain = np.concatenate([gain, np.zeros(len(others))])
                if len(np.unique(gain)) > 1:
                    parts = np.stack([answer.parts[part][items] for part in TAUGHT], axis=1)
                    found.append((parts, searcher.features(answer, items), gain))
        if len(found) < LEAST:
            return None
        sizes = [len(gain) for _, _, gain in found]
        joined = [np.concatenate(column) for column in zip(*found, strict=True)]
        return cls(joined[0], joined[1], joined[2], np.repeat(np.arange(len(found)), sizes))


def learnt(material: Material, start: Ranking, *, seed: int) -> tuple[Ranking, dict[str, float], list[str]]:
    """Return what the parts count for, the measure of each way over folds of queries, and notes.

    Three ways are measured on queries that they have not learnt from: the weights as they come, weights by logistic
    regression over pairs of products of a query, and trees (LambdaRank) on top of the better of both. One that
    learns is taken where it is better than what is simpler by one standard error.

    Sources: Joachims. Optimizing Search Engines Using Clickthrough Data. 2002 (pairs); Burges. From RankNet to
    LambdaRank to LambdaMART: An Overview. 2010 (trees).
    """
    fold = np.random.default_rng(seed).permutation(material.query[-1] + 1)[material.query] % FOLDS
    ways: dict[str, Way] = {"as they come": lambda some: start, "weights": lambda some: by_pairs(some, start)}
    notes: list[str] = []
    values = {name: _held_out(material, fold, way) for name, way in ways.items()}
    best = "as they come"
    if _better(values["weights"], values[best]):
        best = "weights"
    base = ways[best]
    try:
        extra("shelfspace.searching.trees", "lightgbm", "'shelfspace[rank]'")
        values["trees"] = _held_out(material, fold, lambda some: by_trees(some, base(some), seed))
        if _better(values["trees"], values[best]):
            ways["trees"], best = (lambda some: by_trees(some, base(some), seed)), "trees"
    except MissingExtraError as problem:
        notes.append(f"trees were not tried: {problem}")
    measured = {f"ndcg@10, {name}": float(found.mean()) for name, found in values.items()}
    return ways[best](material), measured, notes


def by_pairs(material: Material, start: Ranking) -> Ranking:
    """Return weights under which what is better comes before what is worse, as often as can be; none is below 0."""
    better, worse = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for query in np.unique(material.query):
        rows = np.flatnonzero(material.query == query)
        one, other = np.nonzero(material.gain[rows][:, None] > material.gain[rows][None, :])
        better.append(rows[one])
        worse.append(rows[other])
    first, last = np.concatenate(better), np.concatenate(worse)
    apart = (material.parts[first] - material.parts[last]).astype(np.float64)
    each = np.bincount(material.query[first])[material.query[first]]
    model = LogisticRegression(fit_intercept=False)
    labels = np.concatenate([np.ones(len(apart)), np.zeros(len(apart))])
    model.fit(np.concatenate([apart, -apart]), labels, sample_weight=np.tile(1.0 / each, 2))
    told = np.maximum(model.coef_[0], 0.0)
    size = sum(start.weights[name] for name in TAUGHT)
    given = float(told.sum())
    if given <= 0:
        return start
    learnt_weights = {name: float(w) * size / given for name, w in zip(TAUGHT, told, strict=True)}
    return replace(start, weights={**start.weights, **learnt_weights}, steepness=float(given / size))


def by_trees(material: Material, start: Ranking, seed: int) -> Ranking:
    """Return the sum with trees on top of it."""
    trees = extra("shelfspace.searching.trees", "lightgbm", "'shelfspace[rank]'")
    grade = grades_of(material.gain)
    fitted = trees.Trees.learnt(material.features, grade, summed(material, start), material.sizes, seed)
    return replace(start, trees=fitted.text)


def grades_of(gain: Floats) -> npt.NDArray[np.int64]:
    """Return gains as whole numbers from 0 to 5."""
    highest = float(gain.max(initial=0.0))
    factor = 5.0 / highest if highest > 5 else 1.0
    return np.rint(gain * factor).astype(np.int64)


def summed(material: Material, ranking: Ranking) -> npt.NDArray[np.float32]:
    """Return the weighted sum at each place, float32 [P]."""
    weights = np.array([ranking.weight(name) for name in TAUGHT], np.float32)
    return np.asarray(material.parts @ weights, np.float32)


def scores_of(material: Material, ranking: Ranking) -> npt.NDArray[np.float32]:
    """Return what each place has under a ranking, float32 [P]."""
    total = summed(material, ranking)
    return total + ranking.running.added(material.features) if ranking.trees else total


def ndcg(material: Material, score: npt.NDArray[np.floating], k: int = 10) -> Floats:
    """Return NDCG@k of each query over its places, gain 2^g - 1; equal scores in the order of the places."""
    found = []
    discount = 1.0 / np.log2(np.arange(2, k + 2))
    worth = np.exp2(grades_of(material.gain)) - 1.0
    for rows in np.split(np.arange(len(score)), np.flatnonzero(np.diff(material.query)) + 1):
        got = worth[rows][np.argsort(-score[rows], kind="stable")][:k]
        ideal = np.sort(worth[rows])[::-1][:k]
        whole = float(ideal @ discount[: len(ideal)])
        found.append(float(got @ discount[: len(got)]) / whole if whole > 0 else 0.0)
    return np.array(found)


def _held_out(material: Material, fold: npt.NDArray[np.int64], way: Way) -> Floats:
    """Return NDCG@10 of each query under what was learnt from the other folds."""
    score = np.zeros(len(fold), np.float32)
    for number in range(FOLDS):
        inside = fold == number
        score[inside] = scores_of(material.take(inside), way(material.take(~inside)))
    return ndcg(material, score)


def _better(one: Floats, other: Floats) -> bool:
    gap = one - other
    return bool(gap.mean() > gap.std(ddof=1) / np.sqrt(len(gap)))
