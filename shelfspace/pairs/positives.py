"""Which candidates are no negatives of an anchor: what it also took, its partners, itself and its duplicates.

B batch, M candidates, N items, U users, R anchor rows, V values, P pairs.
"""

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import History

Rows = npt.NDArray[np.int32]


class Marker(Protocol):
    """What marks the positives of anchors among candidates."""

    def mark(self, rows: Rows, candidates: Rows) -> npt.NDArray[np.bool_]:
        """Return which candidates are positives of which anchors, bool [B, M]."""
        ...


@dataclass(frozen=True)
class Positives:
    """The items that each anchor has as positives, listed.

    indptr: int64 [R + 1], the positives of row r are item[indptr[r]:indptr[r + 1]];  item: int32 [P], ascending
    within a row.

    Example:
        >>> positives = Positives(np.array([0, 2, 2]), np.array([1, 3], np.int32))
        >>> positives.mark(np.array([0, 1], np.int32), np.array([3, 2, 3], np.int32)).tolist()
        [[True, False, True], [False, False, False]]
    """

    indptr: npt.NDArray[np.int64]
    item: npt.NDArray[np.int32]

    @classmethod
    def of_users(cls, history: History, catalogue: Catalogue | None = None) -> Self:
        """List what each user took and, with a catalogue, the duplicates of it. O(E log E)."""
        taken = history.matrix()
        return cls._of(taken if catalogue is None else sparse.csr_array(taken @ same_product(catalogue)))

    @classmethod
    def of_items(cls, pairs: sparse.csr_array, catalogue: Catalogue) -> Self:
        """List the partners of each item (what is stored in `pairs` [N, N]), itself, and the duplicates of all.

        Duplicates have the partners of each other. O(P · duplicates) time and memory.
        """
        pattern = sparse.csr_array((np.ones(pairs.nnz, np.float32), pairs.indices, pairs.indptr), pairs.shape)
        same = same_product(catalogue)
        return cls._of(sparse.csr_array(same @ pattern @ same + same))

    @classmethod
    def _of(cls, matrix: sparse.csr_array) -> Self:
        matrix.sort_indices()
        return cls(matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32))

    def mark(self, rows: Rows, candidates: Rows) -> npt.NDArray[np.bool_]:
        """Return which candidates are positives of which anchors, bool [B, M].

        Candidates may repeat. One scatter through a table of where each candidate stands: O(B · M) for the
        answer, O(N) for the table, and the length of the lists.
        """
        size = int(candidates.max(initial=-1)) + 2  # one place more, for all items beyond the candidates
        place = np.full(size, -1, np.int32)
        place[candidates] = np.arange(len(candidates), dtype=np.int32)
        start = self.indptr[rows]
        count = self.indptr[rows.astype(np.int64) + 1] - start
        begin = np.cumsum(count) - count
        index = np.repeat(start - begin, count) + np.arange(count.sum())
        column = place[np.minimum(self.item[index], size - 1)]
        hit = column >= 0
        marked = np.zeros((len(rows), len(candidates)), bool)
        marked[np.repeat(np.arange(len(rows)), count)[hit], column[hit]] = True
        first = place[candidates]
        again = np.flatnonzero(first != np.arange(len(candidates)))
        marked[:, again] = marked[:, first[again]]
        return marked


@dataclass(frozen=True)
class SharedValues:
    """Items that have a value in common are positives of each other: for groups too large to list their pairs.

    values: [N, V], stored where an item, or a duplicate of it, has a value; its duplicate group is one.
    """

    values: sparse.csr_array

    @classmethod
    def of(cls, members: sparse.csr_array, catalogue: Catalogue) -> Self:
        """Make it of who has what, [V, N]. O(members · duplicates)."""
        widened = same_product(catalogue) @ sparse.csr_array(members.T)
        return cls(sparse.csr_array(sparse.hstack([widened, _group_of(catalogue)], format="csr")))

    def mark(self, rows: Rows, candidates: Rows) -> npt.NDArray[np.bool_]:
        """Return which candidates share a value with which anchors, bool [B, M], by one sparse product.

        O(V + B · M), and for each anchor the candidates that have each of its values.
        """
        shared = self.values[rows] @ sparse.csr_array(self.values[candidates].T)
        marked: npt.NDArray[np.bool_] = shared.toarray() > 0
        return marked


def above_chance(counts: sparse.csr_array, lift: float) -> sparse.csr_array:
    """Keep the pairs whose count is at least `lift` times what the counts of both items would make by chance.

    [N, N], symmetric: count · Σ counts >= lift · (Σ of the row) · (Σ of the column). O(P).
    """
    counts = sparse.csr_array(counts, dtype=np.float64)
    total = counts.sum(axis=1)
    row = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    kept = (counts.data > 0) & (counts.data * total.sum() >= lift * total[row] * total[counts.indices])
    entries = (counts.data[kept], (row[kept], counts.indices[kept]))
    return sparse.csr_array(entries, shape=counts.shape)


def same_product(catalogue: Catalogue) -> sparse.csr_array:
    """Return which items are one product, float32 [N, N]: equal `catalogue.duplicates`, the diagonal included."""
    group = _group_of(catalogue)
    return sparse.csr_array(group @ sparse.csr_array(group.T))


def _group_of(catalogue: Catalogue) -> sparse.csr_array:
    distinct, group = np.unique(catalogue.duplicates, return_inverse=True)
    ones = np.ones(len(catalogue), np.float32)
    shape = (len(catalogue), len(distinct))
    return sparse.csr_array((ones, (np.arange(len(catalogue)), group)), shape=shape)
