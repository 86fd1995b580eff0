"""Fields that are read by an encoder which others trained, frozen or trained on, and a projection. D embedding_dim."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from shelfspace.config import Range
from shelfspace.encoders.encoder import check_count, check_share
from shelfspace.encoders.freezing import Pooled, freeze_photo, freeze_text, kept_bundle
from shelfspace.encoders.loading import photo_network, text_network
from shelfspace.encoders.lora import add_low_rank
from shelfspace.encoders.modules import DenseEncoder
from shelfspace.encoders.photo import PhotoModule, begun_from
from shelfspace.encoders.photo_views import Strengths
from shelfspace.encoders.tuned import Tuned, check_rates
from shelfspace.encoders.tuned_text import TextModule
from shelfspace.errors import ConfigError
from shelfspace.inputs.photos import Photos
from shelfspace.inputs.pretrained import PhotoVectors, TextVectors
from shelfspace.inputs.readers import Reader
from shelfspace.inputs.tokenised import Tokenised


@dataclass(kw_only=True)
class Transformer:
    """Text by a transformer that others trained. It needs the extra `[text]`; serving needs no torch.

    Frozen, every text is encoded once for all runs: vectors are kept in the cache folder (`SHELFSPACE_CACHE`). Tuned,
    the network is trained on with all else, and travels in the exported tower; its drop-out makes two views of a text.

    Args:
        columns: the columns read, one after the other.
        model: `minilm`, whose weights come with the extra; a folder as transformers writes it; or the name of a model
            on the hub that was downloaded before.
        tune: `frozen`; `lora`: low-rank changes of its attention are learnt, and merged when it is exported; `full`:
            all its weights move.
        pooling: the mean over tokens, the first (`cls`, BERT's), or the last (of decoders).
        max_tokens: the budget of tokens; what is longer is cut.
        int8: weights of a frozen one as 8-bit integers: about four times smaller and twice as fast.
        download: the hub may be asked for what is not on disk.
        rank: of the low-rank changes.
        rate, rate_decay: how gently a tuned one moves, see Tuned.
        tuned_blocks: with `full`, only so many of the last blocks move; None: all.
        hidden: see DenseEncoder.
        dropout: see the top of `fields.py`.
    """

    columns: list[str] = field(default_factory=lambda: ["title"])
    model: str = "minilm"
    tune: Literal["frozen", "lora", "full"] = "frozen"
    pooling: Literal["mean", "cls", "last"] = "mean"
    max_tokens: int = 64
    int8: bool = True
    download: bool = False
    rank: int = 8
    rate: Annotated[float, Range(0.01, 1.0, log=True)] = 0.1
    rate_decay: Annotated[float, Range(0.6, 1.0)] = 0.9
    tuned_blocks: int | None = None
    hidden: int | None = None
    dropout: Annotated[float, Range(0.0, 0.5)] = 0.0

    def __post_init__(self) -> None:
        check_share("dropout", self.dropout)
        for name in ("hidden", "max_tokens", "rank"):
            check_count(name, getattr(self, name))
        check_rates(self.rate, self.rate_decay, self.tuned_blocks)
        if self.pooling not in ("mean", "cls", "last"):
            raise ConfigError(f"pooling = {self.pooling!r} must be mean, cls or last")
        if self.tune not in ("frozen", "lora", "full"):
            raise ConfigError(f"tune = {self.tune!r} must be frozen, lora or full")

    def reader(self) -> Reader:
        """Return a reader of the columns: of vectors, its encoder ready, or of tokens.

        Raises:
            ConfigError: there is no such model on disk, or no column.
            MissingExtraError: the extra `[text]` is not installed.
        """
        if self.tune != "frozen":
            found = text_network(self.model, download=self.download)
            reader = Tokenised(columns=self.columns, max_tokens=min(self.max_tokens, found.max_tokens))
            return reader.using(found.tokenizer)
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

    def module(self, reader: Reader, embedding_dim: int) -> DenseEncoder | TextModule:
        """Return the projection, and the network before it where that is tuned.

        Raises:
            ConfigError: `lora`, of a network without linear layers of attention.
        """
        if self.tune == "frozen":
            return DenseEncoder(reader.num_features, embedding_dim, hidden=self.hidden)
        network = text_network(self.model, download=self.download).network
        width = int(network.config.hidden_size)
        if self.tune == "lora" and not add_low_rank(network, self.rank):
            raise ConfigError(f'tune = "lora": {self.model!r} has no linear layers of attention; use full')
        blocks = self.tuned_blocks if self.tune == "full" else None
        tuned = Tuned(
            Pooled(network, self.pooling), rate=self.rate, rate_decay=self.rate_decay, blocks=blocks
        )
        return TextModule(tuned, width, embedding_dim, hidden=self.hidden)


@dataclass(kw_only=True)
class Image(Strengths):
    """A photo by a network that others trained. It needs the extra `[image]`; serving needs no torch.

    Frozen, every photo is encoded once for all runs, by what is in the file; one that cannot be read is as none. Tuned,
    the network is trained on with all else, and travels in the exported tower.

    Args:
        column: the column that names the photo: a path or an address.
        fetch: fetch what is behind an address: once, a few a second, from public addresses alone; see `Fetcher`.
        model: `efficientnet-lite0`, whose ImageNet weights come with the extra; the folder of a vision model as
            transformers writes it, with its `preprocessor_config.json`; or the name of one on the hub that was
            downloaded before. The latter two need the extra `[text]`. Of CLIP and its like the half that sees is taken.
        tune: `frozen`, or `full`: the network's weights move, too.
        download: the hub may be asked for what is not on disk.
        size: the side of the photos that a tuned network is given, a multiple of 32; None: the network's own.
        rate, rate_decay: how gently its blocks move, see Tuned.
        tuned_blocks: only so many of the last blocks move; None: all.
        start: where a tuned network begins: a run's folder or a `model.safetensors`, as seen from where the command
            runs; None: as it was published.
        crop, flip, jitter, grey, blur, cutout: what makes another view in training of a tuned network, see Strengths.
        hidden: see DenseEncoder.
        dropout: see the top of `fields.py`.

    Cost: tuned, 0.8 Gflop a photo of 224 pixels (`efficientnet-lite0`), thrice that in training.
    """

    column: str = "image"
    fetch: bool = True
    model: str = "efficientnet-lite0"
    tune: Literal["frozen", "full"] = "frozen"
    download: bool = False
    size: int | None = None
    rate: Annotated[float, Range(0.01, 1.0, log=True)] = 0.1
    rate_decay: Annotated[float, Range(0.6, 1.0)] = 0.9
    tuned_blocks: int | None = None
    start: str | None = None
    hidden: int | None = None
    dropout: Annotated[float, Range(0.0, 0.5)] = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_share("dropout", self.dropout)
        check_count("hidden", self.hidden)
        check_rates(self.rate, self.rate_decay, self.tuned_blocks)
        if self.tune not in ("frozen", "full"):
            raise ConfigError(f"tune = {self.tune!r} must be frozen or full")
        if self.tune == "frozen" and (self.size is not None or self.start is not None):
            raise ConfigError('size and start are of a network that is tuned: tune = "full"')
        if self.size is not None and (self.size < 32 or self.size % 32):
            raise ConfigError(f"size = {self.size} must be a multiple of 32")

    def reader(self) -> Reader:
        """Return a reader of the column: of vectors, its encoder ready, or of pixels.

        Raises:
            ConfigError: an unknown model.
            MissingExtraError: the extra `[image]` is not installed.
        """
        if self.tune == "full":
            size = self.size or photo_network(self.model, download=self.download).size
            return Photos(column=self.column, fetch=self.fetch, size=size)
        bundle = kept_bundle(photo_name(self.model), lambda: freeze_photo(self.model, download=self.download))
        return PhotoVectors(column=self.column, fetch=self.fetch).using(bundle)

    def module(self, reader: Reader, embedding_dim: int) -> DenseEncoder | PhotoModule:
        """Return the projection, and the network before it where that is tuned."""
        if self.tune == "frozen":
            return DenseEncoder(reader.num_features, embedding_dim, hidden=self.hidden)
        found = photo_network(self.model, download=self.download)
        network = Tuned(found.network, rate=self.rate, rate_decay=self.rate_decay, blocks=self.tuned_blocks)
        if self.start is not None:
            begun_from(network, self.start)
        return PhotoModule(
            network,
            found.width,
            embedding_dim,
            size=reader.num_features,
            strengths=self,
            mean=[m / 255 for m in found.mean],
            deviation=[d / 255 for d in found.deviation],
            hidden=self.hidden,
        )


def photo_name(model: str) -> str:
    """Return what names a frozen network: of a folder also when it was written, so that another model is another."""
    file = Path(model) / "model.safetensors"
    return f"photo {model} {file.stat().st_mtime_ns}" if file.is_file() else f"photo {model}"
