"""Listings as they are put, patched and taken out: rows of the catalogue. N items, M listings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.ids import Ids

TEXTS = pa.list_(pa.string())

CONTRACT = {
    "title": pa.string(),
    "description": pa.string(),
    "category": TEXTS,
    "brand": pa.string(),
    "price": pa.float64(),
    "available": pa.bool_(),
    "attributes": TEXTS,
    "image": pa.string(),
}
"""Columns that a listing may bring where the catalogue has none of the name."""


@dataclass(frozen=True)
class Changed:
    """Listings with the rows that they take.

    rows: int32 [M], rising;  after: as they are now;  before: as they were, of those that were there, else nulls;
    is_new: bool [M].
    """

    rows: npt.NDArray[np.int32]
    after: Catalogue
    before: Catalogue
    is_new: npt.NDArray[np.bool_]


def changed(
    catalogue: Catalogue, listings: Mapping[str, Mapping[str, Any]], at: float
) -> tuple[Catalogue, Changed]:
    """Return the catalogue with other listings, and what changed.

    Args:
        catalogue: N items.
        listings: the columns of each, whole, by item id; new ids get the rows behind the last.
        at: from when a new item is known, in days or steps.

    Cost: O(N) where a listing that was there changes, else O(M) and a copy of what is held by rows.
    """
    known = catalogue.ids.rows(list(listings))
    places = known.astype(np.int64)
    new = np.flatnonzero(known < 0)
    places[new] = len(catalogue) + np.arange(len(new))
    order = np.argsort(places)
    ids = [list(listings)[n] for n in order.tolist()]
    rows, is_new = places[order], known[order] < 0
    table = _with_columns(catalogue.table, listings.values())
    after = table_of([listings[text] for text in ids], table.schema)
    size = len(catalogue) + len(new)
    old = rows[~is_new]
    before = table.take(pa.array(np.where(is_new, 0, rows))) if len(catalogue) else after
    whole = _replaced(table, after, rows, is_new)
    texts = Ids(pa.array(ids, pa.string()), "item")
    grown = Catalogue(
        ids=_longer(catalogue.ids, [text for text, fresh in zip(ids, is_new.tolist(), strict=True) if fresh]),
        table=whole,
        first_seen=np.append(catalogue.first_seen, np.full(size - len(catalogue), at)),
        duplicates=np.append(
            catalogue.duplicates, _alone(catalogue.duplicates, size - len(catalogue))
        ).astype(np.int32),
        vectors={name: _unsaid(given, size, old) for name, given in catalogue.vectors.items()},
    )
    zeros = np.zeros(len(ids))
    groups = np.arange(len(ids), dtype=np.int32)
    return grown, Changed(
        rows.astype(np.int32),
        Catalogue(texts, after, zeros, groups),
        Catalogue(texts, before, zeros, groups),
        is_new,
    )


def listing_of(catalogue: Catalogue, row: int) -> dict[str, Any]:
    """Return the columns of an item, those that say something."""
    [said] = catalogue.table.slice(row, 1).to_pylist()
    return {name: value for name, value in said.items() if value is not None}


def table_of(listings: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """Return listings as rows of a table; a value of another kind than its column is left out."""
    columns = [pa.array([cell(one.get(f.name), f.type) for one in listings], f.type) for f in schema]
    return pa.table(columns, schema=schema)


def cell(value: Any, kind: pa.DataType) -> Any:
    """Return a value as a column has it, None where it is not of that kind."""
    if value is None:
        return None
    if pa.types.is_list(kind):
        values = value if isinstance(value, list | tuple) else str(value).split(">")
        return [str(one).strip() for one in values if one is not None]
    if pa.types.is_boolean(kind):
        return value if isinstance(value, bool) else None
    if pa.types.is_string(kind):
        return " > ".join(map(str, value)) if isinstance(value, list) else str(value)
    try:
        return pa.scalar(value).cast(kind).as_py()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):
        return None


def _with_columns(table: pa.Table, listings: Any) -> pa.Table:
    named = {name for one in listings for name, value in one.items() if value is not None}
    for name in CONTRACT:
        if name in named and name not in table.column_names:
            table = table.append_column(name, pa.nulls(len(table), CONTRACT[name]))
    return table


def _replaced(
    table: pa.Table, after: pa.Table, rows: npt.NDArray[np.int64], is_new: npt.NDArray[np.bool_]
) -> pa.Table:
    both = pa.concat_tables([table, after.filter(pa.array(is_new)), after.filter(pa.array(~is_new))])
    size = len(table) + int(is_new.sum())
    if is_new.all():
        return both.combine_chunks()
    place = np.arange(size)
    place[rows[~is_new]] = size + np.arange(int((~is_new).sum()))
    return both.take(pa.array(place)).combine_chunks()


def _longer(ids: Ids, texts: list[str]) -> Ids:
    return ids if not texts else ids.extended(texts)


def _alone(groups: npt.NDArray[np.int32], num: int) -> npt.NDArray[np.int32]:
    return int(groups.max(initial=-1)) + 1 + np.arange(num, dtype=np.int32)


def _unsaid(
    given: npt.NDArray[np.float32], size: int, changed_rows: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """Return ready vectors of N items; those of what is new are not known."""
    more = np.full((size - len(given), given.shape[1]), np.nan, np.float32)
    return np.concatenate([given, more]) if len(more) else given
