"""Spectral filters: an ideal low pass, blurred neighbours, then sharpening; for catalogues too large for EASE.

U users, N items, B queries, K rank.
"""

from dataclasses import dataclass, field, replace
from typing import Annotated, ClassVar, Self

import numpy as np
from scipy import sparse

from shelfspace.config import Range
from shelfspace.linear.counts import Floats, Rows, decay, item_degree, latest_matrix, power
from shelfspace.linear.itemwise import SparseWeights, sparse_from
from shelfspace.linear.neighbours import products, thinned
from shelfspace.linear.retriever import Arrays, Reason, Scores
from shelfspace.linear.svd import leading
from shelfspace.linear.trending import Trending
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import History

ORDER = 4
"""Of the polynomial that sharpens: one step of Runge and Kutta's method of that order."""

BLOCK_ROWS = 128
"""Rows of the weights made at once."""


@dataclass(frozen=True)
class SpectralWeights:
    """into · (V Vᵀ + near · neighbours) · q(P) · out, with q(P) = Σ_k (−sharpening · P)^k / k!, k <= ORDER.

    P = AᵀA is never made: A [U, N] is sparse, and multiplies a row twice for each power. vectors: V [N, K],
    of A, with its spectrum [K] (squared singular values); into and out [N]. All but A, the vectors, the
    spectrum and the neighbours may be replaced at no cost.
    """

    taken: sparse.csr_array
    vectors: Floats
    spectrum: Floats
    neighbours: SparseWeights
    into: Floats
    out: Floats
    near: float = 1.0
    sharpening: float = 0.0

    def score(self, profile: sparse.csr_array) -> Scores:
        """Return profile @ W, float32 [B, N]."""
        scaled = profile.copy()
        scaled.data = profile.data * self.into[profile.indices]
        by_user = sparse.csr_array(self.taken.T)
        scores = np.float32(self.near) * self.neighbours.score(scaled)
        term = np.ascontiguousarray(scores.T)
        kept = np.ones_like(self.spectrum)
        power_of = kept
        for k in range(1, ORDER + 1 if self.sharpening else 1):
            share = np.float32(-self.sharpening / k)
            power_of = power_of * self.spectrum * share
            kept = kept + power_of
            term = by_user @ (self.taken @ term)
            term *= share
            scores += term.T
        smooth = np.asarray(scaled @ self.vectors, np.float32) * kept
        scores += smooth @ self.vectors.T
        scores *= self.out
        return scores

    def block(self, rows: Rows, columns: Rows) -> Floats:
        """Return W[rows][:, columns], float32: one-hot rows are scored."""
        found = np.zeros((len(rows), len(columns)), np.float32)
        for a in range(0, len(rows), BLOCK_ROWS):
            some = rows[a : a + BLOCK_ROWS]
            one = np.ones(len(some), np.float32)
            shape = (len(some), len(self.out))
            found[a : a + BLOCK_ROWS] = self.score(
                sparse.csr_array((one, some, np.arange(len(some) + 1)), shape=shape)
            )[:, columns]
        return found

    def arrays(self) -> Arrays:
        """Return what cannot be replaced."""
        a = self.taken
        rows = {"taken_data": a.data, "taken_indices": a.indices, "taken_indptr": a.indptr}
        return {"vectors": self.vectors, "spectrum": self.spectrum, **rows, **self.neighbours.arrays()}


@dataclass(kw_only=True)
class Spectral(Trending):
    """W = D_i^-source (V Vᵀ + near · N)(Σ_k (−sharpening · P)^k / k!) D_i^-target, P = AᵀA / s₁².

    A = D_u^-user · X · D_i^-item, where X holds each user's items, aged; V are its leading right singular
    vectors, s₁ its largest singular value. V Vᵀ is the ideal low pass. N is P without its diagonal, each
    entry to the `sharpness`, on the scale that it had: the blurring by direct neighbours. The polynomial is
    one step of dB/dt = −B P: it takes away what blurring once more would add.

    Args:
        rank: K, how many singular vectors pass.
        near: what direct neighbours add to the low pass.
        sharpness: the exponent of the neighbours' weights: above 1, few strong ones outweigh many weak ones.
        sharpening: how long the sharpening goes on; at 0 a score needs no product with A.
        user: the exponent of the user's degree.
        item: the exponent of the item's degree in A.
        source: the exponent of the past item's degree.
        target: the exponent of the scored item's degree: below 0 the popular gain.
        fit_half_life: the age at which an event counts half in the fit, in days or steps.
        neighbours: how many of the strongest direct neighbours are kept for each item; 0 keeps all.
        seed: of the random start of the singular vectors.

    Cost: the factorisation (see `svd.leading`) and one sparse product; 4 N K bytes, 8 for each neighbour and
    each item taken. A score costs 2 N K operations and, with sharpening, eight sparse products.

    Sources: the low pass with neighbours is GF-CF (Shen et al. 2021), `sharpness` Turbo-CF's (Park et al.
    2024), blurring and sharpening those of BSPM (Choi et al. 2023), sharpened after both are added (EM).
    """

    REFIT_FREE: ClassVar[frozenset[str]] = frozenset(
        {*Trending.REFIT_FREE, "near", "sharpening", "source", "target"}
    )

    rank: int = 512
    near: Annotated[float, Range(0.0, 3.0)] = 1.0
    sharpness: Annotated[float, Range(0.7, 2.5)] = 1.4
    sharpening: Annotated[float, Range(0.0, 2.5)] = 0.0
    user: Annotated[float, Range(0.0, 0.6)] = 0.4
    item: Annotated[float, Range(0.0, 0.6)] = 0.45
    source: Annotated[float, Range(0.0, 0.6)] = 0.5
    target: Annotated[float, Range(-0.6, 0.4)] = -0.45
    fit_half_life: Annotated[float, Range(1.0, 3000.0, log=True)] = 60.0
    neighbours: int = 500
    seed: int = 0
    factors: SpectralWeights = field(init=False, repr=False)
    degree: Floats = field(init=False, repr=False)

    def fit(self, history: History, catalogue: Catalogue) -> Self:
        """Factorise, then count direct neighbours a block of items at a time."""
        self.learn_trend(history)
        degree = item_degree(history)
        taken = latest_matrix(history, history.weight * decay(history.age(), self.fit_half_life))
        rows, into = power(history.lengths(), -self.user), power(degree, -self.item)
        taken.data *= np.repeat(rows, np.diff(taken.indptr)) * into[taken.indices]
        values, vectors = leading(taken, min(self.rank, *taken.shape), seed=self.seed)
        largest = np.float32(max(float(values.max(initial=0.0)), 1e-15))
        taken.data /= largest
        ones = np.ones(history.num_items, np.float32)
        near = sharpened(thinned(products(taken, taken), ones, ones, self.neighbours), self.sharpness)
        spectrum = (values / largest).astype(np.float32) ** 2
        self.degree = degree.astype(np.float32)
        self.factors = SpectralWeights(taken, vectors, spectrum, SparseWeights(near), ones, ones)
        return self

    def score(self, queries: History) -> Scores:
        """Return float32 [B, N]."""
        self._compose()
        return super().score(queries)

    def reasons(self, query: History, items: Rows) -> list[list[Reason]]:
        """Return what each past item adds to the score of each item asked, the largest first.

        Cost: as much as scoring a query for each past item.
        """
        self._compose()
        return super().reasons(query, items)

    def arrays(self) -> Arrays:
        """Return A, the vectors, the spectrum, the neighbours, the items' degrees and the trend."""
        return self.factors.arrays() | {"degree": self.degree, "rising": self.rising}

    def restore(self, arrays: Arrays) -> Self:
        """Take what `arrays` gave."""
        names = ("vectors", "spectrum", "degree", "rising", "taken_data")
        learnt = {name: arrays[name].astype(np.float32) for name in names}
        self.degree, self.rising = learnt["degree"], learnt["rising"]
        shape = (len(arrays["taken_indptr"]) - 1, len(self.degree))
        rows = (learnt["taken_data"], arrays["taken_indices"], arrays["taken_indptr"])
        taken, near = sparse.csr_array(rows, shape=shape), SparseWeights(sparse_from(arrays))
        ones = np.ones_like(self.degree)
        self.factors = SpectralWeights(taken, learnt["vectors"], learnt["spectrum"], near, ones, ones)
        return self

    def _compose(self) -> None:
        """Put the settings that need no refit into the weights."""
        into, out = power(self.degree, -self.source), power(self.degree, -self.target)
        self.weights = replace(self.factors, into=into, out=out, near=self.near, sharpening=self.sharpening)


def sharpened(weights: sparse.csr_array, exponent: float) -> sparse.csr_array:
    """Return weights of 0 or more, each to the exponent, multiplied so that their sum stays."""
    before = float(weights.data.sum(dtype=np.float64))
    weights.data = weights.data ** np.float32(exponent)
    after = float(weights.data.sum(dtype=np.float64))
    weights.data *= np.float32(before / after if after > 0 else 1.0)
    return weights
