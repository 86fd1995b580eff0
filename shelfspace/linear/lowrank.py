"""Low-rank ridge with a kNN tail: EASE for catalogues that are too large for it. U users, N items, K rank."""

from dataclasses import dataclass
from typing import Annotated, Self

import numpy as np

from shelfspace.config import Range
from shelfspace.linear.counts import decay, item_degree, latest_matrix, power
from shelfspace.linear.itemwise import FactoredWeights, Itemwise, SparseWeights
from shelfspace.linear.neighbours import products, thinned
from shelfspace.linear.svd import leading
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import History


@dataclass(kw_only=True)
class LowRank(Itemwise):
    """W = V f Vᵀ + tail · (AᵀA without its diagonal), A = D_u^-user · X · D_i^-item, f = s² / (s² + λ).

    V and s are the leading right singular vectors and values of A; X holds each user's items, aged. Past items
    enter with D_i^-item again and scored items leave with D_i^-target.

    Args:
        rank: K, how many singular vectors are kept.
        regularisation: λ, as a share of the largest s².
        tail: what the direct neighbours add to the smooth part.
        user: the exponent of the user's degree.
        item: the exponent of the item's degree.
        target: the exponent of the scored item's degree: below 0 the popular gain.
        fit_half_life: the age at which an event counts half in the fit, in days or steps.
        neighbours: how many of the strongest direct neighbours are kept for each item; 0 keeps all.
        seed: of the random start of the singular vectors.

    Cost: the factorisation (see `svd.leading`) and one sparse product; 8 N K bytes and 8 for each neighbour.

    Sources: the filter is that of ridge regression; the normalisation that of GF-CF (Shen et al. 2021).
    """

    rank: int = 512
    regularisation: Annotated[float, Range(0.003, 1.0, log=True)] = 0.05
    tail: Annotated[float, Range(0.0, 2.0)] = 0.5
    user: Annotated[float, Range(0.0, 0.6)] = 0.25
    item: Annotated[float, Range(0.0, 0.6)] = 0.4
    target: Annotated[float, Range(-0.6, 0.4)] = 0.0
    fit_half_life: Annotated[float, Range(1.0, 3000.0, log=True)] = 300.0
    neighbours: int = 1000
    seed: int = 0

    def fit(self, history: History, catalogue: Catalogue) -> Self:
        """Factorise, then count direct neighbours a block of items at a time."""
        degree = item_degree(history)
        taken = latest_matrix(history, decay(history.age(), self.fit_half_life))
        rows = power(history.lengths(), -self.user)
        into, out = power(degree, -self.item), power(degree, -self.target)
        taken.data *= np.repeat(rows, np.diff(taken.indptr)) * into[taken.indices]
        values, vectors = leading(taken, min(self.rank, min(taken.shape)), seed=self.seed)
        largest = max(float(values.max(initial=0.0)) ** 2, 1e-30)
        kept = values**2 / (values**2 + np.float32(self.regularisation * largest))
        tail = thinned(products(taken, taken), into * np.float32(self.tail / largest), out, self.neighbours)
        self.weights = FactoredWeights(
            left=into[:, None] * vectors * kept,
            right=np.ascontiguousarray(vectors.T * out),
            tail=SparseWeights(tail),
        )
        return self
