"""SLIM: sparse, non-negative weights between items. M neighbours, B items in work at once."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from shelfspace.config import Range
from shelfspace.linear.counts import Floats
from shelfspace.linear.regressed import Regressed, diagonal

ENOUGH = 1e-3
"""A pass over the neighbours that moves no weight by this share of the greatest is the last."""


@dataclass(kw_only=True)
class SLIM(Regressed):
    """Elastic net of each item on its M strongest neighbours, with weights of 0 or more (fsSLIM).

    Each column minimises ½‖a_j − A w‖² + ½ λ‖w‖² + sparsity · ‖w‖₁, w ≥ 0, by coordinate descent on the Gram
    matrix of the neighbours, many items at a time.

    Args:
        regularisation: λ.
        sparsity: the weight of the sum of weights: high leaves fewer of them.
        passes: over all neighbours, at most.

    Cost: passes · N · M² floating-point operations beside what `Regressed` costs.

    Source: Ning and Karypis 2011, "SLIM: Sparse Linear Methods for Top-N Recommender Systems".
    """

    regularisation: Annotated[float, Range(0.01, 300.0, log=True)] = 1.0
    sparsity: Annotated[float, Range(0.001, 3.0, log=True)] = 0.01
    passes: int = 30

    def solved(self, gram: Floats, with_item: Floats) -> Floats:
        """Descend, [B, M, M] and [B, M] to [B, M]."""
        weights = np.zeros_like(with_item)
        own = diagonal(gram).copy()
        left = with_item - np.float32(self.sparsity)
        scale = 1.0 / (own + np.float32(self.regularisation))
        for _ in range(self.passes):
            before = weights.copy()
            for place in range(weights.shape[1]):
                others = np.einsum("bm,bm->b", gram[:, place], weights) - own[:, place] * weights[:, place]
                weights[:, place] = np.maximum((left[:, place] - others) * scale[:, place], 0.0)
            if np.abs(weights - before).max() <= ENOUGH * max(float(weights.max()), 1e-30):
                break
        return weights
