"""Fields that are read by an encoder which others trained, frozen, and a projection that is learnt. D embedding_dim."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from shelfspace.config import Range
from shelfspace.encoders.encoder import check_count, check_share
from shelfspace.encoders.freezing import freeze_photo, freeze_text, kept_bundle
from shelfspace.encoders.modules import DenseEncoder
from shelfspace.errors import ConfigError
from shelfspace.inputs.pretrained import PhotoVectors, TextVectors
from shelfspace.inputs.readers import Reader


@dataclass(kw_only=True)
class Transformer:
    """Text by a transformer that others trained. It needs the extra `[text]`; serving needs no torch.

    Every text is encoded once for all runs: vectors are kept in the cache folder (`SHELFSPACE_CACHE`).

    Args:
        columns: the columns read, one after the other.
        model: `minilm`, whose weights come with the extra; a folder as transformers writes it; or the name of a model
            on the hub that was downloaded before.
        pooling: the mean over tokens, the first (`cls`, BERT's), or the last (of decoders).
        max_tokens: the budget of tokens; what is longer is cut.
        int8: weights as 8-bit integers: about four times smaller and twice as fast.
        download: the hub may be asked for what is not on disk.
        hidden: see DenseEncoder.
        dropout: see the top of `fields.py`.
    """

    columns: list[str] = field(default_factory=lambda: ["title"])
    model: str = "minilm"
    pooling: Literal["mean", "cls", "last"] = "mean"
    max_tokens: int = 64
    int8: bool = True
    download: bool = False
    hidden: int | None = None
    dropout: Annotated[float, Range(0.0, 0.5)] = 0.0

    def __post_init__(self) -> None:
        check_share("dropout", self.dropout)
        check_count("hidden", self.hidden)
        check_count("max_tokens", self.max_tokens)
        if self.pooling not in ("mean", "cls", "last"):
            raise ConfigError(f"pooling = {self.pooling!r} must be mean, cls or last")

    def reader(self) -> Reader:
        """Return a reader of the columns, its encoder ready.

        Raises:
            ConfigError: there is no such model on disk.
            MissingExtraError: the extra `[text]` is not installed.
        """
        name = f"text {self.model} {self.pooling} {self.max_tokens} {self.int8}"
        bundle = kept_bundle(
            name,
            lambda: freeze_text(
                self.model,
                pooling=self.pooling,
                max_tokens=self.max_tokens,
                int8=self.int8,
                download=self.download,
            ),
        )
        return TextVectors(columns=self.columns).using(bundle)

    def module(self, reader: Reader, embedding_dim: int) -> DenseEncoder:
        """Return the projection."""
        return DenseEncoder(reader.num_features, embedding_dim, hidden=self.hidden)


@dataclass(kw_only=True)
class Image:
    """A photo by a network that others trained. It needs the extra `[image]`; serving needs no torch.

    Every photo is encoded once for all runs, by what is in the file; one that cannot be read is as none.

    Args:
        column: the column that names the photo: a path or an address.
        fetch: fetch what is behind an address: once, a few a second, from public addresses alone; see `Fetcher`.
        model: `efficientnet-lite0`, whose ImageNet weights come with the extra.
        hidden: see DenseEncoder.
        dropout: see the top of `fields.py`.
    """

    column: str = "image"
    fetch: bool = True
    model: str = "efficientnet-lite0"
    hidden: int | None = None
    dropout: Annotated[float, Range(0.0, 0.5)] = 0.0

    def __post_init__(self) -> None:
        check_share("dropout", self.dropout)
        check_count("hidden", self.hidden)

    def reader(self) -> Reader:
        """Return a reader of the column, its encoder ready.

        Raises:
            ConfigError: an unknown model.
            MissingExtraError: the extra `[image]` is not installed.
        """
        bundle = kept_bundle(f"photo {self.model}", lambda: freeze_photo(self.model))
        return PhotoVectors(column=self.column, fetch=self.fetch).using(bundle)

    def module(self, reader: Reader, embedding_dim: int) -> DenseEncoder:
        """Return the projection."""
        return DenseEncoder(reader.num_features, embedding_dim, hidden=self.hidden)
