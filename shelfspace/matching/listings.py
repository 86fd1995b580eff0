"""Listings as matching reads them. N listings."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shelfspace.errors import ConfigError, did_you_mean
from shelfspace.linear.features import UNSPACED, words_of
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.folding import folded

Floats = npt.NDArray[np.float64]
Sources = npt.NDArray[np.int32]

MAX_LENGTH = 4_000
"""Characters of a listing that are read: a title of 100 kB costs no more than this."""

MAX_CODES = 16
SHORTEST_CODE = 3

TEXTS = ("title", "brand", "description", "attributes", "category")

_CUT = re.compile(rf"[\s{UNSPACED}]+")
_NOISE = re.compile(r"[\W_]+")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


@dataclass(frozen=True)
class Listings:
    """What N listings say.

    titles: the titles, folded;  texts: all that is said, the title first;
    prices: float64 [N], NaN where there is none;
    source: int32 [N], which catalogue or seller a listing is from, where pairs are of two sources; else None.

    Example:
        >>> Listings(["sony dvd-r 52x"], ["sony dvd-r 52x"], np.array([9.0])).codes
        [['52x']]
    """

    titles: list[str]
    texts: list[str]
    prices: Floats
    source: Sources | None = None

    @classmethod
    def of(cls, catalogue: Catalogue, between: str | None = None) -> Self:
        """Read a catalogue; `between` names the column of the sources.

        Raises:
            ConfigError: the catalogue has no such column.
        """
        columns = [_texts(catalogue, name) for name in TEXTS]
        titles = columns[0]
        price = catalogue.column("price")
        return cls(
            titles,
            [" ".join(filter(None, said))[:MAX_LENGTH] for said in zip(*columns, strict=True)],
            np.full(len(titles), np.nan) if price is None else price.to_numpy().astype(np.float64),
            None if between is None else _sources(catalogue, between),
        )

    def __len__(self) -> int:
        return len(self.titles)

    def beside(self, other: "Listings") -> "Listings":
        """Put another catalogue after this one, so that pairs are between the two."""
        return Listings(
            self.titles + other.titles,
            self.texts + other.texts,
            np.concatenate([self.prices, other.prices]),
            np.repeat(np.array([0, 1], np.int32), [len(self), len(other)]),
        )

    @cached_property
    def squeezed_titles(self) -> list[str]:
        """Return the titles without spaces and punctuation: `DVD-R 52x` and `dvdr52x` are one."""
        return [squeezed(title) for title in self.titles]

    @cached_property
    def squeezed_texts(self) -> list[str]:
        """Return all that is said, without spaces and punctuation."""
        return [squeezed(text) for text in self.texts]

    @cached_property
    def codes(self) -> list[list[str]]:
        """Return the squeezed words of each title that hold a digit: model codes, sizes, part numbers."""
        return [_codes(title) for title in self.titles]

    @cached_property
    def words(self) -> list[frozenset[str]]:
        """Return the words of all that is said."""
        return [frozenset(words_of(text)) for text in self.texts]

    @cached_property
    def title_words(self) -> list[frozenset[str]]:
        """Return the words of the titles."""
        return [frozenset(words_of(title)) for title in self.titles]

    @cached_property
    def numbers(self) -> list[frozenset[str]]:
        """Return the numbers of the titles."""
        return [frozenset(_NUMBER.findall(title)) for title in self.titles]

    @cached_property
    def all_numbers(self) -> list[frozenset[str]]:
        """Return the numbers of all that is said."""
        return [frozenset(_NUMBER.findall(text)) for text in self.texts]


def squeezed(text: str) -> str:
    """Return a folded text without anything but letters and digits."""
    return _NOISE.sub("", text)


def _codes(title: str) -> list[str]:
    found = dict.fromkeys(squeezed(word) for word in _CUT.split(title))
    codes = [word for word in found if len(word) >= SHORTEST_CODE and any(c.isdigit() for c in word)]
    return codes[:MAX_CODES]


def _texts(catalogue: Catalogue, name: str) -> list[str]:
    column = catalogue.column(name)
    if column is None:
        return [""] * len(catalogue)
    return [folded(_said(value)[:MAX_LENGTH]).strip() for value in column.to_pylist()]


def _said(value: str | Sequence[str] | None) -> str:
    return " ".join(value) if isinstance(value, list) else str(value or "")


def _sources(catalogue: Catalogue, between: str) -> Sources:
    column = catalogue.column(between)
    if column is None:
        known = catalogue.table.column_names
        raise ConfigError(
            f"[match] between = {between!r}: the items have no such column{did_you_mean(between, known)}"
        )
    coded = column.cast(pa.string()).combine_chunks().fill_null("").dictionary_encode()
    sources: Sources = coded.indices.to_numpy().astype(np.int32)
    return sources
