"""EASE: every item regressed on all others. U users, N items, M modelled, E events."""

from dataclasses import dataclass
from typing import Annotated, Self

import numpy as np
from scipy import sparse
from scipy.linalg import lapack

from shelfspace.config import Range
from shelfspace.errors import ConfigError
from shelfspace.linear.counts import Floats, decay, item_degree, latest_matrix, most_taken, power
from shelfspace.linear.itemwise import DenseWeights
from shelfspace.linear.trending import Trending
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import History


@dataclass(kw_only=True)
class EASE(Trending):
    """Ridge of each item on all others with a diagonal of 0: B = I − P / diag(P), P = (AᵀA + λI)^-1.

    A = D_u^-user · X · D_i^-source, where X holds each user's items, weighed and aged; the weights are
    D_i^-source · B · D_i^(source − target). The paper's EASE is user = source = target = 0 without decay. With
    dropout p the penalty is λ + p/(1 − p) · diag(AᵀA): what a linear autoencoder learns when each input is
    dropped with probability p.

    Args:
        regularisation: λ.
        fit_half_life: the age at which an event counts half in the fit, in days or steps.
        user: the exponent of the user's degree: high keeps heavy users from drowning the rest.
        source: the exponent of the item's degree inside the regression: high regularises the popular more.
        target: the exponent of the scored item's degree: high favours what is rare.
        dropout: p, at least 0 and below 1; high keeps an item's nearest neighbours from saying it all.
        max_items: only the most taken items are modelled (fewer where several tie at the border); the others
            score 0. M items cost M³ floating-point operations and 8 M² bytes in the fit, 4 M² afterwards.

    Cost: on two cores about 1 s for 4 thousand items, 15 s for 12 thousand.

    Sources: Steck 2019, "Embarrassingly Shallow Autoencoders for Sparse Data"; Steck 2020, "Autoencoders that
    don't overfit towards the Identity" (the dropout).
    """

    regularisation: Annotated[float, Range(0.3, 3000, log=True)] = 30.0
    fit_half_life: Annotated[float, Range(1.0, 3000.0, log=True)] = 60.0
    user: Annotated[float, Range(0.0, 0.6)] = 0.2
    source: Annotated[float, Range(0.0, 0.5)] = 0.0
    target: Annotated[float, Range(-0.2, 0.4)] = 0.0
    dropout: float = 0.0
    max_items: int = 20_000

    def fit(self, history: History, catalogue: Catalogue) -> Self:
        """Invert the regularised Gram matrix by Cholesky in float32."""
        self.learn_trend(history)
        degree = item_degree(history)
        items = most_taken(degree, self.max_items)
        taken = latest_matrix(history, history.weight * decay(history.age(), self.fit_half_life))[:, items]
        rows = power(history.lengths(), -self.user)
        taken.data *= (
            np.repeat(rows, np.diff(taken.indptr)) * power(degree[items], -self.source)[taken.indices]
        )
        inverse = inverse_gram(taken, self.regularisation, self.dropout)
        matrix = inverse
        matrix *= -1.0 / np.diag(inverse).copy()
        np.fill_diagonal(matrix, 0.0)
        matrix *= power(degree[items], -self.source)[:, None]
        matrix *= power(degree[items], self.source - self.target)
        self.weights = DenseWeights(matrix, items, history.num_items)
        return self


def penalty(squares: Floats, regularisation: float, dropout: float) -> Floats:
    """Return what is added to the diagonal of a Gram matrix, given that diagonal: λ + p/(1 − p) · squares."""
    if not 0 <= dropout < 1:
        raise ConfigError(f"dropout = {dropout}: it is a share, at least 0 and below 1")
    return np.float32(regularisation) + np.float32(dropout / (1 - dropout)) * squares


def inverse_gram(taken: sparse.csr_array, regularisation: float, dropout: float = 0.0) -> Floats:
    """Return (AᵀA + penalty)^-1, float32 [M, M], in the memory of one matrix and the sparse product."""
    gram: Floats = (taken.T @ taken).toarray()
    gram[np.diag_indices_from(gram)] += penalty(np.diag(gram).copy(), regularisation, dropout)
    factor, failed = lapack.spotrf(gram.T, lower=0, overwrite_a=1, clean=0)
    if failed:
        raise np.linalg.LinAlgError("the Gram matrix is not positive; raise the regularisation")
    inverse, _ = lapack.spotri(factor, lower=0, overwrite_c=1)
    for a in range(0, len(inverse), 1024):
        b = a + 1024
        inverse[b:, a:b] = inverse[a:b, b:].T
        block = np.triu(inverse[a:b, a:b])
        inverse[a:b, a:b] = block + np.triu(block, 1).T
    return np.ascontiguousarray(inverse.T)
