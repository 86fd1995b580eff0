"""Columns of the catalogue as (item, value) pairs. N items, M values of all items."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Ints = npt.NDArray[np.int64]

STEP = "\x1f"


def tags(column: pa.ChunkedArray | None) -> tuple[Ints, Ints]:
    """Return the item and the number of the value, int64 [M] each, of a column of values or of lists of them.

    Missing and empty values are left out; a column that is not there has none. O(M).
    """
    if column is None:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    values = column.combine_chunks()
    item = np.arange(len(values))
    if pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
        item = pc.list_parent_indices(values).to_numpy().astype(np.int64)
        values = pc.list_flatten(values)
    return _coded(item, values.cast(pa.string()))


def paths(column: pa.ChunkedArray | None, *, depth: int) -> tuple[Ints, Ints]:
    """Return the item and the number of its path, int64 [M] each, cut to the first `depth` steps.

    Args:
        column: paths from broad to narrow; a plain value is a path of one step.
        depth: items with a shorter path are left out; 0: the whole path, however long.
    """
    if column is None:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    values = column.combine_chunks()
    if not (pa.types.is_list(values.type) or pa.types.is_large_list(values.type)):
        return tags(column) if depth <= 1 else tags(None)
    long_enough = pc.fill_null(pc.greater_equal(pc.list_value_length(values), max(depth, 1)), False)
    item = np.flatnonzero(long_enough.to_numpy(zero_copy_only=False))
    kept = values.filter(long_enough)
    kept = kept.cast(pa.list_(pa.string()))
    return _coded(item, pc.binary_join(pc.list_slice(kept, 0, depth) if depth else kept, STEP))


def without_common(value: Ints, item: Ints, *, most: float, num_items: int) -> tuple[Ints, Ints]:
    """Return each value and item once, int64 [M] each, without the values of more than `most` items."""
    once = np.unique(value * num_items + item)
    value, item = once // max(num_items, 1), once % max(num_items, 1)
    rare = np.bincount(value)[value] <= most
    return value[rare], item[rare]


def _coded(item: Ints, values: pa.Array) -> tuple[Ints, Ints]:
    there = pc.fill_null(pc.not_equal(values, ""), False)
    codes = values.filter(there).dictionary_encode().indices.to_numpy(zero_copy_only=False)
    return item[there.to_numpy(zero_copy_only=False)], codes.astype(np.int64)
