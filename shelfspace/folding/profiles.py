"""What shoppers say of themselves, as towers read it: rows that stay, and those that were put since.

U users, M of them put, R rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shelfspace.encode.learnt import Learnt
from shelfspace.folding.gathered import Profile
from shelfspace.folding.pasts import Users
from shelfspace.inputs.fields import Bag, Dense, Field, Ordered, Records
from shelfspace.inputs.ragged import indptr_of
from shelfspace.inputs.readers import Ids, Reader

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Fields:
    """The profiles of a space's users.

    users: who they are now;  put: what was said since, by id; ids that are no users' are passed over.
    """

    users: Users
    put: Mapping[str, Profile]

    def of(self, part: Learnt) -> dict[str, Field]:
        """Return the fields that towers read, row u for user u, of those who were there at their training or put since.

        Of a patch what it names is read; the other fields stay as they were. A shopper's own number, where towers have
        one, stays with those who were there.
        """
        if part.towers is None or not part.profiles:
            return dict(part.profiles)
        known = len(next(iter(part.profiles.values())))
        kept = self.users.kept[self.users.kept < known]
        texts = [text for text in self.put if text in self.users.ids]
        row = self.users.ids.rows(texts).astype(np.int64)
        readers = part.towers.readers["user"]
        table = _table([self.put[text].columns for text in texts])
        whole = np.array([self.put[text].whole for text in texts], bool)
        read = Records.of_users(table, np.zeros(len(texts)))
        size = int(max(len(kept), row.max(initial=-1) + 1))
        return {
            name: _with(field, kept, _read(readers[name], read), row, whole, size)
            if name in readers and texts
            else _taken(field, np.concatenate([kept, np.full(size - len(kept), -1)]))
            for name, field in part.profiles.items()
        }


def _read(reader: Reader, records: Records) -> Field | None:
    """Return what a reader makes of records; None of one that reads a row's own number."""
    return None if isinstance(reader, Ids) else reader.read(records)


def _with(
    field: Field, kept: Rows, read: Field | None, row: Rows, whole: npt.NDArray[np.bool_], size: int
) -> Field:
    """Return a field of `size` rows: those kept, with what was read in the place of M rows where it says anything."""
    place = np.concatenate([kept, np.full(size - len(kept), -1)])
    if read is None:
        return _taken(field, place)
    both = _joined(field, read)
    if both is None:  # photos of shoppers
        return _taken(field, place)
    taken = read.present | (whole if len(whole) else read.present)
    place[row[taken]] = len(field) + np.flatnonzero(taken)
    return _taken(both, place)


def _joined(one: Field, other: Field) -> Field | None:
    """Return the rows of both, those of the other behind."""
    if isinstance(one, Bag) and isinstance(other, Bag):
        indptr = np.concatenate([one.indptr, one.indptr[-1] + other.indptr[1:]])
        index = np.concatenate([one.index, other.index])
        return Bag(indptr, index, np.concatenate([one.weight, other.weight]), one.num_features)
    if isinstance(one, Dense) and isinstance(other, Dense):
        values = np.concatenate([one.values, other.values])
        return Dense(values, np.concatenate([one.present, other.present]))
    if isinstance(one, Ordered) and isinstance(other, Ordered):
        width = max(one.ids.shape[1], other.ids.shape[1])
        ids = [np.pad(f.ids, ((0, 0), (0, width - f.ids.shape[1])), constant_values=-1) for f in (one, other)]
        return Ordered(np.concatenate(ids), one.num_features)
    return None


def _taken(field: Field, place: Rows) -> Field:
    """Return rows of a field, absent where the place is -1."""
    if (place >= 0).all():
        return field.take(place)
    there = place >= 0
    if isinstance(field, Bag):
        some = field.take(place[there])
        lengths = np.zeros(len(place), np.int64)
        lengths[there] = np.diff(some.indptr)
        return Bag(indptr_of(lengths), some.index, some.weight, field.num_features)
    safe = np.maximum(place, 0)
    if isinstance(field, Dense):
        return Dense(
            np.where(there[:, None], field.values[safe], 0).astype(np.float32), field.present[safe] & there
        )
    if isinstance(field, Ordered):
        return Ordered(np.where(there[:, None], field.ids[safe], -1).astype(np.int32), field.num_features)
    return type(field)(field.pixels, np.where(there, field.place[safe], -1))


def _table(said: list[dict[str, Any]]) -> pa.Table:
    """Return what shoppers say as a table; a column of values of several kinds is one of texts."""
    names = list(dict.fromkeys(name for one in said for name in one if name != "user_id"))
    columns = {}
    for name in names:
        values = [one.get(name) for one in said]
        try:
            columns[name] = pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            columns[name] = pa.array([None if value is None else str(value) for value in values], pa.string())
    return pa.table(columns)
