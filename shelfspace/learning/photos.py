"""Further photos of items, as rows that the item tower reads after the items. N items, P photos."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shelfspace.inputs.fields import Records
from shelfspace.shop.ids import Ids


@dataclass(frozen=True)
class Photos:
    """Photos of items beyond their own.

    item: int32 [P], -1 for a photo that is not to be learnt from;  path: text [P].
    """

    item: npt.NDArray[np.int32]
    path: list[str]

    @classmethod
    def of(cls, table: pa.Table | None, ids: Ids) -> Self | None:
        """Read the table `photos`: those of items that are known, of the split `train` where it has splits."""
        if table is None:
            return None
        if "split" in table.column_names:
            table = table.filter(pc.equal(pc.utf8_lower(pc.fill_null(table["split"], "train")), "train"))
        item = ids.rows(table["item_id"].cast(pa.string()))
        known = item >= 0
        return cls(item[known].astype(np.int32), table["image"].filter(pa.array(known)).to_pylist())

    def __len__(self) -> int:
        return len(self.item)

    def known(self, items: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Return which items, bool [N] as given, and which photos may be learnt from, bool [N + P]."""
        return np.append(items, np.append(items, False)[self.item])

    def without(self, some: npt.NDArray[np.bool_]) -> Self:
        """Return the same, some of them not to be learnt from."""
        return replace(self, item=np.where(some, -1, self.item).astype(np.int32))

    def after(self, records: Records, columns: Collection[str]) -> Records:
        """Return the items and then the photos, of which nothing but these columns is said."""
        items, table = len(records), records.table
        found = {}
        for name in dict.fromkeys([*table.column_names, *columns]):
            of_items = (
                table[name]
                if name in table.column_names
                else pa.chunked_array([pa.nulls(items, pa.string())])
            )
            said = pa.array(self.path, pa.string()) if name in columns else pa.nulls(len(self), of_items.type)
            found[name] = pa.chunked_array([*of_items.chunks, said.cast(of_items.type)], of_items.type)
        vectors = {
            name: np.concatenate([own, np.full((len(self), own.shape[1]), np.nan, np.float32)])
            for name, own in records.vectors.items()
        }
        return Records(pa.table(found), np.append(records.num_events, np.zeros(len(self), np.int64)), vectors)
