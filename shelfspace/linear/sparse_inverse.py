"""A sparse approximate inverse: EASE on each item's neighbourhood. M neighbours, B items in work at once."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from shelfspace.config import Range
from shelfspace.linear.counts import Floats
from shelfspace.linear.ease import penalty
from shelfspace.linear.regressed import Regressed, diagonal


@dataclass(kw_only=True)
class SparseInverse(Regressed):
    """Ridge of each item on its M strongest neighbours: w = (G_SS + λI + p/(1 − p) · diag(G_SS))^-1 G_Sj.

    With every other item as a neighbour it is EASE.

    Args:
        regularisation: λ.
        dropout: p, how much of a user's past the regression learns to do without (see `EASE`).

    Cost: N · M³ floating-point operations beside what `Regressed` costs.

    Sources: Steck 2019, "Markov Random Fields for Collaborative Filtering" (the sparse approximation);
    Spišák et al. 2023, "Scalable Approximate NonSymmetric Autoencoder" (the sparse inverse).
    """

    regularisation: Annotated[float, Range(0.01, 300.0, log=True)] = 1.0
    dropout: Annotated[float, Range(0.0, 0.8)] = 0.0

    def solved(self, gram: Floats, with_item: Floats) -> Floats:
        """Solve the normal equations, [B, M, M] and [B, M] to [B, M]."""
        own = diagonal(gram)
        own += penalty(own, self.regularisation, self.dropout)
        solution: Floats = np.linalg.solve(gram, with_item[:, :, None])[:, :, 0]
        return solution
