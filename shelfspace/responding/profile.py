"""What the table `users` says of shoppers, as numbers. U users, C columns."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shelfspace.inputs.columns import as_numbers
from shelfspace.shop.ids import Ids

MOST_VALUES = 20
"""A column of words with more different values is none that people share."""


@dataclass(frozen=True)
class Profile:
    """names: C of them;  values: float32 [U, C], NaN where nothing is said."""

    names: list[str]
    values: npt.NDArray[np.float32]

    @classmethod
    def of(cls, table: pa.Table | None, users: Ids) -> "Profile":
        """Return numbers as they are and each of few words as a column of its own."""
        columns: dict[str, npt.NDArray[np.float32]] = {}
        if table is not None and len(table) and len(users):
            place = pc.index_in(users.array, value_set=table["user_id"].combine_chunks())
            for name in (n for n in table.column_names if n != "user_id"):
                columns |= _columns(name, table[name].combine_chunks().take(place))
        values = list(columns.values()) or [np.zeros((0, len(users)), np.float32)]
        return cls(list(columns), np.vstack(values).T)


def _columns(name: str, column: pa.Array) -> dict[str, npt.NDArray[np.float32]]:
    column = as_numbers(column)
    kind = column.type
    if pa.types.is_floating(kind) or pa.types.is_integer(kind):
        return {name: pc.fill_null(column.cast(pa.float32()), np.nan).to_numpy(zero_copy_only=False)}
    if not (pa.types.is_string(kind) or pa.types.is_boolean(kind)):
        return {}
    words = column.cast(pa.string())
    known = sorted(words.unique().drop_null().to_pylist())
    if not 2 <= len(known) <= MOST_VALUES:
        return {}
    missing = words.is_null().to_numpy(zero_copy_only=False)
    found = {}
    for word in known:
        same = pc.fill_null(pc.equal(words, word), False).to_numpy(zero_copy_only=False)
        found[f"{name}: {word}"] = np.where(missing, np.nan, same).astype(np.float32)
    return found
