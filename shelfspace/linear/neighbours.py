"""Item→item counts too many to hold at once: made, scaled and thinned a block of past items at a time.

N items.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shelfspace.linear.counts import Floats

BLOCK_PAIRS = 1 << 22
"""Pairs in work at once, at most about 40 bytes each."""


def cuts(pairs: npt.NDArray[np.floating] | npt.NDArray[np.integer]) -> Iterator[tuple[int, int]]:
    """Cut the items into runs with about BLOCK_PAIRS pairs each; one item is never cut."""
    total = np.cumsum(pairs)
    first = 0
    while first < len(pairs):
        done = total[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(total, done + BLOCK_PAIRS, "right")))
        yield first, last
        first = last


def products(past: sparse.csr_array, scored: sparse.csr_array) -> Iterator[sparse.csr_array]:
    """Yield pastᵀ @ scored, both [rows, N], a block of past items at a time."""
    items = sparse.csr_array(past.T)
    pairs = np.repeat(np.diff(scored.indptr), np.diff(past.indptr))
    for a, b in cuts(np.bincount(past.indices, weights=pairs, minlength=past.shape[1])):
        yield items[a:b] @ scored


def thinned(blocks: Iterable[sparse.csr_array], left: Floats, right: Floats, keep: int) -> sparse.csr_array:
    """Return left [N] · counts · right [N] without its diagonal, the `keep` strongest of each row."""
    done, first = [], 0
    for block in blocks:
        row = np.repeat(np.arange(first, first + block.shape[0]), np.diff(block.indptr))
        first += block.shape[0]
        block.data = block.data * left[row] * right[block.indices] * (row != block.indices)
        block.eliminate_zeros()
        done.append(strongest(block, keep))
    return sparse.csr_array(sparse.vstack(done, format="csr"))


def strongest(weights: sparse.csr_array, keep: int) -> sparse.csr_array:
    """Return only the `keep` largest entries of each row, and what ties with the last of them (0: all)."""
    counts = np.diff(weights.indptr)
    if keep <= 0 or counts.max(initial=0) <= keep:
        return weights
    mask = np.ones(len(weights.data), bool)
    for row in np.flatnonzero(counts > keep):
        part = slice(weights.indptr[row], weights.indptr[row + 1])
        values = weights.data[part]
        mask[part] = values >= np.partition(values, len(values) - keep)[len(values) - keep]
    indptr = np.concatenate([[0], np.cumsum(mask)])[weights.indptr]
    return sparse.csr_array((weights.data[mask], weights.indices[mask], indptr), shape=weights.shape)
