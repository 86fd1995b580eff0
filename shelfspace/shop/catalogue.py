"""What the shop sells: one row an item, in the order of its ids."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shelfspace.shop.ids import Ids


@dataclass(frozen=True)
class Catalogue:
    """The items; N rows.

    ids: the shop's item ids;
    table: the columns of `items` after the contract (`title`, `description`, `category` as list<string> from broad
        to narrow, `brand`, `price` float64, `available` bool, `published` in days, `attributes` as list<string>,
        and any column of the shop's own), row i for id i; without `item_id`;
    first_seen: float64 [N], the time from which the item is known: `published`, else its first event; -inf where
        neither says (it was always there);
    duplicates: int32 [N], equal where listings are near-identical; every item has a group, most alone in theirs;
    vectors: anybody's ready embeddings by name, float32 [N, D], NaN rows where an item has none.
    """

    ids: Ids
    table: pa.Table
    first_seen: npt.NDArray[np.float64]
    duplicates: npt.NDArray[np.int32]
    vectors: dict[str, npt.NDArray[np.float32]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    def column(self, name: str) -> pa.ChunkedArray | None:
        """Return a column, or None where the shop has none of that name."""
        return self.table[name] if name in self.table.column_names else None

    def titles(self) -> list[str]:
        """Return what to show for each item: its title, or its id where it has none."""
        titles = self.column("title")
        if titles is None:
            texts: list[str] = self.ids.array.to_pylist()
            return texts
        return [t or i for t, i in zip(titles.to_pylist(), self.ids.array.to_pylist(), strict=True)]

    def known_at(self, time: float | None) -> npt.NDArray[np.bool_]:
        """Return which items are known by a moment, bool [N]; all of them where there is no time."""
        return np.ones(len(self), bool) if time is None else self.first_seen <= time
