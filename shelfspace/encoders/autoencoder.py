"""A row of N items through a narrow middle and back: what a user did, coded and foretold.

B users, N items, E events of them all, L latent_dim, D width of the last layer.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

Kind = Literal["denoising", "variational"]

REST = 0.1
"""What random weights are multiplied with where a network begins from factors."""


@dataclass(frozen=True)
class Rows:
    """What the users of a batch did, as the encoder reads it.

    item: int64 [E], user by user;  start: int64 [B], where each user's begin;  value: float [E], of unit length
    within a user.
    """

    item: Tensor
    start: Tensor
    value: Tensor


@dataclass(frozen=True)
class Code:
    """The middle: what is decoded [B, L]; its mean, and the logarithm of its variance where there is one."""

    latent: Tensor
    mean: Tensor
    log_variance: Tensor | None


class Autoencoder(nn.Module):
    """Events → vectors of items, added up → tanh layers → latent → tanh layers → `hidden`, scored by N vectors.

    The first layer is the sum of a vector for each event, so that no row of N numbers is ever made. The latent layer
    has no activation: without hidden layers all is linear.

    Args:
        num_items: N.
        kind: `denoising` hides some of what is read; `variational` makes the latent uncertain as well.
        hidden: widths of the layers before the middle.
        decoder: widths of the layers after it.
        latent_dim: L.
        dropout: the part of the events that is hidden while training.

    Cost: E · hidden[0] + B · (widths of neighbouring layers) multiplications; 4 N (hidden[0] + D) bytes.

    Sources: Vincent et al. 2008 (denoising); Wu et al. 2016 (CDAE); Liang et al. 2018 (Mult-DAE, Mult-VAE); Shenbin
    et al. 2020 (RecVAE, whose decoder is one linear layer).
    """

    def __init__(
        self,
        num_items: int,
        *,
        kind: Kind = "denoising",
        hidden: Sequence[int] = (600,),
        decoder: Sequence[int] = (),
        latent_dim: int = 200,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.variational = kind == "variational"
        self.dropout, self.latent_dim = dropout, latent_dim
        first, *widths = [*hidden, latent_dim * (2 if self.variational else 1)]
        self.table = nn.EmbeddingBag(num_items, first, mode="sum")
        self.offset = nn.Parameter(torch.zeros(first))
        self.encoder = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise([first, *widths]))
        self.decoder = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise([latent_dim, *decoder]))
        last = decoder[-1] if decoder else latent_dim
        self.vectors = nn.Parameter(torch.empty(num_items, last))
        self.bias = nn.Parameter(torch.zeros(num_items))
        nn.init.normal_(self.table.weight, std=1 / math.sqrt(first))
        nn.init.normal_(self.vectors, std=1 / math.sqrt(last))

    @torch.no_grad()
    def start_at(self, share: Tensor) -> None:
        """Begin with the chance of each item [N], so that nothing has to be learnt that a count tells."""
        self.bias.copy_(share.clamp(min=1e-12).log())

    @torch.no_grad()
    def start_from(self, directions: Tensor) -> None:
        """Begin where rows are projected onto these directions of the items, [N, K] of unit length, and back.

        The first min(K, L) of them pass through every layer by itself, in the range where tanh is nearly linear; what
        there is beside them is small and random. A variance of the latent begins at e⁻².
        """
        layers = [layer for layer in (*self.encoder, *self.decoder) if isinstance(layer, nn.Linear)]
        weights = [self.table.weight, *(layer.weight for layer in layers), self.vectors]
        size = min(directions.shape[1], self.latent_dim, *(min(weight.shape[1:]) for weight in weights))
        middle, gain = len(self.encoder) - 1, math.sqrt(size)
        for weight in weights:
            weight *= REST
        self.table.weight[:, :size] += directions[:, :size] * (1.0 if self.encoder else gain)
        for n, layer in enumerate(layers):
            layer.bias.zero_()
            layer.weight[:size, :size] += torch.eye(size) * (gain if n == middle else 1.0)
        self.vectors[:, :size] += directions[:, :size]
        if self.variational:
            (layers[middle].bias if self.encoder else self.offset)[self.latent_dim :] = -2.0

    def forward(self, rows: Rows) -> Code:
        """Return the code of each row."""
        value = functional.dropout(rows.value, self.dropout, self.training)
        code = self.table(rows.item, rows.start, per_sample_weights=value) + self.offset
        for layer in self.encoder:
            code = layer(torch.tanh(code))
        if not self.variational:
            return Code(code, code, None)
        mean, log_variance = code.chunk(2, dim=1)
        noise = torch.randn_like(mean) if self.training else torch.zeros_like(mean)
        return Code(mean + noise * (0.5 * log_variance).exp(), mean, log_variance)

    def decode(self, latent: Tensor) -> Tensor:
        """Return what the vectors of items are multiplied with, [B, D]."""
        for layer in self.decoder:
            latent = torch.tanh(layer(latent))
        return latent
