"""Text by a transformer that is trained on. B rows, L tokens of the longest row, K its width, D embedding_dim."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from shelfspace.encoders.modules import DenseEncoder


class TextModule(nn.Module):
    """The network, which pools what it gives, and a projection; its drop-out makes every call another view.

    Args:
        network: from tokens and whether they are there, int64 [B, L], to float [B, K].
        num_features: K.
        embedding_dim: D.
        hidden: hidden units of the projection, see DenseEncoder.
    """

    ragged: ClassVar[bool] = True

    def __init__(
        self, network: nn.Module, num_features: int, embedding_dim: int, *, hidden: int | None = None
    ) -> None:
        super().__init__()
        self.network = network
        self.out = DenseEncoder(num_features, embedding_dim, hidden=hidden)

    def forward(self, ids: Tensor) -> Tensor:
        """Return float [B, D] from int64 [B, L], -1 where there is no token."""
        mask = (ids >= 0).long()
        vectors: Tensor = self.out(self.network(ids.clamp(min=0), mask))
        return vectors

    def padded(self, ids: Tensor) -> Tensor:
        """Return the same: ids come padded."""
        vectors: Tensor = self(ids)
        return vectors

    def example(self, size: int) -> dict[str, Tensor]:
        """Return inputs of so many rows."""
        # of unequal length: of a batch without padding the mask would be left out
        ids = torch.ones((size, 4), dtype=torch.int64)
        ids[-1, -1] = -1
        return {"ids": ids}
