"""Low-rank changes of linear layers. I numbers in, O numbers out, R the rank."""

import copy
import re
from typing import TypeVar

import torch
from torch import Tensor, nn

M = TypeVar("M", bound=nn.Module)

_ATTENTION = re.compile(r"att(entio)?n", re.IGNORECASE)

SCALE = 2.0
"""What the change is multiplied by."""


class LowRank(nn.Module):
    """W x + b + SCALE · U V x: W and b stay, U [O, R] begins at 0 and V [R, I] at random.

    Source: Hu et al. 2021 (LoRA).
    """

    def __init__(self, layer: nn.Linear, rank: int) -> None:
        super().__init__()
        self.layer = layer.requires_grad_(False)
        self.down = nn.Parameter(torch.randn(rank, layer.in_features) * layer.in_features**-0.5)
        self.up = nn.Parameter(torch.zeros(layer.out_features, rank))

    def forward(self, given: Tensor) -> Tensor:
        """Return float [..., O] from float [..., I]."""
        changed: Tensor = self.layer(given) + SCALE * (given @ self.down.T @ self.up.T)
        return changed

    def merged(self) -> nn.Linear:
        """Return one linear layer that does the same."""
        layer = copy.deepcopy(self.layer)
        with torch.no_grad():
            layer.weight += SCALE * self.up @ self.down
        return layer


def add_low_rank(network: nn.Module, rank: int) -> int:
    """Put a change into every linear layer of attention, and hold all else still; return how many there are."""
    network.requires_grad_(False)
    found = [
        (part, name, layer)
        for path, part in network.named_modules()
        for name, layer in part.named_children()
        if isinstance(layer, nn.Linear) and _ATTENTION.search(f"{path}.{name}")
    ]
    for part, name, layer in found:
        setattr(part, name, LowRank(layer, rank))
    return len(found)


def merged(model: M) -> M:
    """Return the model with every change merged into its layer: itself where there is none, else a copy."""
    if not any(isinstance(part, LowRank) for part in model.modules()):
        return model
    model = copy.deepcopy(model)
    for part in list(model.modules()):
        for name, layer in part.named_children():
            if isinstance(layer, LowRank):
                setattr(part, name, layer.merged())
    return model
