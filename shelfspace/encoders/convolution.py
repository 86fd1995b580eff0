"""Words in their order, by convolutions of several widths, learnt from nothing.

B rows, L words of the longest row, W numbers of a word, F filters of a width, K widths, D embedding_dim.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from shelfspace.config import Range
from shelfspace.encoders.encoder import check_count, check_share
from shelfspace.encoders.wording import Wording
from shelfspace.errors import ConfigError
from shelfspace.inputs.phrases import Phrases
from shelfspace.inputs.readers import Reader


@dataclass(kw_only=True)
class TextCNN:
    """Text in any language, learnt from nothing, in its order: what stands beside what, where `hashed` sums.

    Args:
        columns, num_buckets, max_tokens, synonyms: see Phrases.
        width: W.
        filters: F, for each kernel size.
        kernel_sizes: how many words a filter sees.
        token_dropout: the share of words hidden in training; `two_views` contrasts two such hidings.
        swap: the share of words that change places with the next in training.
        synonym: the share of words, of those that have some, which a synonym stands in for in training.
        dropout: see the top of `fields.py`.

    Cost: O(B L W F Σ kernel sizes) time; 4 · num_buckets · W bytes.

    Raises:
        ConfigError: a setting that cannot be.

    Source: Kim 2014, "Convolutional Neural Networks for Sentence Classification".
    """

    columns: list[str] = field(default_factory=lambda: ["title"])
    num_buckets: int = 50_000
    max_tokens: int = 32
    synonyms: str | None = None
    width: int = 64
    filters: int = 64
    kernel_sizes: list[int] = field(default_factory=lambda: [1, 2, 3])
    token_dropout: Annotated[float, Range(0.0, 0.5)] = 0.1
    swap: float = 0.0
    synonym: float = 0.3
    dropout: Annotated[float, Range(0.0, 0.5)] = 0.0

    def __post_init__(self) -> None:
        for name in ("token_dropout", "swap", "dropout"):
            check_share(name, getattr(self, name))
        if not 0 <= self.synonym <= 1:
            raise ConfigError(f"synonym = {self.synonym} must be a share between 0 and 1")
        check_count("width", self.width)
        check_count("filters", self.filters)
        if not self.kernel_sizes or min(self.kernel_sizes) < 1:
            raise ConfigError(f"kernel_sizes = {self.kernel_sizes} must name at least one size, from 1")
        self._reader()

    def reader(self) -> Reader:
        """Return a reader of the columns' words in order."""
        return self._reader()

    def module(self, reader: Reader, embedding_dim: int) -> "PhraseEncoder":
        """Return the network."""
        wording = Wording(
            self._reader().groups(), hide=self.token_dropout, swap=self.swap, replace=self.synonym
        )
        return PhraseEncoder(
            reader.num_features,
            embedding_dim,
            wording,
            width=self.width,
            filters=self.filters,
            kernel_sizes=self.kernel_sizes,
        )

    def _reader(self) -> Phrases:
        return Phrases(
            columns=self.columns,
            num_buckets=self.num_buckets,
            max_tokens=self.max_tokens,
            synonyms=self.synonyms,
        )


class PhraseEncoder(nn.Module):
    """The largest answer of each filter over a row's windows, and from those to D.

    A window begins at each word and sees 0 behind the last, so that a row of one word has one too, and what a row
    gives does not hang on how wide the batch is.

    Args:
        num_features: how many words have a vector.
        embedding_dim: D.
        wording: what becomes of words in training.
        width: W.
        filters: F.
        kernel_sizes: K of them.
    """

    ragged: ClassVar[bool] = True

    def __init__(
        self,
        num_features: int,
        embedding_dim: int,
        wording: nn.Module,
        *,
        width: int = 64,
        filters: int = 64,
        kernel_sizes: Sequence[int] = (1, 2, 3),
    ) -> None:
        super().__init__()
        self.wording, self.kernel_sizes = wording, tuple(kernel_sizes)
        self.table = nn.Embedding(num_features, width)
        nn.init.normal_(self.table.weight, std=width**-0.5)
        self.filters = nn.ModuleList(nn.Conv1d(width, filters, size) for size in kernel_sizes)
        self.out = nn.Linear(filters * len(kernel_sizes), embedding_dim)
        nn.init.normal_(self.out.weight, std=embedding_dim**-0.5)
        nn.init.zeros_(self.out.bias)

    def forward(self, ids: Tensor) -> Tensor:
        """Return float [B, D] from words int64 [B, L], -1 where there is none."""
        ids = self.wording(ids)
        there = (ids >= 0).unsqueeze(1)
        words = self.table(ids.clamp(min=0)).transpose(1, 2) * there
        most = []
        for convolution, size in zip(self.filters, self.kernel_sizes, strict=True):
            wide = functional.pad(words, (0, size - 1))
            most.append((functional.relu(convolution(wide)) * there).amax(dim=2))
        vectors: Tensor = self.out(torch.cat(most, dim=1))
        return vectors

    def padded(self, ids: Tensor) -> Tensor:
        """Return the same: ids come padded."""
        vectors: Tensor = self(ids)
        return vectors

    def example(self, size: int) -> dict[str, Tensor]:
        """Return inputs of so many rows."""
        return {"ids": torch.zeros((size, 4), dtype=torch.int64)}
