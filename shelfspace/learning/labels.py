"""Heads of the item tower: a column of the items foretold from the rest of the listing. N items, B rows, C classes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from torch import Tensor, nn

from shelfspace.errors import ConfigError, did_you_mean
from shelfspace.inputs.readers import Reader
from shelfspace.learning.foretold import coded
from shelfspace.learning.heads import Batch, LabelLoss
from shelfspace.learning.settings import Label
from shelfspace.learning.towers import Made
from shelfspace.objectives.uncertainty import Uncertain
from shelfspace.shop.catalogue import Catalogue
from shelfspace.training.terms import Adds, Direct


class ItemLabelLoss(LabelLoss):
    """Cross-entropy of a class, from an item's vector as the fields that do not tell it make it."""

    def __init__(
        self, dim: int, classes: list[str], shares: npt.NDArray[np.floating], shown: frozenset[str]
    ) -> None:
        super().__init__(dim, classes, shares)
        self.shown = shown

    def latent(self, model: Any, rows: Any) -> Tensor:
        """Return float [B, D]."""
        vectors: Tensor = model.items(rows, self.shown)
        return vectors


@dataclass
class ItemLabels:
    """Draws items of a class, for the loop.

    code: int64 [N], the class of each item, -1 where it has none;  row: int64, the items that are learnt from.
    """

    code: npt.NDArray[np.int64]
    row: npt.NDArray[np.int64]
    head: ItemLabelLoss
    objective: nn.Module
    weight: float
    gradients: Adds

    def __len__(self) -> int:
        return len(self.row)

    def draw(self, rng: np.random.Generator, size: int) -> Batch:
        """Draw items, each at most once."""
        row = rng.choice(self.row, min(size, len(self)), replace=False)
        return Batch(torch.from_numpy(row), torch.from_numpy(self.code[row]))

    def accuracy(self, model: Any, some: npt.NDArray[np.bool_]) -> dict[str, Any] | None:
        """Return how often it is right on some items, bool [N], beside the most frequent class; None on none."""
        row = np.flatnonzero(some & (self.code >= 0))
        if not len(row):
            return None
        with torch.no_grad():
            found = self.head.linear(self.head.latent(model, torch.from_numpy(row))).argmax(dim=1).numpy()
        most = float((self.code[row] == self.head.shares.argmax()).mean())
        right = float((found == self.code[row]).mean())
        return {"of": "accuracy", "value": right, "chance": most, "cases": len(row)}


def heads_of_items(
    heads: Mapping[str, Label], made: Made, catalogue: Catalogue, known: npt.NDArray[np.bool_]
) -> dict[str, ItemLabels]:
    """Return a head for each section, which learns from the known items, with a log-variance of its own.

    Of a path the narrowest step is the class.

    Raises:
        ConfigError: there is no such column, or the towers read nothing else.
        DataError: the column is empty for all, or the same for all.
    """
    found = {}
    for name, label in heads.items():
        path, column = f"[heads.{name}] column", label.column or name
        if (values := catalogue.column(column)) is None:
            near = did_you_mean(column, catalogue.table.column_names)
            raise ConfigError(f"{path} = {column!r} is no column of items{near}")
        readers = made.readers["item"]
        shown = frozenset(field for field, reader in readers.items() if column not in _columns(reader))
        if not shown:
            raise ConfigError(f"{path} = {column!r}: no field reads anything else to tell it from")
        code, classes = coded(_narrowest(values), column, f"{path} = {column!r}")
        row = np.flatnonzero((code >= 0) & known)
        shares = np.bincount(code[row], minlength=len(classes)) / max(1, len(row))
        head = ItemLabelLoss(made.model.item.embedding_dim, classes.tolist(), shares, shown)
        found[name] = ItemLabels(code, row, head, Uncertain(head), label.weight, Direct())
    return {name: head for name, head in found.items() if len(head)}


def _columns(reader: Reader) -> list[str]:
    return [*getattr(reader, "columns", []), getattr(reader, "column", "")]


def _narrowest(values: pa.ChunkedArray) -> pa.ChunkedArray:
    if not pa.types.is_list(values.type) and not pa.types.is_large_list(values.type):
        return values
    last = [path[-1] if path else None for path in values.to_pylist()]
    return pa.chunked_array([pa.array(last, values.type.value_type)])
