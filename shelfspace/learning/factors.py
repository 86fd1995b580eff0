"""Vectors of items to begin training from: who took what, factorised. U users, N items, D embedding_dim."""

import numpy as np
import numpy.typing as npt
import torch
from scipy import sparse

from shelfspace.encoders.fields import Ids
from shelfspace.encoders.modules import BagEncoder
from shelfspace.learning.settings import LearningPlan
from shelfspace.learning.towers import Made
from shelfspace.linear.counts import power
from shelfspace.linear.svd import leading
from shelfspace.shop.history import History

USER, ITEM = -0.25, -0.4
"""Exponents of the degrees that the matrix is divided by, as those of `LowRank`."""

DEVIATION = 0.02
"""Of the numbers of a vector. Small: what attention adds counts soon, and a step of the optimiser turns vectors."""

NOISE = 0.4
"""The length of what is added at random, as a share of a vector's: what has no behaviour yet has this alone."""


def begin_from_factors(made: Made, plan: LearningPlan, history: History, *, seed: int = 0) -> None:
    """Put the leading right singular vectors of D_u^-1/4 X D_i^-2/5 into tables of ids whose section asks for them.

    See `directions`; all are of one length before noise is added. An item
    that nobody took begins at random, as all do without it. Cost: see `svd.leading`; 4 N D bytes.

    Source: Levy and Goldberg 2014 (embeddings are factorisations); He et al. 2015 (starting where a simpler model
    ended is common practice).
    """
    for name, encoder in plan.encoders.items():
        if not isinstance(encoder, Ids) or encoder.start != "factors" or name not in made.model.item.names:
            continue
        bags = made.model.item.encoder(name)
        assert isinstance(bags, BagEncoder)
        table = bags.table.weight
        rows, dim = min(len(table), history.num_items), table.shape[1]
        vectors = directions(history.matrix(), dim, seed=seed)
        common = DEVIATION * np.sqrt(dim)
        with torch.no_grad():
            table *= NOISE * common
            table[:rows, : vectors.shape[1]] += torch.from_numpy(vectors[:rows] * np.float32(common))


def directions(taken: sparse.csr_array, dim: int, *, seed: int = 0) -> npt.NDArray[np.float32]:
    """Return where items lie by who took them, float32 [N, D'] of unit length; D' is `dim`, or less in a small shop.

    The leading right singular vectors of D_u^-1/4 X D_i^-2/5 [U, N], weighed by the roots of the singular values; an
    item that nobody took is 0.
    """
    lengths, degree = np.asarray(taken.sum(axis=1)), np.asarray(taken.sum(axis=0))
    scaled = sparse.csr_array(taken)
    scaled.data = scaled.data * np.repeat(power(lengths, USER), np.diff(taken.indptr))
    scaled.data = (scaled.data * power(degree, ITEM)[taken.indices]).astype(np.float32)
    values, vectors = leading(scaled, min(dim, *scaled.shape), seed=seed)
    vectors = vectors * np.sqrt(values)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: npt.NDArray[np.float32] = (vectors / np.maximum(length, 1e-12) * (length > 1e-6)).astype(np.float32)
    return unit
