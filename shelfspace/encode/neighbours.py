"""What is near, in the learnt space, to each thing that the user took. N items, K neighbours kept of each."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shelfspace.config import Range
from shelfspace.linear.counts import Floats, Rows, power
from shelfspace.linear.itemwise import Itemwise, SparseWeights, sparse_from
from shelfspace.linear.retriever import Arrays, Reason, Scores
from shelfspace.shop.history import History

MAX_KEPT = 5_000_000
"""Neighbours kept in all, 8 bytes each."""


@dataclass(kw_only=True)
class LearntKNN(Itemwise):
    """Neighbours by learnt vectors: W = exp(sharpness · (cosine - 1)), for the nearest of each past item.

    A user tower has one vector for all that a user likes; here every past item speaks for itself, so that a user of
    many tastes is served in each of them. What has never been sold is scored too: its vector is made of what its
    listing says, in a space that was shaped by what is taken together.

    Args:
        sharpness: at a high one, few near neighbours outweigh many far ones; 1 / temperature is that of the training.
        popular: the exponent of (1 + times taken) by which a scored item gains.
        trend: the exponent of its recent share over its longer one by which it gains.
        neighbours: how many of the nearest are kept for each past item, fewer where that would be more than five
            million in all.
        max_items: in a larger catalogue only the most taken have neighbours; all are still recommended.

    Cost: 2 P N D operations for the neighbours of P <= max_items past items, once; 8 P K bytes; a score is a sparse
    product.

    Sources: Sarwar et al. 2001 (item neighbours); Wu et al. 2018 (weights exp(cosine / temperature) of neighbours in
    a space learnt by contrast).

    Example:
        >>> near = LearntKNN(sharpness=5.0).take([0, 1], [[1], [0]], [[0.8], [0.8]], [3, 1, 0])
        >>> past = History.of([0], [0], [0.0], num_users=1, num_items=3, clock="none")
        >>> near.score(past).round(3).tolist()
        [[0.0, 0.36800000071525574, 0.0]]
    """

    REFIT_FREE: ClassVar[frozenset[str]] = frozenset({*Itemwise.REFIT_FREE, "sharpness", "popular", "trend"})

    sharpness: Annotated[float, Range(1.0, 40.0, log=True)] = 10.0
    popular: Annotated[float, Range(0.0, 1.0)] = 0.0
    trend: Annotated[float, Range(0.0, 1.5)] = 0.0
    neighbours: int = 500
    max_items: int = 20_000
    cosines: sparse.csr_array = field(init=False, repr=False)
    degree: Floats = field(init=False, repr=False)
    rising: Floats = field(init=False, repr=False)
    composed: tuple[float, float, float] | None = field(init=False, repr=False, default=None)

    def kept(self, num_items: int) -> int:
        """Return K for a catalogue of so many items."""
        past = max(1, min(num_items, self.max_items))
        return max(1, min(self.neighbours, MAX_KEPT // past, num_items - 1))

    def take(
        self,
        past: npt.ArrayLike,
        near: npt.ArrayLike,
        cosines: npt.ArrayLike,
        num_events: npt.ArrayLike,
        rising: npt.ArrayLike | None = None,
    ) -> Self:
        """Take the neighbours of P items.

        Args:
            past: int [P], the items, rising.
            near: int [P, K], their neighbours, -1 where there are fewer.
            cosines: [P, K].
            num_events: [N], how often each item was taken.
            rising: [N], the logarithm of an item's recent share over its longer one; 0 where None.
        """
        self.degree = np.asarray(num_events, np.float32)
        self.rising = np.zeros_like(self.degree) if rising is None else np.asarray(rising, np.float32)
        size, rows = len(self.degree), np.asarray(near, np.int32)
        counts = np.zeros(size, np.int64)
        counts[np.asarray(past, np.int64)] = (rows >= 0).sum(axis=1)
        indptr = np.concatenate([[0], np.cumsum(counts)])
        values = np.asarray(cosines, np.float32)[rows >= 0]
        self.cosines = sparse.csr_array((values, rows[rows >= 0], indptr), shape=(size, size))
        self.composed = None
        return self

    def score(self, queries: History) -> Scores:
        """Return float32 [B, N]."""
        self._compose()
        return super().score(queries)

    def reasons(self, query: History, items: Rows) -> list[list[Reason]]:
        """Return what each past item adds to the score of each item asked, the largest first."""
        self._compose()
        return super().reasons(query, items)

    def arrays(self) -> Arrays:
        """Return the neighbours with their cosines, how often each item was taken, and how it rises."""
        return SparseWeights(self.cosines).arrays() | {"degree": self.degree, "rising": self.rising}

    def restore(self, arrays: Arrays) -> Self:
        """Take what `arrays` gave."""
        self.cosines, self.degree = sparse_from(arrays), arrays["degree"].astype(np.float32)
        self.rising = arrays.get("rising", np.zeros_like(self.degree)).astype(
            np.float32
        )  # earlier spaces lack it
        self.composed = None
        return self

    def _compose(self) -> None:
        """Put the settings that need no refit into the weights, where they have changed."""
        asked = (self.sharpness, self.popular, self.trend)
        if self.composed == asked:
            return
        near = self.cosines
        data = np.exp(np.float32(self.sharpness) * (near.data - 1))
        if self.popular:
            data *= power(1.0 + self.degree, self.popular)[near.indices]
        if self.trend:
            data *= np.exp(np.float32(self.trend) * self.rising)[near.indices]
        self.weights = SparseWeights(sparse.csr_array((data, near.indices, near.indptr), shape=near.shape))
        self.composed = asked  # last: other threads score at the same time
