"""A batch of pairs, and what pairs are made from.

B batch, N items, P further photos of items, U users, E events.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import History

Kind = Literal["user", "item", "view", "hidden", "history"]

Shown = tuple[frozenset[str], frozenset[str]]
"""The fields by which anchors, and by which candidates are seen."""


@dataclass(frozen=True)
class Pairs:
    """Anchors and their positives, row by row.

    kind: what the anchors are; view: the anchor is the positive itself, encoded twice; hidden: users who took the
        positive among what is read, where it is not shown; history: users, whose positive is another history;
    anchor: int32 [B], rows of users (of the history) or of items, N + p for a further photo;
    positive: int32 [B], rows of items;
    weight: float32 [B], what a pair counts for;
    value: float32 [B], the co-occurrence count or PPMI of the pair; None where the source has none;
    stop: int64 [B], for users: what an anchor knows is `history.item[indptr[user]:stop]` of the history that
        the source was given, all before the positive; of kind hidden, where the positive is in it; None for items;
    run: int64 [B, 2], for users whose pairs were drawn together, equal in pairs of one run: the first and the last of
        their stops, or of kind hidden what is read from and to; None where pairs are drawn one by one;
    partner and partner_stop: int32 and int64 [B], of kind history: the other history; None of any other.
    """

    kind: Kind
    anchor: npt.NDArray[np.int32]
    positive: npt.NDArray[np.int32]
    weight: npt.NDArray[np.float32]
    value: npt.NDArray[np.float32] | None = None
    stop: npt.NDArray[np.int64] | None = None
    run: npt.NDArray[np.int64] | None = None
    partner: npt.NDArray[np.int32] | None = None
    partner_stop: npt.NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.anchor)

    def take(self, rows: npt.NDArray[np.integer]) -> Self:
        """Return some of the pairs, in the order given."""
        given = {name: value for name, value in vars(self).items() if name != "kind" and value is not None}
        return type(self)(kind=self.kind, **{name: value[rows] for name, value in given.items()})

    def partners(self) -> Self:
        """Return the other histories, of kind history, as anchors of the same positives."""
        assert self.partner is not None
        return replace(self, anchor=self.partner, stop=self.partner_stop, partner=None, partner_stop=None)


@dataclass(frozen=True)
class Seen:
    """A field of the item tower: which rows have it, bool [N + P], and what its reader reads."""

    present: npt.NDArray[np.bool_]
    content: Literal["text", "photo", "other"] = "other"


def _none() -> npt.NDArray[np.int32]:
    return np.zeros(0, np.int32)


@dataclass(frozen=True)
class Sources:
    """What pairs are made from: the past only.

    history: the events; those after `history.now` are not learnt from, nor are items that are known later;
    relations: the knowledge graph: `head`, and any of `relation`, `tail`, `head_type`, `tail_type`, ids as text;
    matches: what was said to be the same product: `left_id`, `right_id`, `label`;
    fields: of the item tower, by name;
    photos: int32 [P], the item that each further photo shows; -1 for one that is not to be learnt from.
    """

    history: History
    catalogue: Catalogue
    relations: pa.Table | None = None
    matches: pa.Table | None = None
    fields: Mapping[str, Seen] = field(default_factory=dict)
    photos: npt.NDArray[np.int32] = field(default_factory=_none)

    def known(self) -> npt.NDArray[np.bool_]:
        """Return which items are known at `history.now`, bool [N]."""
        return self.catalogue.known_at(self.history.now)
