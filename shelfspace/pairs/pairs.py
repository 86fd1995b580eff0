"""A batch of pairs, and what pairs are made from.

B batch, N items, U users, E events.
"""

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import History

Kind = Literal["user", "item", "view"]


@dataclass(frozen=True)
class Pairs:
    """Anchors and their positives, row by row.

    kind: what the anchors are; view: the anchor is the positive itself, encoded twice;
    anchor: int32 [B], rows of users (of the history) or of items;  positive: int32 [B], rows of items;
    weight: float32 [B], what a pair counts for;
    value: float32 [B], the co-occurrence count or PPMI of the pair; None where the source has none;
    stop: int64 [B], for users: what an anchor knows is `history.item[indptr[user]:stop]` of the history that
        the source was given, all before the positive; None for items.
    """

    kind: Kind
    anchor: npt.NDArray[np.int32]
    positive: npt.NDArray[np.int32]
    weight: npt.NDArray[np.float32]
    value: npt.NDArray[np.float32] | None = None
    stop: npt.NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.anchor)

    def take(self, rows: npt.NDArray[np.integer]) -> Self:
        """Return some of the pairs, in the order given."""
        return type(self)(
            kind=self.kind,
            anchor=self.anchor[rows],
            positive=self.positive[rows],
            weight=self.weight[rows],
            value=None if self.value is None else self.value[rows],
            stop=None if self.stop is None else self.stop[rows],
        )


@dataclass(frozen=True)
class Sources:
    """What pairs are made from: the past only.

    history: the events; those after `history.now` are not learnt from, nor are items that are known later;
    relations: the knowledge graph: `head`, and any of `relation`, `tail`, `head_type`, `tail_type`, ids as text;
    matches: what was said to be the same product: `left_id`, `right_id`, `label`.
    """

    history: History
    catalogue: Catalogue
    relations: pa.Table | None = None
    matches: pa.Table | None = None

    def known(self) -> npt.NDArray[np.bool_]:
        """Return which items are known at `history.now`, bool [N]."""
        return self.catalogue.known_at(self.history.now)
