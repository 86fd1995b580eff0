"""The encoders of a field: each says how it is read, and what makes vectors of it. D embedding_dim.

`dropout`, which all have, is the chance that the whole field is hidden from a row in training, so that a row which
lacks it has a vector that was trained as well.
"""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from shelfspace.config import Range
from shelfspace.encoders.encoder import check_count, check_share
from shelfspace.encoders.modules import BagEncoder, DenseEncoder
from shelfspace.errors import ConfigError
from shelfspace.inputs import readers
from shelfspace.inputs.quantities import Numbers as NumbersReader
from shelfspace.inputs.readers import Reader
from shelfspace.inputs.tags import Tags
from shelfspace.inputs.words import Words


@dataclass(kw_only=True)
class Ids:
    """A vector of its own for every row that has events: what only behaviour knows.

    Args:
        dropout: the share of rows that go without it in training, as something new will.
        start: what training begins from: `factors`, the leading singular vectors of who took what, which saves most of
            the first epochs; or `random`.

    Cost: 4 D bytes a row; `factors` a truncated SVD.

    Example:
        >>> Ids(dropout=0.2).dropout
        0.2
    """

    dropout: Annotated[float, Range(0.0, 0.5)] = 0.1
    start: Literal["random", "factors"] = "random"

    def __post_init__(self) -> None:
        check_share("dropout", self.dropout)
        if self.start not in ("random", "factors"):
            raise ConfigError(f"start = {self.start!r} must be random or factors")

    def reader(self) -> Reader:
        """Return a reader of row numbers."""
        return readers.Ids()

    def module(self, reader: Reader, embedding_dim: int) -> BagEncoder:
        """Return the table of vectors."""
        return BagEncoder(reader.num_features, embedding_dim)


@dataclass(kw_only=True)
class Attributes:
    """A vector for each value of a column: category, brand, attributes. For values that many rows share.

    Args:
        column, is_path, min_count: see Tags.
        dropout: see the top of the file.
    """

    column: str = "category"
    is_path: bool = False
    min_count: int = 1
    dropout: Annotated[float, Range(0.0, 0.5)] = 0.0

    def __post_init__(self) -> None:
        check_share("dropout", self.dropout)
        check_count("min_count", self.min_count)

    def reader(self) -> Reader:
        """Return a reader of the column's values."""
        return Tags(column=self.column, is_path=self.is_path, min_count=self.min_count)

    def module(self, reader: Reader, embedding_dim: int) -> BagEncoder:
        """Return the table of vectors."""
        return BagEncoder(reader.num_features, embedding_dim)


@dataclass(kw_only=True)
class Hashed:
    """Text in any language, learnt from nothing: the sum of the vectors of its words, pairs and pieces.

    Args:
        columns, num_buckets, pieces, pairs, max_tokens: see Words.
        width: numbers of a token's vector, where they are not to be D.
        token_dropout: the share of tokens hidden in training, so that none is relied on alone.
        dropout: see the top of the file.

    Cost: 4 · num_buckets · width bytes.
    """

    columns: list[str] = field(default_factory=lambda: ["title"])
    num_buckets: int = 50_000
    pieces: bool = True
    pairs: bool = True
    max_tokens: int = 64
    width: int | None = None
    token_dropout: Annotated[float, Range(0.0, 0.5)] = 0.0
    dropout: Annotated[float, Range(0.0, 0.5)] = 0.0

    def __post_init__(self) -> None:
        check_share("dropout", self.dropout)
        check_share("token_dropout", self.token_dropout)
        check_count("width", self.width)
        self.reader()

    def reader(self) -> Reader:
        """Return a reader of the columns' words."""
        return Words(
            columns=self.columns,
            pieces=self.pieces,
            pairs=self.pairs,
            num_buckets=self.num_buckets,
            max_tokens=self.max_tokens,
        )

    def module(self, reader: Reader, embedding_dim: int) -> BagEncoder:
        """Return the table of vectors."""
        return BagEncoder(reader.num_features, embedding_dim, width=self.width, dropout=self.token_dropout)


@dataclass(kw_only=True)
class Vectors:
    """Anybody's ready vectors, brought into the shop's space.

    Args:
        name: the name in `vectors.NAME`.
        hidden: see DenseEncoder.
        dropout: see the top of the file.
    """

    name: str
    hidden: int | None = None
    dropout: Annotated[float, Range(0.0, 0.5)] = 0.0

    def __post_init__(self) -> None:
        check_share("dropout", self.dropout)
        check_count("hidden", self.hidden)

    def reader(self) -> Reader:
        """Return a reader of the vectors."""
        return readers.Ready(name=self.name)

    def module(self, reader: Reader, embedding_dim: int) -> DenseEncoder:
        """Return the projection."""
        return DenseEncoder(reader.num_features, embedding_dim, hidden=self.hidden)


@dataclass(kw_only=True)
class Numbers:
    """Prices and other numbers.

    Args:
        columns: see the reader of the same name.
        hidden: see DenseEncoder; without hidden units dear and cheap are opposite ends of one line.
        dropout: see the top of the file.
    """

    columns: list[str] = field(default_factory=lambda: ["price"])
    hidden: int | None = 32
    dropout: Annotated[float, Range(0.0, 0.5)] = 0.0

    def __post_init__(self) -> None:
        check_share("dropout", self.dropout)
        check_count("hidden", self.hidden)
        self.reader()

    def reader(self) -> Reader:
        """Return a reader of the columns' numbers."""
        return NumbersReader(columns=self.columns)

    def module(self, reader: Reader, embedding_dim: int) -> DenseEncoder:
        """Return the projection."""
        return DenseEncoder(reader.num_features, embedding_dim, hidden=self.hidden)
