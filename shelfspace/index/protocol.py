"""What every index can do; the answers know no more of an index than this.

B queries, N the capacity (one more than the largest row ever added), M rows added at once, D dimensions,
k answers.
"""

from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy import sparse

Rows = npt.NDArray[np.int32]
Vectors = npt.NDArray[np.float32]
Found = tuple[Rows, Vectors]


class Index(Protocol):
    """Vectors by item row, and the nearest of them to a query by inner product.

    That is the cosine where all are of unit length, as the vectors of a space are.
    """

    dim: int

    def add(self, rows: npt.ArrayLike, vectors: npt.ArrayLike) -> None:
        """Put float32 [M, D] at int32 [M].

        A row that is already there is replaced; where a row repeats, its last vector counts.

        Raises:
            DataError: rows or vectors cannot be used, or there are not as many of the one as of the other.
        """
        ...

    def remove(self, rows: npt.ArrayLike) -> None:
        """Take rows out; those that are not there are passed over."""
        ...

    def search(
        self,
        queries: npt.ArrayLike,
        k: int,
        *,
        allowed: npt.NDArray[np.bool_] | None = None,
        exclude: sparse.csr_array | None = None,
    ) -> Found:
        """Return the k best rows of each query, best first: int32 [B, k] and scores float32 [B, k].

        Both filters are hard: a query that has fewer than k answers ends in row -1 with score -inf.

        Args:
            queries: float32 [B, D].
            k: how many answers, at least 1.
            allowed: bool [N], the rows that any query may get; rows beyond its end are not allowed.
            exclude: sparse [B, N], what a query must not get (its stored places count, not their values).

        Raises:
            DataError: a shape does not fit, or a number is not finite.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write the index to a folder, made where it is missing."""
        ...

    def load(self, folder: Path) -> None:
        """Take what `save` wrote, in place of what is here.

        Raises:
            SpaceError: the files are missing, damaged or of another dimension.
        """
        ...

    def __len__(self) -> int:
        """Return how many rows are there."""
        ...
