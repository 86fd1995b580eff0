"""Each item's strongest neighbours and the Gram matrix among them, for regressions too large to do at once.

U users, N items, M neighbours at most, B items in work at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from shelfspace.linear.counts import Floats, Rows, power
from shelfspace.linear.neighbours import products, thinned

BLOCK_VALUES = 1 << 23
"""Gram values in work at once: 32 MB of float32."""


@dataclass(frozen=True)
class Neighbourhoods:
    """The neighbourhoods of B items, each with the same M places.

    item: int32 [B];  near: int32 [B, M], the neighbours, -1 where there are fewer;
    gram: float32 [B, M, M], 0 where there is no neighbour;  with_item: float32 [B, M], their products with
    the item itself.
    """

    item: Rows
    near: Rows
    gram: Floats
    with_item: Floats


def nearest(taken: sparse.csr_array, most: int) -> sparse.csr_array:
    """Return the cosines [N, N] of each item with its `most` strongest neighbours; ties at the border are left out.

    Cost: one sparse product, a block of items at a time; 8 bytes a neighbour.
    """
    length = np.asarray(taken.multiply(taken).sum(axis=0)).ravel()
    unit = power(length, -0.5)
    near = thinned(products(taken, taken), unit, unit, most)
    counts = np.diff(near.indptr)
    for row in np.flatnonzero(counts > most):
        values = near.data[near.indptr[row] : near.indptr[row + 1]]
        values[values == values.min()] = 0.0
    near.eliminate_zeros()
    return near


def neighbourhoods(taken: sparse.csr_array, near: sparse.csr_array) -> Iterator[Neighbourhoods]:
    """Yield the neighbourhoods of all items that have any, those with about as many neighbours together.

    Args:
        taken: A, float32 [U, N]; the products are those of its columns.
        near: [N, N], each item's neighbours are the entries of its row.

    Cost: for each item a sparse product of M columns, about a millisecond for 100 of them.
    """
    items = sparse.csr_array(taken.T)
    counts = np.diff(near.indptr)
    order = np.argsort(counts, kind="stable").astype(np.int32)
    order = order[counts[order] > 0]
    while len(order):
        size = max(1, BLOCK_VALUES // int(counts[order[-1]]) ** 2)
        block, order = order[-size:], order[:-size]
        yield _of(block, items, near, int(counts[block[-1]]))


def _of(block: Rows, items: sparse.csr_array, near: sparse.csr_array, width: int) -> Neighbourhoods:
    places = np.full((len(block), width), -1, np.int32)
    gram = np.zeros((len(block), width, width), np.float32)
    with_item = np.zeros((len(block), width), np.float32)
    for n, item in enumerate(block):
        some = near.indices[near.indptr[item] : near.indptr[item + 1]]
        columns = items[np.append(some, item)]
        both = (columns @ columns.T).toarray()
        places[n, : len(some)] = some
        gram[n, : len(some), : len(some)] = both[:-1, :-1]
        with_item[n, : len(some)] = both[:-1, -1]
    return Neighbourhoods(block, places, gram, with_item)
