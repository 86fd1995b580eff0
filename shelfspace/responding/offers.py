"""What may be put before a shopper: coupons, campaigns, sponsored items. O offers, N items."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from shelfspace.errors import DataError
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import Clock
from shelfspace.shop.ids import Ids

Floats = npt.NDArray[np.float64]

CONTRACT = ("offer_id", "item_id", "campaign", "starts", "ends")


@dataclass(frozen=True)
class Offers:
    """The offers, in the order in which they are first named.

    ids: the shop's;  items: float32 csr [O, N], 1 where an item is of an offer;
    table: one row an offer: `campaign`, `starts`, `ends` (days or steps) and the shop's own columns, each the first
        value that any of its rows has.
    """

    ids: Ids
    items: sparse.csr_array
    table: pa.Table

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def of(
        cls, tables: Mapping[str, pa.Table], catalogue: Catalogue, clock: Clock = "calendar"
    ) -> tuple[Self, list[str]]:
        """Return the offers of a shop, and what is odd about them.

        Where there is no table `offers`, each item of `impressions` is an offer of its own. An offer that ends on a
        date without an hour runs to the end of that day.

        Raises:
            DataError: there is neither, or there are no rows.
        """
        if "offers" not in tables and "impressions" not in tables:
            raise DataError(
                "[ads] needs offers and who took them: tables [offers] and [responses], or [impressions] with user_id, "
                "timestamp and clicked"
            )
        name = "offers" if "offers" in tables else "impressions"
        rows = tables[name]
        if name == "impressions":
            rows = pa.table({"offer_id": rows["item_id"], "item_id": rows["item_id"]})
        if not len(rows):
            raise DataError(f"[{name}] has no rows: there is nothing to offer")
        coded = rows["offer_id"].combine_chunks().dictionary_encode()
        offer = coded.indices.to_numpy(zero_copy_only=False)
        ids = Ids(coded.dictionary, "offer")
        item = np.full(len(rows), -1, np.int32)
        if "item_id" in rows.column_names:
            item = catalogue.ids.rows(rows["item_id"])
        known = item >= 0
        pairs = np.ones(int(known.sum()), np.float32), (offer[known], item[known])
        items = sparse.csr_array(pairs, shape=(len(ids), len(catalogue)))
        items.sum_duplicates()
        items.data[:] = 1.0
        columns = {n: _first(rows[n], offer, len(ids)) for n in rows.column_names if n not in CONTRACT[:2]}
        if "ends" in columns and clock == "calendar":
            ends = columns["ends"].cast(pa.float64())
            columns["ends"] = pc.if_else(pc.equal(ends, pc.floor(ends)), pc.add(ends, 1.0), ends)
        found = cls(ids, items, pa.table(columns or {"campaign": pa.nulls(len(ids), pa.string())}))
        return found, list(found.notes(int((~known).sum())))

    def notes(self, num_unknown: int) -> Iterator[str]:
        """Say what is odd: items that the catalogue lacks, offers without items, or that end before they start."""
        if num_unknown:
            yield f"{num_unknown:,} rows of offers name no item of the catalogue"
        empty = int((np.diff(self.items.indptr) == 0).sum())
        if empty:
            yield f"{empty:,} of {len(self):,} offers have no item of the catalogue and are never answered"
        backwards = int((self.starts > self.ends).sum())
        if backwards:
            yield f"{backwards:,} offers end before they start and never run"

    @property
    def starts(self) -> Floats:
        """From when each runs, float64 [O]; -inf where nothing says it."""
        return self._times("starts", -np.inf)

    @property
    def ends(self) -> Floats:
        """Until when each runs, float64 [O]; inf where nothing says it."""
        return self._times("ends", np.inf)

    @cached_property
    def campaign(self) -> tuple[npt.NDArray[np.int32], list[str]]:
        """The campaign of each, int32 [O], -1 for none, and the names of campaigns."""
        return self.codes("campaign")

    def codes(self, name: str) -> tuple[npt.NDArray[np.int32], list[str]]:
        """Return a column of words as numbers, int32 [O], -1 where there is none, and the words."""
        if name not in self.table.column_names:
            return np.full(len(self), -1, np.int32), []
        coded = self.table[name].combine_chunks().cast(pa.string()).dictionary_encode()
        return pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False).astype(
            np.int32
        ), coded.dictionary.to_pylist()

    def own(self, *, numbers: bool) -> list[str]:
        """Return the names of the shop's own columns: those of numbers, or those of words."""
        return [
            field.name
            for field in self.table.schema
            if field.name not in CONTRACT and _is_number(field.type) == numbers
        ]

    def running(self, time: float) -> npt.NDArray[np.bool_]:
        """Return which offers run at a moment, bool [O]."""
        return (self.starts <= time) & (time <= self.ends)

    def title(self, row: int, titles: Sequence[str]) -> str:
        """Return what to show for an offer: its own title or name, else that of its items, given all items' titles."""
        for name in ("title", "name"):
            if name in self.table.column_names and self.table[name][row].as_py() is not None:
                return str(self.table[name][row].as_py())
        some = self.items.indices[self.items.indptr[row] : self.items.indptr[row + 1]]
        if not len(some):
            return self.ids.text(row)
        more = f" and {len(some) - 1:,} more" if len(some) > 1 else ""
        return f"{titles[int(some[0])]}{more}"

    def _times(self, name: str, otherwise: float) -> Floats:
        if name not in self.table.column_names:
            return np.full(len(self), otherwise)
        times: Floats = pc.fill_null(self.table[name].cast(pa.float64()), otherwise).to_numpy()
        return times


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind))


def _first(column: pa.ChunkedArray, offer: npt.NDArray[np.integer], size: int) -> pa.Array:
    """Return the first value that the rows of each offer have, null where none has one."""
    there = np.flatnonzero(column.is_valid().to_numpy())
    owner, at = np.unique(offer[there], return_index=True)
    place = np.full(size, -1)
    place[owner] = there[at]
    return column.combine_chunks().take(pa.array(place, mask=place < 0))
