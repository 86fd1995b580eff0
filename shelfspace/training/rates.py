"""Weights that move at a share of the learning rate."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn


def grouped(model: nn.Module, weights: Sequence[Tensor]) -> list[dict[str, Any]]:
    """Return weights in groups of one `scale` of the learning rate: 1, or what a module of the model asks for.

    A module asks by a method `rates`, which gives weights with their shares. The order within a group is as given.
    """
    scales = {
        id(weight): scale for part in model.modules() for weight, scale in getattr(part, "rates", list)()
    }
    groups: dict[float, list[Tensor]] = {1.0: []}
    for weight in weights:
        groups.setdefault(scales.get(id(weight), 1.0), []).append(weight)
    return [{"params": some, "scale": scale} for scale, some in groups.items() if some]
