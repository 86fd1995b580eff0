"""A tower: the fields of a row, each by its encoder, fused into one vector.

N rows, B rows asked, F fields, L features of a row, D embedding_dim.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from shelfspace.encoders.encoder import Encoder, FieldEncoder
from shelfspace.inputs.fields import Field
from shelfspace.inputs.readers import Reader
from shelfspace.model.held import Held


class Tower(nn.Module):
    """Items by their fields, or users by their profile.

    A field that a row lacks is left out of the fusion. In training each field is hidden from each row with its own
    chance (`dropout` of its encoder), but never all that a row has: so the vector of a row without an id, that is of
    something new, is one that the tower was trained to make.

    Cost: that of the encoders for the rows asked, and O(B F D).
    """

    def __init__(
        self,
        encoders: Mapping[str, Encoder],
        readers: Mapping[str, Reader],
        fusion: nn.Module,
        embedding_dim: int,
    ) -> None:
        super().__init__()
        self.names = tuple(encoders)
        self.embedding_dim = embedding_dim
        self.fields = nn.ModuleDict(  # the exporter writes these names as code: a field may be called `class`
            {
                f"field_{name}": encoder.module(readers[name], embedding_dim)
                for name, encoder in encoders.items()
            }
        )
        self.num_inputs = {name: len(self.encoder(name).example(1)) for name in self.names}
        self.fusion = fusion
        self.dropout = torch.tensor([float(encoder.dropout) for encoder in encoders.values()])
        self.held: dict[str, Held] = {}
        self.present = torch.zeros((0, len(encoders)), dtype=torch.bool)
        self.num_rows = 0

    def hold(self, fields: Mapping[str, Field], num_rows: int | None = None) -> None:
        """Keep the fields of all N rows at hand.

        Rows beyond `num_rows` are further photos: learnt from by their number, and not among all of them.
        """
        self.held = {name: Held(fields[name]) for name in self.names}
        columns = [self.held[name].present for name in self.names]
        self.present = torch.stack(columns, dim=1) if columns else torch.zeros((0, 0), dtype=torch.bool)
        self.num_rows = len(self.present) if num_rows is None else num_rows

    def forward(self, rows: Tensor, shown: Collection[str] | None = None) -> Tensor:
        """Return float [B, D] for rows int64 [B], by the fields named, else by all; 0 where nothing is known."""
        present = self.present[rows]
        if shown is not None:
            present = present & torch.tensor([name in shown for name in self.names])
        if self.training and bool((self.dropout > 0).any()):
            present = self._hidden(present)
        asked = [name for name in self.names if shown is None or name in shown]
        encoded = {name: self.held[name].encode(self.encoder(name), rows) for name in asked}
        nothing = torch.zeros_like(encoded[asked[0]])
        parts = [encoded.get(name, nothing) for name in self.names]
        fused: Tensor = self.fusion(torch.stack(parts, dim=1), present)
        return fused

    def padded(self, present: Tensor, parts: Sequence[Tensor]) -> Tensor:
        """Return the same from padded inputs, as serving gives them: what each encoder's `example` has, in order."""
        encoded, at = [], 0
        for name in self.names:
            encoder = self.encoder(name)
            taken = self.num_inputs[name]
            encoded.append(encoder.padded(*parts[at : at + taken]))
            at += taken
        fused: Tensor = self.fusion(torch.stack(encoded, dim=1), present)
        return fused

    def encoder(self, name: str) -> FieldEncoder:
        """Return the module of a field."""
        return cast(FieldEncoder, self.fields[f"field_{name}"])

    def _hidden(self, present: Tensor) -> Tensor:
        kept = present & (torch.rand(present.shape) >= self.dropout)
        return torch.where(kept.any(dim=1, keepdim=True), kept, present)
