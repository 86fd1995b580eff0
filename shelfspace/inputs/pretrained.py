"""Texts and photos as vectors that a frozen encoder gives them. N rows, K numbers of a vector."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from shelfspace.errors import ConfigError
from shelfspace.inputs.columns import joined
from shelfspace.inputs.fields import Content, Dense, Kind, Records
from shelfspace.inputs.photos import PhotoColumn
from shelfspace.pretrained.bundle import Bundle
from shelfspace.pretrained.cache import VectorCache
from shelfspace.pretrained.running import PHOTOS_AT_ONCE, PhotoEncoder, TextEncoder, Told

Flags = npt.NDArray[np.bool_]


@dataclass(kw_only=True)
class Frozen:
    """What both readers are: a frozen encoder, which learns nothing; its files travel with the reader."""

    kind: ClassVar[Kind] = "dense"
    bundle: Bundle | None = field(init=False, repr=False, default=None)
    told: Told | None = field(init=False, repr=False, default=None)

    def using(self, bundle: Bundle) -> Self:
        """Take the encoder."""
        self.bundle = bundle
        return self

    @property
    def encoder(self) -> Bundle:
        """Return the encoder that was taken."""
        if self.bundle is None:
            raise ValueError("it has no encoder yet")
        return self.bundle

    @property
    def num_features(self) -> int:
        """K."""
        return self.encoder.width

    def learn(self, records: Records, known: Flags) -> Self:
        """Learn nothing: what is frozen was learnt elsewhere."""
        return self

    def files(self) -> dict[str, bytes]:
        """Return the encoder's files."""
        return self.encoder.files()

    def take_files(self, read: Callable[[str], bytes]) -> Self:
        """Take what `files` gave."""
        return self.using(Bundle.read(read))


@dataclass(kw_only=True)
class TextVectors(Frozen):
    """The columns of a row as one text, and its vector; a row without any text is absent.

    Args:
        columns: the columns read, one after the other; a column that the shop lacks has no words.

    Cost: that of the encoder for every text that was not seen before; see `TextEncoder`.
    """

    content: ClassVar[Content] = "text"
    columns: list[str] = field(default_factory=lambda: ["title"])

    def __post_init__(self) -> None:
        if not self.columns:
            raise ConfigError("columns must name at least one column")

    def read(self, records: Records, *, keep: bool = True) -> Dense:
        """Return the vectors of every row, float32 [N, K]; `keep` those made now for all times."""
        texts = joined(records, self.columns)
        present = np.array([bool(text) for text in texts], bool)
        vectors = np.zeros((len(texts), self.num_features), np.float32)
        vectors[present] = self._running.vectors([text for text in texts if text], self.told, keep=keep)
        return Dense(vectors, present)

    def state(self) -> dict[str, Any]:
        """Return the settings, fit for JSON."""
        return {"columns": self.columns}

    def restore(self, state: dict[str, Any]) -> Self:
        """Take what `state` gave; the encoder comes by `take_files`."""
        self.columns = list(state["columns"])
        return self

    @cached_property
    def _running(self) -> TextEncoder:
        return TextEncoder(self.encoder, VectorCache(self.encoder.digest))


@dataclass(kw_only=True)
class PhotoVectors(PhotoColumn, Frozen):
    """The photo that a column names, and its vector; a row is absent where there is none that can be read.

    Args:
        column, fetch: see PhotoColumn.

    Cost: that of the encoder for every photo that was not seen before; see `PhotoEncoder`.
    """

    def read(self, records: Records) -> Dense:
        """Return the vectors of every row, float32 [N, K]."""
        vectors = np.zeros((len(records), self.num_features), np.float32)
        present = np.zeros(len(records), bool)
        row, texts, photos = self.photos(records)
        found, failed = self._running.vectors(photos, self.told)
        self.tell(texts, failed)
        vectors[row], present[row] = found, found.any(axis=1)
        return Dense(vectors, present)

    @property
    def side(self) -> int:
        """S, the side of a photo as the encoder sees it."""
        return int(self.encoder.about["size"])

    def seen(self, squares: npt.NDArray[np.uint8]) -> Dense:
        """Return the vectors of decoded photos, uint8 [N, S, S, 3]; none is kept."""
        blocks = [
            self._running.encoded(squares[start : start + PHOTOS_AT_ONCE])
            for start in range(0, len(squares), PHOTOS_AT_ONCE)
        ]
        return Dense(np.concatenate(blocks), np.ones(len(squares), bool))

    @cached_property
    def _running(self) -> PhotoEncoder:
        return PhotoEncoder(self.encoder, VectorCache(self.encoder.digest))
