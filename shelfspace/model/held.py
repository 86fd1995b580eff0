"""Fields of all rows as tensors, looked up a batch at a time. N rows held, B rows asked, F fields, K features."""

import torch
from torch import Tensor

from shelfspace.encoders.modules import BagEncoder, DenseEncoder
from shelfspace.inputs.fields import Bag, Dense, Field


class Held:
    """One field of N rows. O(what the rows asked hold) a lookup."""

    def __init__(self, field: Field) -> None:
        self.present = torch.from_numpy(field.present)
        self.bag = isinstance(field, Bag)
        if isinstance(field, Dense):
            self.values = torch.from_numpy(field.values)
        else:
            self.indptr = torch.from_numpy(field.indptr)
            self.index = torch.from_numpy(field.index).long()
            self.weight = torch.from_numpy(field.weight)

    def __deepcopy__(self, memo: dict[int, object]) -> "Held":
        """Return itself: a second network looks up the same fields."""
        return self

    def encode(self, encoder: BagEncoder | DenseEncoder, rows: Tensor) -> Tensor:
        """Return what the encoder makes of these rows, float [B, D]."""
        if isinstance(encoder, DenseEncoder):
            dense: Tensor = encoder(self.values[rows])
            return dense
        first = self.indptr[rows]
        lengths = self.indptr[rows + 1] - first
        offsets = lengths.cumsum(0) - lengths
        place = torch.repeat_interleave(first - offsets, lengths) + torch.arange(int(lengths.sum()))
        bags: Tensor = encoder(self.index[place], offsets, self.weight[place])
        return bags
