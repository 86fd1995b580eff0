"""Text as the tokens of a transformer that is trained here. N rows, L tokens of the longest row."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from shelfspace import config
from shelfspace.config import settings_of
from shelfspace.errors import ConfigError
from shelfspace.inputs.columns import joined
from shelfspace.inputs.fields import Content, Kind, Ordered, Records

TOKENIZER = "tokenizer.json"


@dataclass(kw_only=True)
class Tokenised:
    """The columns of a row as one text, cut by a tokenizer that others made; a row without any text is absent.

    The tokenizer's file travels with the reader, as a frozen encoder's does.

    Args:
        columns: the columns read, one after the other.
        max_tokens: L at most; what is longer is cut.

    Cost: some 50,000 short texts a second; 4 N L bytes.

    Raises:
        ConfigError: no column.
        MissingExtraError: the library tokenizers is not installed.
    """

    columns: list[str] = field(default_factory=lambda: ["title"])
    max_tokens: int = 64
    kind: ClassVar[Kind] = "ordered"
    content: ClassVar[Content] = "text"
    tokenizer: bytes = field(init=False, repr=False, default=b"")

    def __post_init__(self) -> None:
        if not self.columns:
            raise ConfigError("columns must name at least one column")

    def using(self, tokenizer: bytes) -> Self:
        """Take a tokenizer, as the library tokenizers writes it."""
        self.tokenizer = tokenizer
        return self

    @property
    def num_features(self) -> int:
        """The tokens that the tokenizer knows."""
        return int(self._running.get_vocab_size())

    def learn(self, records: Records, known: npt.NDArray[np.bool_]) -> Self:
        """Learn nothing: the tokenizer is as it was published."""
        return self

    def read(self, records: Records) -> Ordered:
        """Return the tokens of every row."""
        texts = joined(records, self.columns)
        told = [n for n, text in enumerate(texts) if text]
        rows = [found.ids for found in self._running.encode_batch([texts[n] for n in told])]
        ids = np.full((len(texts), max([1, *map(len, rows)])), -1, np.int32)
        for n, row in zip(told, rows, strict=True):
            ids[n, : len(row)] = row
        return Ordered(ids, self.num_features)

    def state(self) -> dict[str, Any]:
        """Return the settings and which tokenizer it is, fit for JSON."""
        return settings_of(self) | {"sha256": hashlib.sha256(self.tokenizer).hexdigest()}

    def restore(self, state: dict[str, Any]) -> Self:
        """Take what `state` gave; the tokenizer comes by `take_files`."""
        self.columns, self.max_tokens = list(state["columns"]), int(state["max_tokens"])
        return self

    def files(self) -> dict[str, bytes]:
        """Return the tokenizer's file."""
        return {TOKENIZER: self.tokenizer}

    def take_files(self, read: Callable[[str], bytes]) -> Self:
        """Take what `files` gave."""
        return self.using(read(TOKENIZER))

    @cached_property
    def _running(self) -> Any:
        tokenizers = config.extra("tokenizers", "tokenizers", "'shelfspace[text]'")
        running = tokenizers.Tokenizer.from_str(self.tokenizer.decode())
        running.enable_truncation(self.max_tokens)
        running.no_padding()
        return running
