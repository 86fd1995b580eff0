"""Photos that a column names, and their pixels. N rows, S side of a photo."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from shelfspace.config import settings_of
from shelfspace.errors import ConfigError
from shelfspace.inputs.columns import texts_of
from shelfspace.inputs.fields import Content, Kind, Records, Squares
from shelfspace.photos.decoding import PhotoError
from shelfspace.photos.fetching import Fetcher
from shelfspace.photos.keeping import KeptPhotos, Told
from shelfspace.pretrained.cache import cache_folder

Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]

LEAST = 16


@dataclass(kw_only=True)
class PhotoColumn:
    """The photos that a column names by path or address.

    Args:
        column: the column.
        fetch: fetch what is behind an address, once; see `Fetcher`.
    """

    content: ClassVar[Content] = "photo"
    column: str = "image"
    fetch: bool = True
    failed: dict[str, str] = field(init=False, repr=False, default_factory=dict)
    """Why a path has no photo."""

    def photos(self, records: Records) -> tuple[Places, list[str], list[Path | bytes]]:
        """Return the row of each photo, what the column says, and the photo; empty where it cannot be had."""
        self.failed = {}
        column = records.column(self.column)
        if column is None:
            return np.zeros(0, np.int64), [], []
        row, values = texts_of(column, self.column)
        texts = values.to_pylist()
        return row, texts, [self._photo(text) for text in texts]

    def tell(self, texts: list[str], failed: dict[int, str]) -> None:
        """Note why photos could not be read; that one was not fetched says more."""
        self.failed = {texts[n]: why for n, why in failed.items()} | self.failed

    def state(self) -> dict[str, Any]:
        """Return the settings, fit for JSON."""
        return settings_of(self)

    def restore(self, state: dict[str, Any]) -> Self:
        """Take what `state` gave."""
        vars(self).update(state)
        return self

    def _photo(self, text: str) -> Path | bytes:
        """Return the file of a photo; nothing, and why, where it cannot be fetched."""
        if "://" not in text:
            return Path(text)
        if not self.fetch:
            self.failed[text] = "not fetched"
            return b""
        try:
            return self._fetcher.fetch(text)
        except PhotoError as problem:
            self.failed[text] = str(problem)
            return b""

    @cached_property
    def _fetcher(self) -> Fetcher:
        return Fetcher(cache_folder() / "photos")


@dataclass(kw_only=True)
class Photos(PhotoColumn):
    """The photo that a column names, as pixels; a row is absent where there is none that can be read.

    Args:
        column, fetch: see PhotoColumn.
        size: S.

    Cost: every photo is decoded once for all runs; 3 S² bytes each on disk.

    Raises:
        ConfigError: size below 16.
    """

    size: int = 64
    kind: ClassVar[Kind] = "squares"
    told: Told | None = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        if self.size < LEAST:
            raise ConfigError(f"size = {self.size} must be at least {LEAST} pixels")

    @property
    def num_features(self) -> int:
        """S."""
        return self.size

    def learn(self, records: Records, known: Flags) -> Self:
        """Learn nothing: pixels are what they are."""
        return self

    def read(self, records: Records) -> Squares:
        """Return the photo of every row; of several that a row names the first that can be read."""
        row, texts, photos = self.photos(records)
        kept = KeptPhotos(self.size, cache_folder() / "pixels")
        found, failed = kept.places(photos, self.told)
        self.tell(texts, failed)
        place = np.full(len(records), -1, np.int64)
        there = np.flatnonzero(found >= 0)[::-1]
        place[row[there]] = found[there]
        return Squares(kept.pixels(), place)

    @property
    def side(self) -> int:
        """S."""
        return self.size

    def seen(self, squares: npt.NDArray[np.uint8]) -> Squares:
        """Return decoded photos, uint8 [N, S, S, 3], as rows; nothing is kept on disk."""
        return Squares(squares, np.arange(len(squares)))
