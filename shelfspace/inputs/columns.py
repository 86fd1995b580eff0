"""Columns as readers need them: texts with their rows, or numbers. N rows, V values of all rows."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shelfspace.errors import DataError
from shelfspace.inputs.fields import Records


def texts_of(column: pa.ChunkedArray, name: str) -> tuple[npt.NDArray[np.int64], pa.Array]:
    """Return the values of a column one by one: the row of each, int64 [V] not falling, and its text [V].

    A list gives as many values as it has; numbers, dates and flags are written out; null and NaN are left out.

    Raises:
        DataError: the column holds what has no text, such as a struct.
    """
    values = _one_array(column)
    row = np.arange(len(values))
    if pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
        row = pc.list_parent_indices(values).to_numpy().astype(np.int64)
        values = pc.list_flatten(values)
    there = pc.is_valid(values)
    if pa.types.is_floating(values.type):
        there = pc.and_(there, pc.fill_null(pc.invert(pc.is_nan(values)), False))
    try:
        texts = pc.cast(values.filter(there), pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise DataError(f"column {name!r} holds {values.type}, which cannot be read as text") from None
    return row[there.to_numpy(zero_copy_only=False)], texts


def joined(records: Records, columns: Sequence[str]) -> list[str]:
    """Return the columns of each row as one text, one after the other; empty where there is none."""
    parts: list[list[str]] = [[] for _ in range(len(records))]
    for name in columns:
        if (column := records.column(name)) is not None:
            row, values = texts_of(column, name)
            for n, value in zip(row.tolist(), values.to_pylist(), strict=True):
                parts[n].append(value)
    return [" ".join(" ".join(some).split()) for some in parts]


def numbers_of(column: pa.ChunkedArray, name: str) -> npt.NDArray[np.float64]:
    """Return a column as float64 [N], NaN where a cell is empty.

    Raises:
        DataError: the column holds what is no number.
    """
    try:
        values = pc.cast(_one_array(column), pa.float64(), safe=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as problem:
        raise DataError(f"column {name!r} cannot be read as numbers: {problem}") from None
    numbers: npt.NDArray[np.float64] = values.to_numpy(zero_copy_only=False)
    return numbers


def as_numbers(values: pa.Array) -> pa.Array:
    """Return texts that are all numbers, as a CSV has them, as float64; any other values as they are.

    Example:
        >>> as_numbers(pa.array(["20", "31.5", None])).to_pylist(), as_numbers(pa.array(["20-30"])).to_pylist()
        ([20.0, 31.5, None], ['20-30'])
    """
    if not pa.types.is_string(values.type) or values.null_count == len(values):
        return values
    try:
        return values.cast(pa.float64())
    except pa.ArrowInvalid:
        return values


def _one_array(column: pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
