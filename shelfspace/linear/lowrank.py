"""Low-rank ridge with a kNN tail: EASE for catalogues that are too large for it. U users, N items, K rank."""

from dataclasses import dataclass, field, replace
from typing import Annotated, ClassVar, Self

import numpy as np

from shelfspace.config import Range
from shelfspace.linear.counts import Floats, Rows, decay, item_degree, latest_matrix, power
from shelfspace.linear.itemwise import FactoredWeights, SparseWeights, sparse_from
from shelfspace.linear.neighbours import products, thinned
from shelfspace.linear.retriever import Arrays, Reason, Scores
from shelfspace.linear.svd import leading
from shelfspace.linear.trending import Trending
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import History


@dataclass(kw_only=True)
class LowRank(Trending):
    """W = D_i^-source (V f Vᵀ + tail · AᵀA without its diagonal) D_i^-target, A = D_u^-user · X · D_i^-item.

    V and s are the leading right singular vectors and values of A, s and the tail on the scale of the
    largest s; f = s² / (s² + λ); X holds each user's items, aged.

    Args:
        rank: K, how many singular vectors are kept.
        regularisation: λ, as a share of the largest s².
        tail: what the direct neighbours add to the smooth part.
        user: the exponent of the user's degree.
        item: the exponent of the item's degree in the factorisation.
        source: the exponent of the past item's degree.
        target: the exponent of the scored item's degree: below 0 the popular gain.
        fit_half_life: the age at which an event counts half in the fit, in days or steps.
        neighbours: how many of the strongest direct neighbours are kept for each item; 0 keeps all.
        seed: of the random start of the singular vectors.

    Cost: the factorisation (see `svd.leading`) and one sparse product; 4 N K bytes and 8 for each neighbour.

    Sources: the filter is that of ridge regression; the normalisation that of GF-CF (Shen et al. 2021).
    """

    REFIT_FREE: ClassVar[frozenset[str]] = frozenset(
        {*Trending.REFIT_FREE, "regularisation", "tail", "source", "target"}
    )

    rank: int = 512
    regularisation: Annotated[float, Range(0.01, 2.0, log=True)] = 0.1
    tail: Annotated[float, Range(0.0, 3.0)] = 0.3
    user: Annotated[float, Range(0.0, 0.6)] = 0.25
    item: Annotated[float, Range(0.0, 0.6)] = 0.4
    source: Annotated[float, Range(0.0, 0.6)] = 0.4
    target: Annotated[float, Range(-0.6, 0.4)] = -0.25
    fit_half_life: Annotated[float, Range(1.0, 3000.0, log=True)] = 60.0
    neighbours: int = 500
    seed: int = 0
    factors: FactoredWeights = field(init=False, repr=False)
    spectrum: Floats = field(init=False, repr=False)
    degree: Floats = field(init=False, repr=False)

    def fit(self, history: History, catalogue: Catalogue) -> Self:
        """Factorise, then count direct neighbours a block of items at a time."""
        self.learn_trend(history)
        degree = item_degree(history)
        taken = latest_matrix(history, history.weight * decay(history.age(), self.fit_half_life))
        rows, into = power(history.lengths(), -self.user), power(degree, -self.item)
        taken.data *= np.repeat(rows, np.diff(taken.indptr)) * into[taken.indices]
        values, vectors = leading(taken, min(self.rank, *taken.shape), seed=self.seed)
        largest = max(float(values.max(initial=0.0)) ** 2, 1e-30)
        ones = np.ones(history.num_items, np.float32)
        near = thinned(products(taken, taken), ones / np.float32(largest), ones, self.neighbours)
        self.spectrum = (values**2 / largest).astype(np.float32)
        self.degree = degree.astype(np.float32)
        self.factors = FactoredWeights(vectors, SparseWeights(near), self.spectrum, ones, ones)
        return self

    def score(self, queries: History) -> Scores:
        """Return float32 [B, N]. Cost: 2 B N K operations and a sparse product."""
        self._compose()
        return super().score(queries)

    def reasons(self, query: History, items: Rows) -> list[list[Reason]]:
        """Return what each past item adds to the score of each item asked, the largest first."""
        self._compose()
        return super().reasons(query, items)

    def arrays(self) -> Arrays:
        """Return the vectors, the neighbours, the spectrum, the items' degrees and the trend."""
        learnt = {"spectrum": self.spectrum, "degree": self.degree, "rising": self.rising}
        return self.factors.arrays() | learnt

    def restore(self, arrays: Arrays) -> Self:
        """Take what `arrays` gave."""
        names = ("vectors", "spectrum", "degree", "rising")
        learnt = {name: arrays[name].astype(np.float32) for name in names}
        tail = SparseWeights(sparse_from(arrays))
        self.spectrum, self.degree, self.rising = learnt["spectrum"], learnt["degree"], learnt["rising"]
        self.factors = FactoredWeights(learnt["vectors"], tail, self.spectrum, self.degree, self.degree)
        return self

    def _compose(self) -> None:
        """Put the settings that need no refit into the weights."""
        kept = self.spectrum / (self.spectrum + np.float32(self.regularisation))
        into, out = power(self.degree, -self.source), power(self.degree, -self.target)
        self.weights = replace(self.factors, middle=kept, into=into, out=out, share=self.tail)
