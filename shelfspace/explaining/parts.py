"""A listing as parts that can be left out: its words one by one, its other columns whole. P parts, S coalitions."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from shelfspace.linear.features import spans_of
from shelfspace.shop.folding import folded

Flags = npt.NDArray[np.bool_]

BEHAVIOUR = "behaviour"
"""The part that is what shoppers did with an item, not what its listing says."""

MOST = 24
"""Parts of a listing at most: of more, the column with the most words stays whole."""

_LONGEST = 40


@dataclass(frozen=True)
class Part:
    """A column of a listing, or one word of it wherever it stands there, in any case."""

    column: str
    word: str | None = None

    def named(self, value: Any = None) -> str:
        """Return what to call it: `title: wool`, `brand: Acme`, `image`."""
        if self.word is not None:
            return f"{self.column}: {self.word}"
        said = " > ".join(map(str, value)) if isinstance(value, list) else value
        short = isinstance(said, str) and len(said) <= _LONGEST and self.column != "image"
        return f"{self.column}: {said}" if short else self.column


def parts_of(listing: Mapping[str, Any], text: Collection[str], others: Collection[str]) -> list[Part]:
    """Return the parts of a listing that says something.

    Args:
        listing: what it says, by column.
        text: columns taken word by word, as long as there are no more than 24 parts in all.
        others: columns taken whole.
    """
    whole = [Part(name) for name in others if name not in text and _some(listing.get(name))]
    worded = {name: _words(listing[name]) for name in text if _some(listing.get(name))}
    while worded and len(whole) + sum(map(len, worded.values())) > MOST:
        longest = max(worded, key=lambda name: len(worded[name]))
        whole.append(Part(longest))
        del worded[longest]
    return [Part(name, word) for name, words in worded.items() for word in words] + whole


def without(value: Any, parts: Sequence[Part], there: Flags) -> Any:
    """Return a column's value with the parts of it that are there, bool of each; None where nothing is left."""
    hidden = {part.word for part, shown in zip(parts, there.tolist(), strict=True) if not shown}
    if not hidden:
        return value
    if None in hidden or len(hidden) == len(parts):
        return None
    texts = value if isinstance(value, list) else [value]
    left = [_cut(text, hidden) for text in texts if text]
    return left if isinstance(value, list) else left[0]


def _cut(text: str, hidden: Collection[str | None]) -> str:
    pieces, at = [], 0
    for start, end in spans_of(text):
        if folded(text[start:end]) in hidden:
            pieces.append(text[at:start])
            at = end
    return "".join([*pieces, text[at:]])


def _words(value: Any) -> list[str]:
    texts = value if isinstance(value, list) else [value]
    words = (folded(text[start:end]) for text in texts if text for start, end in spans_of(text))
    return list(dict.fromkeys(words))


def _some(value: Any) -> bool:
    return value is not None and value not in ("", [])


def distinct(there: Flags, own: Sequence[int]) -> tuple[Flags, npt.NDArray[np.int64]]:
    """Return the coalitions of some parts only, each once, and which of them each coalition is."""
    rows, place = np.unique(there[:, list(own)], axis=0, return_inverse=True)
    return rows, place.reshape(-1).astype(np.int64)
