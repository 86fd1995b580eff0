"""Means by weight: over the pairs of a batch, and over the negatives of a pair.

B batch, M candidates, D embedding_dim.
"""

import math

import torch
from torch import Tensor


def weighted_mean(values: Tensor, weight: Tensor | None) -> Tensor:
    """Return Σ weight · values / Σ weight over the first axis; the plain mean without weights; 0 where all are 0.

    Example:
        >>> weighted_mean(torch.tensor([1.0, 4.0]), torch.tensor([2.0, 1.0])).item()
        2.0
    """
    if weight is None:
        return values.mean(dim=0)
    weight = weight.to(values.dtype)
    total = weight.sum().clamp_min(torch.finfo(values.dtype).tiny)
    by_row = (weight / total).view(-1, *[1] * (values.dim() - 1))
    return (by_row * values).sum(dim=0)


def shares(negative: Tensor, log_q: Tensor | None, like: Tensor) -> Tensor:
    """Return what each negative of an anchor counts for, [B, M]; rows sum to 1, or to 0 without any negative.

    With `log_q` a share is in proportion to 1 / q, which makes the mean one over the catalogue (self-normalised
    importance weights) rather than over what was drawn often. Source: Bengio and Senécal 2008.
    """
    drawn = like.new_zeros(like.shape[1]) if log_q is None else (log_q.min() - log_q).to(like.dtype)
    weight = torch.where(negative, drawn.exp(), 0.0)
    return weight / weight.sum(dim=1, keepdim=True).clamp_min(torch.finfo(like.dtype).tiny)


def deviations(vectors: Tensor, weight: Tensor | None) -> Tensor:
    """Return the vectors less their mean, times the root of their share of the weight, [B, D].

    The squares of a column then sum to its variance, the products of two to their covariance.
    """
    centred = vectors - weighted_mean(vectors, weight)
    if weight is None:
        return centred / math.sqrt(len(vectors))
    weight = weight.to(vectors.dtype)
    share = weight / weight.sum().clamp_min(torch.finfo(vectors.dtype).tiny)
    return centred * share.sqrt()[:, None]
