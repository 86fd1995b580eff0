"""Text in any language as a bag of hashed tokens. N rows, T tokens of all rows."""

from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from shelfspace.config import settings_of
from shelfspace.errors import ConfigError
from shelfspace.inputs.columns import texts_of
from shelfspace.inputs.fields import Bag, Content, Kind, Records
from shelfspace.inputs.tokens import Tokens, tokens_of

Places = npt.NDArray[np.int64]


@dataclass(kw_only=True)
class Words:
    """Words, pairs of adjacent words and pieces of words, hashed into buckets; no vocabulary is kept.

    A token weighs (1 + log count) · (1 + log((1 + n) / (1 + n_bucket))), where n_bucket of the n rows learnt from
    have a token of its bucket. Rows are of unit length, so that the sum of their vectors starts as long for a long
    text as for a short one. A bucket that no row learnt from has is left out: its vector would be an untrained one.

    Args:
        columns: the columns read; a column that the shop lacks has no words. A pair does not cross from one text
            of a list, or one column, to the next.
        pieces: also pieces of words, which bring `heart` near `hearts`.
        pairs: also pairs of adjacent words.
        num_buckets: how many features there are; two tokens in one bucket are taken for one another.
        max_tokens: how many features a row has at most: words stay before pairs, pairs before pieces, and of each
            kind the heaviest first.

    Cost: O(T log T) time; 12,000 titles of 8 words take some half a second.

    Raises:
        ConfigError: no column, or a number below 1.

    Sources: Weinberger et al. 2009 (hashing); Bojanowski et al. 2017 (pieces); Salton and Buckley 1988 (weights).

    Example:
        >>> import pyarrow as pa
        >>> table = pa.table({"title": ["red mug", "blue mug", None]})
        >>> titles = Records.of_users(table, [1, 1, 0])
        >>> reader = Words(pieces=False).learn(titles, np.array([True, True, False]))
        >>> np.diff(reader.read(titles).indptr).tolist()
        [3, 3, 0]
    """

    columns: list[str] = field(default_factory=lambda: ["title"])
    pieces: bool = True
    pairs: bool = True
    num_buckets: int = 50_000
    max_tokens: int = 64
    kind: ClassVar[Kind] = "bag"
    content: ClassVar[Content] = "text"
    frequency: Places = field(init=False, repr=False)
    num_documents: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        if not self.columns:
            raise ConfigError("columns must name at least one column")
        for name in ("num_buckets", "max_tokens"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} = {getattr(self, name)} must be at least 1")
        self.frequency = np.zeros(self.num_buckets, np.int64)

    @property
    def num_features(self) -> int:
        """The buckets."""
        return self.num_buckets

    def learn(self, records: Records, known: npt.NDArray[np.bool_]) -> Self:
        """Count how many of the known rows, bool [N], have each bucket."""
        row, tokens = self._tokens(records)
        once = np.unique((row * self.num_buckets + self._bucket(tokens))[known[row]])
        self.frequency = np.bincount(once % self.num_buckets, minlength=self.num_buckets)
        self.num_documents = int(np.count_nonzero(known))
        return self

    def read(self, records: Records) -> Bag:
        """Return the tokens of every row, known or not; a row without a known token is absent."""
        row, tokens = self._tokens(records)
        key = (row * 3 + tokens.kind) * self.num_buckets + self._bucket(tokens)
        key, count = np.unique(key[self.frequency[key % self.num_buckets] > 0], return_counts=True)
        group, bucket = np.divmod(key, self.num_buckets)
        rarity = 1 + np.log((1 + self.num_documents) / (1 + self.frequency[bucket]))
        weight = (1 + np.log(count)) * rarity
        heaviest = np.lexsort((-weight, group))
        row = group[heaviest] // 3
        kept = np.arange(len(row)) - np.searchsorted(row, row) < self.max_tokens
        chosen = heaviest[kept]
        return Bag.unit(
            row[kept], bucket[chosen], weight[chosen], num_rows=len(records), num_features=self.num_features
        )

    def state(self) -> dict[str, Any]:
        """Return the settings and what was learnt, fit for JSON."""
        learnt = {"num_documents": self.num_documents, "frequency": self.frequency.tolist()}
        return settings_of(self) | learnt

    def restore(self, state: dict[str, Any]) -> Self:
        """Take what `state` gave."""
        vars(self).update(state | {"frequency": np.array(state["frequency"], np.int64)})
        return self

    def _bucket(self, tokens: Tokens) -> Places:
        return (tokens.hashed % np.uint64(self.num_buckets)).astype(np.int64)

    def _tokens(self, records: Records) -> tuple[Places, Tokens]:
        """Return the row of each token of all columns, and the tokens."""
        rows, texts = [np.zeros(0, np.int64)], []
        for name in self.columns:
            if (column := records.column(name)) is not None:
                row, values = texts_of(column, name)
                rows.append(row)
                texts += values.to_pylist()
        tokens = tokens_of(texts, pairs=self.pairs, pieces=self.pieces)
        return np.concatenate(rows)[tokens.text], tokens
