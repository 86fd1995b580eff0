"""Fields of all rows as tensors, looked up a batch at a time. N rows held, B rows asked, F fields, K features."""

import torch
from torch import Tensor

from shelfspace.encoders.encoder import FieldEncoder
from shelfspace.encoders.modules import BagEncoder
from shelfspace.inputs.fields import Bag, Dense, Field


class Held:
    """One field of N rows. O(what the rows asked hold) a lookup."""

    def __init__(self, field: Field) -> None:
        self.present = torch.from_numpy(field.present)
        if isinstance(field, Bag):
            self.indptr = torch.from_numpy(field.indptr)
            self.index = torch.from_numpy(field.index).long()
            self.weight = torch.from_numpy(field.weight)
        elif isinstance(field, Dense):
            self.values = torch.from_numpy(field.values)
        else:
            self.field = field

    def __deepcopy__(self, memo: dict[int, object]) -> "Held":
        """Return itself: a second network looks up the same fields."""
        return self

    def encode(self, encoder: FieldEncoder, rows: Tensor) -> Tensor:
        """Return what the encoder makes of these rows, float [B, D]; a few at a time where a row is large.

        In training all at once: what is drawn at random must not depend on how rows are parted.
        """
        if isinstance(encoder, BagEncoder):
            return self._bags(encoder, rows)
        if hasattr(self, "values"):
            return encoder.padded(self.values[rows])
        if not len(rows):  # not every network takes a batch of none
            return encoder.padded(*encoder.example(1).values())[:0]
        size = len(rows) if encoder.training else self.field.rows_at_once
        blocks = [encoder.padded(*self.inputs(part)) for part in torch.split(rows, size)]
        return torch.cat(blocks)

    def inputs(self, rows: Tensor) -> list[Tensor]:
        """Return what a graph takes of these rows, where the field is neither a bag nor numbers."""
        return [torch.from_numpy(a) for a in self.field.take(rows.numpy()).inputs().values()]

    def _bags(self, encoder: BagEncoder, rows: Tensor) -> Tensor:
        first = self.indptr[rows]
        lengths = self.indptr[rows + 1] - first
        offsets = lengths.cumsum(0) - lengths
        place = torch.repeat_interleave(first - offsets, lengths) + torch.arange(int(lengths.sum()))
        bags: Tensor = encoder(self.index[place], offsets, self.weight[place])
        return bags
