"""Past→future ridge: what comes next, regressed on all that came before.

M items modelled, S moments, E events.
"""

from dataclasses import dataclass
from typing import Annotated, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shelfspace.config import Range
from shelfspace.linear.counts import Floats, decay, item_degree, most_taken, power
from shelfspace.linear.ease import inverse_gram
from shelfspace.linear.itemwise import DenseWeights
from shelfspace.linear.trending import Trending
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import History

MAX_PAIRS = 30_000_000
"""Events before and after all moments together, about 40 bytes each."""


@dataclass(kw_only=True)
class PastFuture(Trending):
    """W = D^-source (PᵀP + λI)^-1 PᵀF D^-target: a linear autoregression over whole histories.

    At each moment of a user (each time at which something was taken, after their first) a row of P holds what
    came before, aged by `past_half_life` and divided by D^source, and the row of F what was taken then and
    afterwards, fading with `future_half_life`. A history without times has no past and no future: then all
    weights are 0.

    Args:
        regularisation: λ.
        past_half_life: how fast the past fades in the fit, in days or steps.
        future_half_life: how fast the future fades; a small one asks for the very next.
        fit_half_life: the age at which a moment counts half: a low one follows the trend.
        user: a user's every moment counts (their number of moments)^-user.
        source: the exponent of the past item's degree inside the regression.
        target: the exponent of the scored item's degree: high favours what is rare.
        max_length: how many events before and after a moment are looked at.
        max_items: only the most taken items are modelled (fewer where several tie at the border).

    Of a shop with more than MAX_PAIRS pairs of a moment and an event only each user's latest moments are
    learnt from.

    Cost: O(E · max_length) pairs, then M³ floating-point operations and 12 M² bytes; 4 M² afterwards.
    """

    regularisation: Annotated[float, Range(0.3, 1000, log=True)] = 50.0
    past_half_life: Annotated[float, Range(0.3, 3000, log=True)] = 90.0
    future_half_life: Annotated[float, Range(0.1, 3000, log=True)] = 0.5
    fit_half_life: Annotated[float, Range(3.0, 3000.0, log=True)] = 60.0
    user: Annotated[float, Range(0.0, 1.0)] = 0.3
    source: Annotated[float, Range(0.0, 0.6)] = 0.2
    target: Annotated[float, Range(-0.2, 0.5)] = 0.0
    max_length: int = 200
    max_items: int = 15_000

    def fit(self, history: History, catalogue: Catalogue) -> Self:
        """Solve the normal equations: the inverse by Cholesky in float32, times what is sparse."""
        self.learn_trend(history)
        degree = item_degree(history)
        items = most_taken(degree, self.max_items)
        past, future = self._rows(history)
        past, future = past[:, items], future[:, items]
        past.data = past.data * power(degree[items], -self.source)[past.indices]
        inverse = inverse_gram(past, self.regularisation)
        wanted = sparse.csr_array(past.T @ future)
        few = wanted.nnz < 0.02 * len(items) ** 2
        matrix = np.ascontiguousarray((wanted.T.tocsr() @ inverse).T) if few else inverse @ wanted.toarray()
        matrix *= power(degree[items], -self.source)[:, None]
        matrix *= power(degree[items], -self.target)
        self.weights = DenseWeights(matrix, items, history.num_items)
        return self

    def _rows(self, history: History) -> tuple[sparse.csr_array, sparse.csr_array]:
        """Return P and F, float32 [S, N]."""
        user = history.user()
        new = np.ones(history.num_events, bool)
        new[1:] = (np.diff(history.time) != 0) | (np.diff(user) != 0)
        first = np.zeros(history.num_events, bool)
        first[history.indptr[:-1][history.lengths() > 0]] = True
        start = np.flatnonzero(new & ~first)
        owner = user[start]
        begin = np.maximum(history.indptr[owner], start - self.max_length)
        until = np.minimum(history.indptr[owner + 1], start + self.max_length)
        moments = np.bincount(owner, minlength=history.num_users)
        from_end = np.cumsum(moments)[owner] - np.arange(len(start))
        total = np.cumsum(np.bincount(from_end, weights=until - begin))
        late = from_end <= max(1, int(np.searchsorted(total, MAX_PAIRS, "right")) - 1)
        start, owner, begin, until = start[late], owner[late], begin[late], until[late]
        weight = power(moments, -self.user / 2)[owner] * decay(history.age()[start], 2 * self.fit_half_life)
        past = _aged(history, start, begin, start, weight, self.past_half_life)
        return past, _aged(history, start, start, until, weight, self.future_half_life)


def _aged(
    history: History,
    moment: npt.NDArray[np.int64],
    begin: npt.NDArray[np.int64],
    end: npt.NDArray[np.int64],
    weight: Floats,
    half_life: float,
) -> sparse.csr_array:
    """Return float32 [S, N]: the events begin:end of each moment, aged by their distance from it."""
    many = end - begin
    indptr = np.concatenate([[0], np.cumsum(many)])
    event = np.repeat(begin - indptr[:-1], many) + np.arange(indptr[-1])
    gap = np.abs(history.time[event] - np.repeat(history.time[moment], many))
    data = history.weight[event] * decay(gap, half_life) * np.repeat(weight, many)
    rows = sparse.csr_array((data, history.item[event], indptr), shape=(len(moment), history.num_items))
    rows.sum_duplicates()
    return rows
