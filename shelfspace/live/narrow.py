"""Models as they answer one shopper fast: what is kept of a past, their best items, and the scores of few.

Those that are sums over past items are in `sums`; here are the others. N items, R rows asked.
"""

from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from shelfspace.linear.counts import Floats
from shelfspace.linear.largest import kth_largest
from shelfspace.linear.popularity import Popularity
from shelfspace.linear.repeat import Repeat
from shelfspace.linear.retriever import Retriever
from shelfspace.live.sums import ordered
from shelfspace.shop.history import History

Rows = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]

MOST_POPULAR = 8_192
"""So many of the most popular are kept in order."""


class Narrow(Protocol):
    """A model that scores few items for one shopper. A past is a history of one row, of the N items or more.

    asks_when: whether what is kept depends on the moment of asking and on who asks, and not on the past alone.
    """

    asks_when: ClassVar[bool]

    def begin(self, past: History) -> Any:
        """Return what is kept of a past."""
        ...

    def more(self, kept: Any, past: History, start: int) -> Any:
        """Return what is kept of a past that goes on, from its event `start`, the one of which `kept` was."""
        ...

    def best(self, kept: Any, past: History, allowed: Mask, k: int) -> Rows:
        """Return about the k best items that are allowed and have a score above 0, in no order."""
        ...

    def at(self, kept: Any, past: History, rows: Rows) -> Floats:
        """Return the scores of items, float32 [R], 0 where the model knows nothing."""
        ...


@dataclass
class Shared:
    """Popularity: the same for everybody.

    order: the most popular items, the most popular first; `look` counts them again when popularity has moved.
    """

    asks_when: ClassVar[bool] = False
    part: Popularity
    order: Rows = field(init=False)

    def __post_init__(self) -> None:
        self.look()

    def look(self) -> None:
        """Put the items in order. O(N)."""
        rows = np.arange(len(self.part.popularity), dtype=np.int32)
        self.order = ordered(rows, self.part.popularity, MOST_POPULAR)

    def begin(self, past: History) -> None:
        """Keep nothing."""

    def more(self, kept: None, past: History, start: int) -> None:
        """Keep nothing."""

    def best(self, kept: None, past: History, allowed: Mask, k: int) -> Rows:
        """Return the k most popular: of the first in order as many as it takes, or of all."""
        order, look = self.order, 4 * k
        while look < len(order):
            found = order[:look]
            found = found[allowed[found]]
            if len(found) >= k:
                return found[:k]
            look *= 4
        rows = np.flatnonzero(allowed[: len(self.part.popularity)]).astype(np.int32)
        return ordered(rows, self.part.popularity[rows], k)

    def at(self, kept: None, past: History, rows: Rows) -> Floats:
        """Return the scores of items."""
        return self.part.popularity[rows]


@dataclass(frozen=True)
class Again:
    """Repeat: the items of the past are all that have a score."""

    asks_when: ClassVar[bool] = False
    part: Repeat
    num_items: int

    def begin(self, past: History) -> None:
        """Keep nothing: how due an item is changes with the moment."""

    def more(self, kept: None, past: History, start: int) -> None:
        """Keep nothing."""

    def best(self, kept: None, past: History, allowed: Mask, k: int) -> Rows:
        """Return the k best."""
        items, scores = self._scored(past)
        scores = scores * allowed[items]
        items, scores = items[scores > 0], scores[scores > 0]
        return items if len(items) <= k else items[scores >= np.partition(scores, -k)[-k]]

    def at(self, kept: None, past: History, rows: Rows) -> Floats:
        """Return the scores of items."""
        items, scores = self._scored(past)
        place = np.minimum(np.searchsorted(items, rows), max(len(items) - 1, 0))
        if not len(items):
            return np.zeros(len(rows), np.float32)
        found: Floats = np.where(items[place] == rows, scores[place], np.float32(0.0))
        return found

    def _scored(self, past: History) -> tuple[Rows, Floats]:
        new = past.item >= self.num_items
        parts = self.part.parts(past.keep(~new) if new.any() else past)
        order = np.argsort(parts.indices)
        return parts.indices[order].astype(np.int32), parts.data[order]


@dataclass(frozen=True)
class Whole:
    """Any other model: its score of every item is kept. float32 [N] each."""

    asks_when: ClassVar[bool] = True
    part: Retriever

    def begin(self, past: History) -> Floats:
        """Score every item."""
        found: Floats = self.part.score(past)[0]
        return found

    def more(self, kept: Floats, past: History, start: int) -> Floats:
        """Score every item again."""
        return self.begin(past)

    def best(self, kept: Floats, past: History, allowed: Mask, k: int) -> Rows:
        """Return the k best, and what ties with the last of them. O(N)."""
        usable = kept * allowed
        least = kth_largest(usable[None, :], k)[0]
        return np.flatnonzero(usable >= max(least, np.finfo(np.float32).tiny)).astype(np.int32)

    def at(self, kept: Floats, past: History, rows: Rows) -> Floats:
        """Return the scores of items."""
        return kept[rows]
