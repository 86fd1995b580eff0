"""What of a listing makes a cosine, where towers made the space: parts left out, the listing encoded again.

P parts, S coalitions, A answers, D embedding_dim.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shelfspace.encode.towers import Towers
from shelfspace.explaining.parts import BEHAVIOUR, Part, distinct, parts_of, without
from shelfspace.explaining.shapley import shapley
from shelfspace.inputs.fields import Bag, Field, Records
from shelfspace.inputs.pretrained import TextVectors
from shelfspace.inputs.readers import Ids, Reader, Ready, content_of
from shelfspace.linear.vectors import unit_rows

Floats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]
Amounts = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Encodable:
    """A listing that the item tower reads: what it says by column, and its row where the catalogue has it.

    said: one row, of the catalogue's columns;  item: its row, whose events count; None for one that is new.
    """

    towers: Towers
    said: pa.Table
    item: int | None = None

    @property
    def values(self) -> dict[str, Any]:
        """Return what it says, by column."""
        row: dict[str, Any] = self.said.to_pylist()[0]
        return row

    def parts(self) -> list[Part]:
        """Return what can be left out of it: what is read of it, and what shoppers did."""
        readers = self.towers.readers["item"]
        text = [
            name for reader in readers.values() if content_of(reader) == "text" for name in _columns(reader)
        ]
        every = [name for reader in readers.values() for name in _columns(reader)]
        found = parts_of(self.values, dict.fromkeys(text), dict.fromkeys(every))
        acted = any(isinstance(reader, Ids) and self._trained(reader) for reader in readers.values())
        return [*found, Part(BEHAVIOUR)] if acted else found

    def vectors(self, parts: Sequence[Part], there: Flags) -> Floats:
        """Return its vector with only the parts that are there, float32 [S, D] of bool [S, P], unit length or 0."""
        values = self.values
        fields = {
            name: self._field(reader, values, parts, there)
            for name, reader in self.towers.readers["item"].items()
        }
        return unit_rows(self.towers.encoded(fields, len(there)))

    def _field(self, reader: Reader, values: Mapping[str, Any], parts: Sequence[Part], there: Flags) -> Field:
        """Return what a reader reads of each coalition; what is the same to it is read once."""
        columns = _columns(reader)
        names = [BEHAVIOUR] if isinstance(reader, Ids) else columns
        own = [n for n, part in enumerate(parts) if part.column in names]
        rows, place = distinct(there, own)
        if isinstance(reader, Ids):
            shown = np.flatnonzero(rows[:, 0]) if own else np.zeros(0, np.int64)
            item = np.full(len(shown), self.item or 0)
            return Bag.unit(
                shown, item, np.ones(len(shown)), num_rows=len(rows), num_features=reader.num_features
            ).take(place)
        table: dict[str, pa.Array] = {}
        for name in columns:
            if name in self.said.column_names:
                of = [n for n, at in enumerate(own) if parts[at].column == name]
                asked = [parts[own[n]] for n in of]
                cells = [without(values[name], asked, row[of]) if of else values[name] for row in rows]
                table[name] = pa.array(cells, self.said[name].type)
        records = Records.of_users(pa.table(table), np.zeros(len(rows)))
        if isinstance(reader, TextVectors):
            return reader.read(records, keep=False).take(place)
        return reader.read(records).take(place)

    def _trained(self, reader: Ids) -> bool:
        return self.item is not None and self.item < len(reader.trained) and bool(reader.trained[self.item])


def asked_parts(
    listings: Sequence[Encodable], answers: Floats, *, orders: int, exact: int
) -> list[tuple[Part, Amounts]]:
    """Return what each part of what is asked adds to its cosine with each answer, [A].

    Args:
        listings: an item's, a new one's, or both, which count alike.
        answers: float32 [A, D], unit length.
        orders: see `shapley`.
        exact: see `shapley`.
    """
    parts = [listing.parts() for listing in listings]
    cuts = np.cumsum([len(some) for some in parts])[:-1]

    def outcome(there: Flags) -> npt.NDArray[np.floating]:
        each = np.split(there, cuts, axis=1)
        found = [one.vectors(some, shown) for one, some, shown in zip(listings, parts, each, strict=True)]
        together: Floats = np.sum(found, axis=0)
        return unit_rows(together) @ answers.T

    amounts, _ = shapley(outcome, sum(map(len, parts)), orders=orders, exact=exact)
    return list(zip([part for some in parts for part in some], amounts, strict=True))


def _columns(reader: Reader) -> list[str]:
    """Return the columns that a reader reads."""
    if isinstance(reader, Ids | Ready):
        return []
    several = getattr(reader, "columns", None)
    return list(several) if several is not None else [str(getattr(reader, "column", "image"))]
