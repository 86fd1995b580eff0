"""From a field to vectors.

B rows, L features of the longest row, E features of all rows, K numbers of a row, D embedding_dim.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from shelfspace.encoders.encoder import check_count, check_share


class BagEncoder(nn.Module):
    """The weighted sum of the vectors of a row's features, of `width` numbers, and from there to D if they differ.

    A row without features gives 0.

    Args:
        num_features: how many features have a vector.
        embedding_dim: D.
        width: numbers of a feature's vector; None: D. A narrow one keeps a large vocabulary small.
        dropout: the share of features hidden at random in training, those left scaled up by 1 / (1 - dropout).

    Cost: O(E · width + B · width · D) time; 4 · num_features · width bytes of weights.

    Raises:
        ConfigError: dropout outside [0, 1), width below 1.

    Source: Joulin et al. 2017, Bag of Tricks for Efficient Text Classification.
    """

    ragged: ClassVar[bool] = True

    def __init__(
        self,
        num_features: int,
        embedding_dim: int,
        *,
        width: int | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        check_share("dropout", dropout)
        check_count("width", width)
        self.num_features, self.dropout = num_features, dropout
        self.width = width or embedding_dim
        self.table = nn.EmbeddingBag(num_features, self.width, mode="sum")
        nn.init.normal_(self.table.weight, std=self.width**-0.5)
        self.out = nn.Linear(self.width, embedding_dim, bias=False) if self.width != embedding_dim else None
        if self.out is not None:
            nn.init.normal_(self.out.weight, std=embedding_dim**-0.5)

    def forward(self, index: Tensor, offsets: Tensor, weight: Tensor) -> Tensor:
        """Return float [B, D].

        Args:
            index: int64 [E], the features of all rows, one row after the other.
            offsets: int64 [B], where each row begins: `indptr[:-1]` of a Bag.
            weight: float [E].
        """
        summed: Tensor = self.table(index, offsets, per_sample_weights=self._hidden(weight))
        return self._wide(summed)

    def padded(self, index: Tensor, weight: Tensor) -> Tensor:
        """Return the same from rectangles int64 and float [B, L], as `Bag.padded` makes them. For export."""
        vectors = functional.embedding(index, self.table.weight)
        return self._wide((self._hidden(weight).unsqueeze(-1) * vectors).sum(dim=1))

    def example(self, size: int) -> dict[str, Tensor]:
        """Return inputs of so many rows."""
        return {"index": torch.zeros((size, 4), dtype=torch.int64), "weight": torch.ones((size, 4))}

    def _hidden(self, weight: Tensor) -> Tensor:
        return functional.dropout(weight, self.dropout, self.training) if self.dropout else weight

    def _wide(self, summed: Tensor) -> Tensor:
        return summed if self.out is None else self.out(summed)


class DenseEncoder(nn.Module):
    """W x + b, or W gelu(V x + a) + b with so many hidden units.

    Args:
        num_features: K.
        embedding_dim: D.
        hidden: the hidden units; None: there are none.

    Cost: O(B K D), or O(B hidden (K + D)).

    Raises:
        ConfigError: hidden below 1.
    """

    ragged: ClassVar[bool] = False

    def __init__(self, num_features: int, embedding_dim: int, *, hidden: int | None = None) -> None:
        super().__init__()
        check_count("hidden", hidden)
        self.num_features, self.hidden = num_features, hidden
        self.first = nn.Linear(num_features, hidden) if hidden is not None else None
        self.out = nn.Linear(hidden or num_features, embedding_dim)
        nn.init.normal_(self.out.weight, std=embedding_dim**-0.5)
        nn.init.zeros_(self.out.bias)

    def forward(self, values: Tensor) -> Tensor:
        """Return float [B, D] from values float [B, K]."""
        inner = values if self.first is None else functional.gelu(self.first(values))
        vectors: Tensor = self.out(inner)
        return vectors

    def padded(self, values: Tensor) -> Tensor:
        """Return the same: numbers need no padding."""
        vectors: Tensor = self(values)
        return vectors

    def example(self, size: int) -> dict[str, Tensor]:
        """Return inputs of so many rows."""
        return {"values": torch.zeros((size, self.num_features))}
