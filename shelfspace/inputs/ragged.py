"""Rows of unequal length, one after the other. N rows, R rows asked, E entries of all rows."""

import numpy as np
import numpy.typing as npt

Places = npt.NDArray[np.int64]


def indptr_of(lengths: npt.ArrayLike) -> Places:
    """Return int64 [N + 1]: the entries of row n are indptr[n]:indptr[n + 1].

    Example:
        >>> indptr_of([2, 0, 1]).tolist()
        [0, 2, 2, 3]
    """
    lengths = np.asarray(lengths, np.int64)
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])


def gathered(indptr: Places, rows: npt.NDArray[np.integer]) -> tuple[Places, Places]:
    """Return the `indptr` of the rows asked, int64 [R + 1], and the place of each of their entries, int64 [E].

    O(R + E).

    Example:
        >>> [a.tolist() for a in gathered(np.array([0, 2, 2, 3]), np.array([2, 0]))]
        [[0, 1, 3], [2, 0, 1]]
    """
    lengths = indptr[rows + 1] - indptr[rows]
    taken = indptr_of(lengths)
    return taken, np.repeat(indptr[rows] - taken[:-1], lengths) + np.arange(taken[-1])
