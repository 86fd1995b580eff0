"""Vectors of unit length and their cosines.

B batch, D embedding_dim.
"""

import torch
from torch import Tensor


def unit(vectors: Tensor) -> Tensor:
    """Return the vectors at unit length; a vector of 0 stays so, and its gradient is finite.

    Example:
        >>> unit(torch.tensor([[3.0, 4.0], [0.0, 0.0]])).tolist()
        [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    length = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    return vectors / torch.where(length > 1e-12, length, torch.ones_like(length))


def cosine(one: Tensor, other: Tensor) -> Tensor:
    """Return the cosine of each row of one with the same row of the other, [B]; 0 for a vector of 0."""
    return (unit(one) * unit(other)).sum(dim=-1)
