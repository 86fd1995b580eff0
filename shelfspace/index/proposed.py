"""The best of rows that came from elsewhere with their vectors, scored here. B queries, k answers."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shelfspace.index.protocol import Found, Rows, Vectors
from shelfspace.index.topk import available_threads, top_k

Given = tuple[Rows, Vectors]


def best_proposed(
    near: Iterable[Given],
    queries: Vectors,
    k: int,
    flags: npt.NDArray[np.bool_],
    exclude: sparse.csr_array | None,
) -> Found:
    """Return the k best of what was proposed to each query, as far as the filters leave it.

    Args:
        near: for each query, rows and their vectors.
        queries: float32 [B, D].
        k: how many answers.
        flags: which rows are allowed; those beyond its end are not.
        exclude: sparse [B, N], what a query must not get.
    """
    found = np.full((len(queries), k), -1, np.int32)
    scores = np.full((len(queries), k), -np.inf, np.float32)
    for n, (rows, vectors) in enumerate(near):
        good = flags[np.minimum(rows, len(flags) - 1)] & (rows < len(flags))
        if exclude is not None:
            good &= ~np.isin(rows, exclude.indices[exclude.indptr[n] : exclude.indptr[n + 1]])
        kept, values = rows[good], np.vecdot(vectors[good], queries[n])
        order = np.lexsort((kept, -values))[:k]
        found[n, : len(order)], scores[n, : len(order)] = kept[order], values[order]
    return found, scores


def best_of(blocks: Iterable[Given], queries: Vectors, k: int, exclude: sparse.csr_array | None) -> Found:
    """Return the k best of blocks of rows, rising, each looked at; one block is in memory at a time."""
    found = np.full((len(queries), k), -1, np.int32)
    scores = np.full((len(queries), k), -np.inf, np.float32)
    for rows, vectors in blocks:
        denied = _among(rows, exclude) if exclude is not None else None
        place, values = top_k(queries, vectors, k, exclude=denied, threads=available_threads())
        both, values = np.hstack([found, np.where(place < 0, -1, rows[place])]), np.hstack([scores, values])
        order = np.lexsort((both, -values), axis=1)[:, :k]
        found, scores = np.take_along_axis(both, order, axis=1), np.take_along_axis(values, order, axis=1)
    return found, scores


def _among(rows: Rows, lists: sparse.csr_array) -> sparse.csr_array:
    """Return which of some rows, rising, stand in each list: sparse [B, number of rows]."""
    lines = np.repeat(np.arange(lists.shape[0]), np.diff(lists.indptr))
    place = np.minimum(np.searchsorted(rows, lists.indices), len(rows) - 1)
    here = rows[place] == lists.indices
    return sparse.csr_array(
        (np.ones(np.count_nonzero(here), bool), (lines[here], place[here])), (lists.shape[0], len(rows))
    )
