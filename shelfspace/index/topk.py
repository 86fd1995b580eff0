"""The k largest inner products of each query, exact, in blocks that fit the processor's cache.

One block is one matrix product into a buffer that is used again. Its columns are laid in groups (column j
belongs to group j mod W), and only the largest of each group is looked at first: the k best scores of a query
lie in the k groups with the largest maxima, so that the costly partition sees one number in sixteen. Equal
scores are ordered by row, whatever the groups.

B queries, N items, D dimensions, W groups, C candidates.
"""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse
from threadpoolctl import threadpool_limits

Rows = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]
Keys = npt.NDArray[np.int64]
Vectors = npt.NDArray[np.float32]

GROUP = 16
QUERY_BLOCK = 256
ITEM_BLOCK = 16_384
_one_pool_at_a_time = threading.Lock()


def top_k(
    queries: Vectors,
    vectors: Vectors,
    k: int,
    *,
    allowed: Flags | None = None,
    exclude: sparse.csr_array | None = None,
    threads: int = 1,
) -> tuple[Rows, Vectors]:
    """Return the k best rows of each query, best first, int32 [B, k], and their scores, float32 [B, k].

    Where there are no more the row is -1 and the score -inf; equal scores are ordered by row.

    Time O(B N D) in matrix products; memory about 20 MB a thread beside the answer, whatever N is.

    Args:
        queries: float32 [B, D], finite.
        vectors: float32 [N, D], finite; may be a memory map, which is read once for all queries.
        k: how many answers.
        allowed: bool [N], the rows to look at; all of them where it is None.
        exclude: sparse [B, N], the rows that a query must not get.
        threads: how many blocks of queries are worked on at once. While there are several, the linear algebra
            library keeps to one thread for each, in the whole process.

    Example:
        >>> rows, scores = top_k(np.eye(2, dtype="f4"), np.array([[0, 1], [1, 0], [1, 0]], "f4"), 2)
        >>> rows.tolist()
        [[1, 2], [0, 1]]
    """
    height = min(max(len(queries), 1), QUERY_BLOCK)
    width = QUERY_BLOCK * ITEM_BLOCK // height
    best = np.full((len(queries), k), _key(np.float32(-np.inf), np.int32(-1)), np.int64)
    for block in _blocks(vectors, allowed, width):

        def work(starts: range, block: _Block = block) -> None:
            buffer = np.empty((height, GROUP * -(-len(block.rows) // GROUP)), np.float32)
            for first in starts:
                part = slice(first, min(first + height, len(queries)))
                scores = _scores(buffer, queries[part], block, exclude, part)
                found = _best_of_groups(scores, block.rows, k)
                best[part] = _largest(np.hstack([best[part], found]), k)

        _share(work, range(0, len(queries), height), threads)
    return _unpacked(best)


def available_threads() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class _Block:
    """Some items: their rows, rising; their vectors; the places among them that no query may get."""

    rows: Rows
    vectors: Vectors
    denied: npt.NDArray[np.int64]


def _blocks(vectors: Vectors, allowed: Flags | None, width: int) -> Iterator[_Block]:
    """Cut the items; where most of a block is denied the others are copied together."""
    width = width if allowed is None else min(width, 4 * ITEM_BLOCK)
    for start in range(0, len(vectors), width):
        some = vectors[start : start + width]
        rows = np.arange(start, start + len(some), dtype=np.int32)
        flags = np.ones(len(some), bool) if allowed is None else allowed[start : start + width]
        if 2 * np.count_nonzero(flags) >= len(flags):
            yield _Block(rows, some, np.flatnonzero(~flags))
        elif flags.any():
            yield _Block(rows[flags], some[flags], np.zeros(0, np.int64))


def _scores(
    buffer: Vectors, queries: Vectors, block: _Block, exclude: sparse.csr_array | None, part: slice
) -> Vectors:
    """Return the scores [B, W * GROUP] in the buffer, -inf in the padding and where an item is denied."""
    size, scores = len(block.rows), buffer[: len(queries)]
    np.matmul(queries, block.vectors.T, out=scores[:, :size])
    scores[:, size:] = -np.inf
    if len(block.denied):
        scores[:, block.denied] = -np.inf
    if exclude is not None:
        ends = exclude.indptr[part.start : part.stop + 1]
        columns = exclude.indices[ends[0] : ends[-1]]
        lines = np.repeat(np.arange(len(queries)), np.diff(ends))
        place = np.minimum(np.searchsorted(block.rows, columns), size - 1)
        here = block.rows[place] == columns
        scores[lines[here], place[here]] = -np.inf
    return scores


def _best_of_groups(scores: Vectors, rows: Rows, k: int) -> Keys:
    """Return the keys of the k best (or more, or all there are) of each line."""
    num_queries, padded = scores.shape
    groups = padded // GROUP
    if groups < 4 * (k + 1):
        return _keys(scores[:, : len(rows)], rows, k)
    # One group more than needed: if even its maximum ties with the k-th score, others may hold equals too.
    maxima = scores.reshape(num_queries, GROUP, groups).max(axis=1)
    chosen = np.argpartition(maxima, groups - k - 1, axis=1)[:, groups - k - 1 :]
    places = (chosen[:, :, None] + np.arange(GROUP) * groups).reshape(num_queries, -1)
    candidates = np.take_along_axis(scores, places, axis=1)
    found = _largest(_key(candidates, rows[np.minimum(places, len(rows) - 1)]), k)
    kth = _unpacked_scores(found.min(axis=1))
    least = np.take_along_axis(maxima, chosen, axis=1).min(axis=1)
    tied = np.flatnonzero((least == kth) & (kth > -np.inf))
    if len(tied):
        found[tied] = _keys(scores[tied, : len(rows)], rows, k)
    return found


def _keys(scores: Vectors, rows: Rows, k: int) -> Keys:
    """Return the keys of the k best of each line, looking at all of it, some lines at a time."""
    step = max(1, 2**20 // max(scores.shape[1], 1))
    parts = [_largest(_key(scores[i : i + step], rows), k) for i in range(0, len(scores), step)]
    return np.concatenate(parts)


def _key(scores: npt.NDArray[np.float32] | np.float32, rows: Rows | np.int32) -> Keys:
    """Return whole numbers in the order of (score, then smaller row first), which hold both."""
    bits = np.asarray(scores + np.float32(0.0)).view(np.int32)
    rising = np.where(bits < 0, bits ^ np.int32(0x7FFFFFFF), bits).astype(np.int64)
    row = np.where(np.isneginf(scores), np.int32(-1), rows)
    return (rising << 32) | (np.int64(2**31 - 1) - row)


def _unpacked_scores(keys: Keys) -> Vectors:
    rising = (keys >> 32).astype(np.int32)
    return np.where(rising < 0, rising ^ np.int32(0x7FFFFFFF), rising).view(np.float32)


def _unpacked(keys: Keys) -> tuple[Rows, Vectors]:
    """Return rows and scores of keys, best first."""
    ordered = -np.sort(-keys, axis=1)
    return (2**31 - 1 - (ordered & 0xFFFFFFFF)).astype(np.int32), _unpacked_scores(ordered)


def _largest(keys: Keys, k: int) -> Keys:
    """Return the k largest of each line in no order; all of them where there are no more."""
    size = keys.shape[1]
    return keys if size <= k else np.partition(keys, size - k, axis=1)[:, size - k :]


def _share(work: Callable[[range], None], starts: range, threads: int) -> None:
    """Do the work in this thread, or shared out among several."""
    shares = [starts[t::threads] for t in range(min(threads, len(starts)))]
    if len(shares) <= 1:
        work(starts)
        return
    with _one_pool_at_a_time, threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(len(shares)) as pool:
        for _ in pool.map(work, shares):
            pass
