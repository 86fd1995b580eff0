"""What an event counts for: by its kind, and where it is nobody's; chosen on validation.

U rows of a history, the first of them named users.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from shelfspace.config import Choice
from shelfspace.evaluation.measure import Scorer, measure
from shelfspace.evaluation.search import Search, Settings, tune
from shelfspace.linear.knn import ItemKNN
from shelfspace.linear.retriever import Scoring
from shelfspace.shop.cases import Cases
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import History

KIND_FACTORS = (0.0, 0.1, 0.3, 1.0, 3.0)
ANONYMOUS_FACTORS = (0.0, 0.3, 1.0)
WEIGHT_TRIALS = 12
ANONYMOUS = "anonymous"
"""What a search calls the events of nobody's baskets and sessions; no event kind has this name."""


@dataclass(frozen=True)
class Weights:
    """What an event counts for: by its kind, and times `anonymous` where it is nobody's."""

    kinds: dict[str, float]
    anonymous: float = 1.0

    def times(self, factors: Settings) -> "Weights":
        """Return the weights with some of them multiplied."""
        kinds = {kind: weight * float(factors.get(kind, 1.0) or 0.0) for kind, weight in self.kinds.items()}
        return Weights(kinds, self.anonymous * float(factors.get(ANONYMOUS, 1.0) or 0.0))

    def of(self, history: History, num_named: int) -> History:
        """Return the history with each event weighed; of its rows the first `num_named` are named users."""
        kinds = np.asarray(list(self.kinds.values()), np.float32)
        weight = kinds[history.kind] if len(kinds) > 1 else history.weight.copy()
        weight[history.indptr[num_named] :] *= np.float32(self.anonymous)
        return replace(history, weight=weight)


def learnable(history: History) -> History:
    """Return the history with only the events that count for something."""
    return history.keep(history.weight > 0)


def reweighted(cases: Cases, weights: Weights, num_named: int) -> Cases:
    """Return the cases with events weighed; what a case did is never discounted as anonymous."""
    return replace(cases, fit=weights.of(cases.fit, num_named), queries=weights.of(cases.queries, len(cases)))


def weight_space(weights: Weights, history: History, num_named: int) -> dict[str, Choice]:
    """Return what may count for more or less: every kind but the heaviest, and what is anonymous beside named users."""
    heaviest = max(weights.kinds, key=lambda kind: weights.kinds[kind])
    space = {kind: Choice(KIND_FACTORS) for kind in weights.kinds if kind != heaviest}
    if 0 < history.indptr[num_named] < history.num_events:
        space[ANONYMOUS] = Choice(ANONYMOUS_FACTORS)
    return space


def search_weights(
    windows: Sequence[Cases],
    space: Mapping[str, Choice],
    weights: Weights,
    num_named: int,
    catalogue: Catalogue,
    metric: str,
    max_cases: int,
    max_events: int,
    seed: int,
) -> Search[Any]:
    """Look for what events count for, by the item-kNN kernel at its start values."""
    samples = [cases.sample(max_cases, seed=seed) for cases in windows]
    histories = [sampled(cases.fit, max_events, seed) for cases in windows]

    def objective(tried: Weights) -> float:
        fitted = [ItemKNN().fit(learnable(tried.of(history, num_named)), catalogue) for history in histories]
        return mean_value([reweighted(cases, tried, num_named) for cases in samples], fitted, metric)

    return tune(
        weights.times,
        space,
        objective,
        budget_seconds=60,
        max_trials=min(WEIGHT_TRIALS, 2 * math.prod(len(choice.values) for choice in space.values())),
        seed=seed,
        start=dict.fromkeys(space, 1.0),
    )


def sampled(history: History, max_events: int, seed: int) -> History:
    """Return the events of as many users, drawn at random, as have `max_events` together."""
    if history.num_events <= max_events:
        return history
    order = np.random.default_rng(seed).permutation(history.num_users)
    within = np.cumsum(history.lengths()[order]) <= max_events
    keep = np.zeros(history.num_users, bool)
    keep[order[within]] = True
    return history.keep(np.repeat(keep, history.lengths()))


def alone(retriever: Scoring) -> Scorer:
    """Return the scorer of one model by itself."""
    return lambda queries, allowed: retriever.score(queries)


def mean_value(windows: Sequence[Cases], fitted: Sequence[Scoring], metric: str) -> float:
    """Return a metric's mean over windows, each with the model fitted on its past."""
    values = [
        measure(cases, {"x": alone(part)}, ks=(cutoff(metric),))["x"].mean(metric)
        for cases, part in zip(windows, fitted, strict=True)
    ]
    return float(np.mean(values))


def cutoff(metric: str) -> int:
    """Return the length of list of a metric: 10 of `ndcg@10`."""
    return int(metric.partition("@")[2])
