"""Weighted means over what is there. B rows, S places of a row (fields or events), H heads, D embedding_dim."""

import torch
from torch import Tensor

from shelfspace.errors import ConfigError


def masked_softmax(logit: Tensor, mask: Tensor) -> Tensor:
    """Return the softmax over the last axis where the mask holds, 0 elsewhere; even where it holds nowhere.

    Args:
        logit: float [..., S].
        mask: bool, of a shape that broadcasts to it.
    """
    lowest = torch.finfo(logit.dtype).min
    return torch.softmax(logit.masked_fill(~mask, lowest), dim=-1)


def pooled(weight: Tensor, vectors: Tensor) -> Tensor:
    """Return float [B, D]: each of the H heads weighs its own share of the D numbers.

    Args:
        weight: float [B, H, S].
        vectors: float [B, S, D], D a multiple of H.
    """
    heads, width = weight.shape[1], vectors.shape[-1]
    shares = vectors.reshape(*vectors.shape[:-1], heads, width // heads)
    return torch.einsum("bhs,bshd->bhd", weight, shares).flatten(1)


def check_heads(num_heads: int, embedding_dim: int) -> None:
    """Raise ConfigError unless the heads share D evenly."""
    if num_heads < 1 or embedding_dim % num_heads:
        raise ConfigError(f"num_heads = {num_heads} must divide embedding_dim = {embedding_dim}")
