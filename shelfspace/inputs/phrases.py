"""Text in any language as words in their order. N rows, L words of the longest row, W words of all rows."""

import csv
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from shelfspace.config import settings_of
from shelfspace.errors import ConfigError
from shelfspace.inputs.columns import texts_of
from shelfspace.inputs.fields import Content, Kind, Ordered, Records
from shelfspace.inputs.ragged import indptr_of
from shelfspace.inputs.tokens import tokens_of
from shelfspace.linear.features import words_of

Places = npt.NDArray[np.int64]


@dataclass(kw_only=True)
class Phrases:
    """The words of a row, one column after the other, hashed into buckets; a character each without spaces.

    A word of a bucket that no row learnt from has is left out: its vector would be an untrained one.

    Args:
        columns: the columns read; a column that the shop lacks has no words.
        num_buckets: how many words are told apart; two in one bucket are taken for one another.
        max_tokens: L at most; what is longer is cut.
        synonyms: a file of words that mean the same, a line each, parted by commas. A word whose synonym was learnt
            from is known too: in training one stands in for the other.

    Cost: O(W); 4 N L bytes.

    Raises:
        ConfigError: no column, a number below 1, a file of synonyms that is not there or has a phrase for a word.

    Source: Weinberger et al. 2009 (hashing).

    Example:
        >>> import pyarrow as pa
        >>> titles = Records.of_users(pa.table({"title": ["red mug", "mug", None]}), [1, 1, 1])
        >>> ids = Phrases().learn(titles, np.ones(3, bool)).read(titles).ids
        >>> bool(ids[0, 1] == ids[1, 0]), ids[2].tolist()
        (True, [-1, -1])
    """

    columns: list[str] = field(default_factory=lambda: ["title"])
    num_buckets: int = 50_000
    max_tokens: int = 32
    synonyms: str | None = None
    kind: ClassVar[Kind] = "ordered"
    content: ClassVar[Content] = "text"
    known: npt.NDArray[np.bool_] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.columns:
            raise ConfigError("columns must name at least one column")
        for name in ("num_buckets", "max_tokens"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} = {getattr(self, name)} must be at least 1")
        self.known = np.zeros(self.num_buckets, bool)

    @property
    def num_features(self) -> int:
        """The buckets."""
        return self.num_buckets

    def learn(self, records: Records, known: npt.NDArray[np.bool_]) -> Self:
        """Note which buckets the known rows, bool [N], have; and those of their synonyms."""
        row, bucket = self._words(records)
        self.known = np.zeros(self.num_buckets, bool)
        self.known[bucket[known[row]]] = True
        for group in self.groups():
            self.known[group] |= self.known[group].any()
        return self

    def read(self, records: Records) -> Ordered:
        """Return the words of every row, known or not; a row without a known word is absent."""
        row, bucket = self._words(records)
        told = self.known[bucket]
        row, bucket = row[told], bucket[told]
        place = np.arange(len(row)) - indptr_of(np.bincount(row, minlength=len(records)))[row]
        kept = place < self.max_tokens
        width = int(place[kept].max(initial=0)) + 1
        ids = np.full((len(records), width), -1, np.int32)
        ids[row[kept], place[kept]] = bucket[kept]
        return Ordered(ids, self.num_features)

    def groups(self) -> list[Places]:
        """Return the buckets of each line of the file of synonyms."""
        return [] if self.synonyms is None else [self.buckets(line) for line in synonyms_of(self.synonyms)]

    def buckets(self, words: list[str]) -> Places:
        """Return the bucket of each word, int64 [W]."""
        return self._bucket(tokens_of(words, pairs=False, pieces=False).hashed)

    def state(self) -> dict[str, Any]:
        """Return the settings and what was learnt, fit for JSON."""
        return settings_of(self) | {"known": np.flatnonzero(self.known).tolist()}

    def restore(self, state: dict[str, Any]) -> Self:
        """Take what `state` gave; the file of synonyms is not asked for again."""
        vars(self).update(state)
        self.known = np.zeros(self.num_buckets, bool)
        self.known[state["known"]] = True
        return self

    def _bucket(self, hashed: npt.NDArray[np.uint64]) -> Places:
        return (hashed % np.uint64(self.num_buckets)).astype(np.int64)

    def _words(self, records: Records) -> tuple[Places, Places]:
        """Return the row and the bucket of each word, rows not falling, int64 [W] each."""
        rows, buckets = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        for name in self.columns:
            if (column := records.column(name)) is not None:
                row, values = texts_of(column, name)
                tokens = tokens_of(values.to_pylist(), pairs=False, pieces=False)
                rows.append(row[tokens.text])
                buckets.append(self._bucket(tokens.hashed))
        row, bucket = np.concatenate(rows), np.concatenate(buckets)
        order = np.argsort(row, kind="stable")
        return row[order], bucket[order]


def synonyms_of(path: str) -> list[list[str]]:
    """Return the groups of words of a file, a line each; a group of one says nothing and is left out.

    Raises:
        ConfigError: there is no such file, or a cell is not one word.
    """
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            lines = [[cell.strip() for cell in line if cell.strip()] for line in csv.reader(file)]
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigError(f"synonyms = {path!r} cannot be read: {problem}") from None
    for number, line in enumerate(lines, 1):
        for cell in line:
            if len(words_of(cell)) != 1:
                raise ConfigError(f"{path}, line {number}: {cell!r} is not one word")
    return [line for line in lines if len(line) > 1]
