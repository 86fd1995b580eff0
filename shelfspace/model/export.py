"""The towers as ONNX, for serving without torch.

B rows, L features of a row, S side of a photo, T history length, D embedding_dim.
"""

from typing import Any

import torch
from torch import Tensor, nn

from shelfspace.encoders.graphs import onnx_of
from shelfspace.encoders.lora import merged
from shelfspace.model.model import Model
from shelfspace.model.tower import Tower


class _ItemGraph(nn.Module):
    """From padded fields to item vectors."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, present: Tensor, parts: tuple[Tensor, ...]) -> Tensor:
        return self.model.scaled(self.model.item.padded(present, parts))


class _PastGraph(nn.Module):
    """From item vectors with ages to user vectors, where users have no profile."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, items: Tensor, age: Tensor, mask: Tensor, kind: Tensor) -> Tensor:
        known = torch.zeros_like(mask[:, 0])
        return self.model.scaled(self.model.user.joined(items, age, mask, kind, None, known))


class _ProfileGraph(nn.Module):
    """From padded profile fields to user vectors, where histories are not read."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, known: Tensor, present: Tensor, parts: tuple[Tensor, ...]) -> Tensor:
        tower = self.model.user.profile
        assert tower is not None
        return self.model.scaled(tower.padded(present, parts) * known[:, None])


class _UserGraph(nn.Module):
    """From both to user vectors."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(
        self,
        items: Tensor,
        age: Tensor,
        mask: Tensor,
        kind: Tensor,
        known: Tensor,
        present: Tensor,
        parts: tuple[Tensor, ...],
    ) -> Tensor:
        tower = self.model.user
        assert tower.profile is not None
        profile = tower.profile.padded(present, parts)
        return self.model.scaled(tower.joined(items, age, mask, kind, profile, known))


def export(model: Model) -> dict[str, bytes]:
    """Return `item.onnx` and `user.onnx`.

    Inputs are named: `present` bool [B, F]; for each field `NAME.index` and `NAME.weight` [B, L], or `NAME.values`
    [B, K], `NAME.ids` [B, L], or `NAME.pixels` uint8 [B, S, S, 3]; for users also `items` [B, T, D], `age`, `mask` and
    `kind` [B, T], and `known` [B]. The output is `vectors` [B, D]. What a graph does not use is not among its inputs.
    Some seconds a tower.

    Where the model propagates over who took what, `item.onnx` gives the vector before that, as a listing has it that
    nobody took yet. For such items it equals `model.all_items()`; for others, serving looks up the saved vectors.
    """
    model = merged(model.eval())
    batch, length = 3, 5
    rows, times, width = torch.export.Dim("rows"), torch.export.Dim("times"), model.item.embedding_dim
    names, parts, shapes = _padded_inputs(model.item, batch, rows)
    present = torch.ones((batch, len(model.item.names)), dtype=torch.bool)
    item = onnx_of(_ItemGraph(model), (present, parts), ["present", *names], ({0: rows}, shapes))
    past = (
        torch.randn(batch, length, width),
        torch.rand(batch, length),
        torch.ones((batch, length), dtype=torch.bool),
        torch.zeros((batch, length), dtype=torch.int64),
    )
    both = {0: rows, 1: times}
    profile = model.user.profile
    if profile is None:
        user = onnx_of(_PastGraph(model), past, ["items", "age", "mask", "kind"], (both,) * 4)
        return {"item.onnx": item, "user.onnx": user}
    names, parts, shapes = _padded_inputs(profile, batch, rows)
    known, present = (
        torch.ones(batch, dtype=torch.bool),
        torch.ones((batch, len(profile.names)), dtype=torch.bool),
    )
    who = (known, present, parts)
    if model.user.history is None:
        user = onnx_of(
            _ProfileGraph(model), who, ["known", "present", *names], ({0: rows}, {0: rows}, shapes)
        )
    else:
        inputs = ["items", "age", "mask", "kind", "known", "present", *names]
        user = onnx_of(_UserGraph(model), past + who, inputs, (*(both,) * 4, {0: rows}, {0: rows}, shapes))
    return {"item.onnx": item, "user.onnx": user}


def _padded_inputs(
    tower: Tower, batch: int, rows: Any
) -> tuple[list[str], tuple[Tensor, ...], tuple[dict[int, Any], ...]]:
    names: list[str] = []
    parts: list[Tensor] = []
    shapes: list[dict[int, Any]] = []
    for n, name in enumerate(tower.names):
        encoder = tower.encoder(name)
        length = torch.export.Dim(f"features_{n}")
        for part, example in encoder.example(batch).items():
            names.append(f"{name}.{part}")
            parts.append(example)
            shapes.append({0: rows, 1: length} if encoder.ragged else {0: rows})
    return names, tuple(parts), tuple(shapes)
