"""Item-kNN: one sparse kernel with every useful exponent.

N items, E events, P pairs of events of one user.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shelfspace.config import Choice, Range
from shelfspace.linear.counts import Floats, decay, item_degree, power
from shelfspace.linear.itemwise import SparseWeights
from shelfspace.linear.neighbours import cuts, products, thinned
from shelfspace.linear.trending import Trending
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import History

Counts = npt.NDArray[np.int64]


@dataclass(kw_only=True)
class ItemKNN(Trending):
    """What is taken near, and after, what the user took: W = D^-a · Σ_users degree^-b · pairs · D^-c.

    A pair is two events of one user; it counts the product of their weights times decay(gap), times 1 where
    the past item came first, `back` where it came after, `same` where both came at one moment. D is how many
    users took an item, a user's degree how many events they have. The textbook's cosine is a = c = 1/2, b =
    0, back = 1 and no decay; it is seldom the best, and the best differs by shop.

    Args:
        source: a, the exponent of the past item's degree.
        user: b, the exponent of the user's degree.
        target: c, the exponent of the scored item's degree: high favours what is rare.
        gap_half_life: the distance in days or steps at which a pair counts half.
        fit_half_life: the age of the scored item's event at which a pair counts half: a low one follows the
            trend.
        max_gap: pairs further apart are not counted.
        back: what a pair against the direction of time counts for.
        same: what a pair at one moment counts for; without times every pair is one.
        neighbours: how many of the strongest are kept for each past item; 0 keeps all.
        max_length: of a user with more events only the latest count.

    Cost: O(P) time, P <= E · min(max_length, a user's events), in blocks of bounded memory; 8 bytes a weight
    kept. Where neither time nor direction counts it is one sparse product.

    Sources: Sarwar et al. 2001; Deshpande and Karypis 2004 (the exponents); Ludewig and Jannach 2018 (the
    decay).
    """

    source: Annotated[float, Range(0.0, 1.0)] = 0.4
    user: Annotated[float, Range(0.0, 1.0)] = 0.7
    target: Annotated[float, Range(0.0, 0.6)] = 0.25
    gap_half_life: Annotated[float, Range(0.3, 3000, log=True)] = 60.0
    fit_half_life: Annotated[float, Range(3.0, 3000.0, log=True)] = 100.0
    max_gap: float = np.inf
    back: Annotated[float, Range(0.0, 1.0)] = 0.5
    same: Annotated[float, Choice((0.5, 1.0, 2.0))] = 1.0
    neighbours: int = 500
    max_length: int = 500

    def fit(self, history: History, catalogue: Catalogue) -> Self:
        """Count the pairs, a block of past items at a time."""
        self.learn_trend(history)
        degree = item_degree(history)
        left, right = power(degree, -self.source), power(degree, -self.target)
        latest = _latest(history, self.max_length)
        uniform = self.gap_half_life == self.max_gap == np.inf and self.back == self.same == 1.0
        counted = self._products(latest) if history.clock == "none" or uniform else self._pairs(latest)
        self.weights = SparseWeights(thinned(counted, left, right, self.neighbours))
        return self

    def _products(self, history: History) -> Iterator[sparse.csr_array]:
        same = np.float32(self.same if history.clock == "none" else 1.0)
        return products(history.matrix(history.weight), history.matrix(same * self._value(history)))

    def _pairs(self, history: History) -> Iterator[sparse.csr_array]:
        start, stop = self._partners(history)
        value = self._value(history)
        time, order = history.time, np.argsort(history.item, kind="stable")
        ends = np.concatenate([[0], np.cumsum(np.bincount(history.item, minlength=history.num_items))])
        count = (stop - start)[order]
        total = np.concatenate([[0], np.cumsum(count)])
        for a, b in cuts(np.diff(total[ends])):
            past, many = order[ends[a] : ends[b]], count[ends[a] : ends[b]]
            indptr = total[ends[a] : ends[b] + 1] - total[ends[a]]
            other = np.repeat(start[past] - indptr[:-1], many) + np.arange(indptr[-1])
            gap = (time[other] - np.repeat(time[past], many)).astype(np.float32)
            weight = decay(np.abs(gap), self.gap_half_life) * value[other]
            weight *= np.repeat(history.weight[past], many)
            if self.back != 1:
                weight[gap < 0] *= np.float32(self.back)
            if self.same != 1:
                weight[gap == 0] *= np.float32(self.same)
            events = sparse.csr_array(
                (weight, history.item[other], indptr), shape=(len(past), history.num_items)
            )
            ones = np.ones(len(past), np.float32)
            of_item = sparse.csr_array(
                (ones, np.arange(len(past)), ends[a : b + 1] - ends[a]), shape=(b - a, len(past))
            )
            yield of_item @ events

    def _value(self, history: History) -> Floats:
        """Return what each event counts for as the scored one of a pair, float32 [E]."""
        by_user = power(history.lengths(), -self.user)[history.user()]
        return history.weight * by_user * decay(history.age(), self.fit_half_life)

    def _partners(self, history: History) -> tuple[Counts, Counts]:
        """Return the range of events that each event is paired with, itself among them."""
        lengths, indptr = history.lengths(), history.indptr
        start, stop = np.repeat(indptr[:-1], lengths), np.repeat(indptr[1:], lengths)
        if self.back == 0:
            new = np.ones(history.num_events, bool)
            new[1:] = (np.diff(history.time) != 0) | (np.diff(history.user()) != 0)
            moments = np.append(np.flatnonzero(new), history.num_events)
            moment = np.cumsum(new) - 1
            start = moments[moment] if self.same else moments[moment + 1]
        if self.max_gap < np.inf and history.num_events:
            key = history.user() * (np.ptp(history.time) + self.max_gap + 1.0) + history.time
            start = np.maximum(start, np.searchsorted(key, key - self.max_gap, "left"))
            stop = np.maximum(start, np.minimum(stop, np.searchsorted(key, key + self.max_gap, "right")))
        return start, stop


def _latest(history: History, most: int) -> History:
    if not most or not history.num_events or history.lengths().max() <= most:
        return history
    to_come = np.repeat(history.indptr[1:], history.lengths()) - np.arange(history.num_events)
    return history.keep(to_come <= most)
