"""The checks that every index makes of what it is given."""

import math

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shelfspace.errors import DataError
from shelfspace.index.protocol import Rows, Vectors


def checked_rows(rows: npt.ArrayLike) -> Rows:
    """Return int32 [M].

    Raises:
        DataError: they are not whole numbers from 0 on.
    """
    array = np.atleast_1d(np.asarray(rows))
    if array.size == 0:
        return np.zeros(0, np.int32)
    if array.ndim != 1 or not np.issubdtype(array.dtype, np.integer) or array.min() < 0:
        raise DataError(
            f"rows must be a list of whole numbers from 0 on, not {array.dtype} of shape {array.shape}"
        )
    return array.astype(np.int32)


def checked_vectors(vectors: npt.ArrayLike, dim: int, name: str) -> Vectors:
    """Return float32 [M, D], in rows that lie one after the other.

    Raises:
        DataError: another shape, or a number that is not finite.
    """
    array = np.ascontiguousarray(vectors, np.float32)
    if array.ndim != 2 or array.shape[1] != dim:
        raise DataError(f"{name} must be of shape [number, {dim}], not {list(array.shape)}")
    if math.isfinite(np.vdot(array, array)):  # one quick pass; what overflows is looked at again
        return array
    bad = np.flatnonzero(~np.isfinite(array).all(axis=1))
    if len(bad):
        raise DataError(f"{name}: row {bad[0]} holds a number that is not finite ({len(bad)} such rows)")
    return array


def checked_additions(rows: npt.ArrayLike, vectors: npt.ArrayLike, dim: int) -> tuple[Rows, Vectors]:
    """Return rows, each once and rising, with their vectors; where a row repeats, the last one counts.

    Raises:
        DataError: rows or vectors cannot be used, or there are not as many of the one as of the other.
    """
    good, array = checked_rows(rows), checked_vectors(np.reshape(vectors, (-1, dim)), dim, "vectors")
    if len(good) != len(array):
        raise DataError(f"{len(good)} rows were given with {len(array)} vectors")
    once, last = np.unique(good[::-1], return_index=True)
    return once, array[::-1][last]


def checked_filters(
    num_queries: int, k: int, allowed: npt.NDArray[np.bool_] | None, exclude: sparse.csr_array | None
) -> None:
    """Raise DataError where k or a filter does not fit the queries."""
    if k < 1:
        raise DataError(f"k = {k} must be at least 1")
    if allowed is not None and (allowed.dtype != np.bool_ or allowed.ndim != 1):
        raise DataError(f"allowed must be one flag a row, not {allowed.dtype} of shape {allowed.shape}")
    if exclude is not None and exclude.shape[0] != num_queries:
        raise DataError(f"exclude has {exclude.shape[0]} rows for {num_queries} queries")


def fit_flags(flags: npt.NDArray[np.bool_] | None, capacity: int) -> npt.NDArray[np.bool_]:
    """Return bool [capacity]: rows beyond the end of the flags are not allowed; without flags, all are."""
    if flags is None:
        return np.ones(capacity, bool)
    fitted = np.zeros(capacity, bool)
    fitted[: len(flags)] = flags[:capacity]
    return fitted
