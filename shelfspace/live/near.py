"""What is nearest to each item of a version, looked up once for all workers. N items, M listed of each, D numbers."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from shelfspace.index import HNSW, Found

Rows = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]

MOST = 48
"""Items listed of each item."""

BLOCK = 8_192
"""Items looked up at once."""


@dataclass(frozen=True)
class NearLists:
    """Lists of what is near each item, and what came later, which is looked at as well.

    lists: int32 [N, M], the nearest first, -1 where there are fewer;  vectors: float32 [N or more, D] of the space;
    later: int32, rising: rows that came or changed since; what lists say of them is passed over.

    Cost of a question: O(M D), and O(L D) for L rows that came later.
    """

    lists: Rows
    vectors: Floats
    later: Rows

    def of(self, row: int, k: int, allowed: npt.NDArray[np.bool_]) -> Found | None:
        """Return the k nearest rows to an item and their scores, as `Index.search` does for one query.

        Args:
            row: the item; `allowed` has to leave it out.
            k: how many.
            allowed: bool [N or more].

        Returns:
            None where the lists do not say: of an item that changed, or where fewer than k of a list are allowed.
        """
        if row >= len(self.lists) or k >= self.lists.shape[1]:
            return None
        listed = self.lists[row]
        rows = listed[allowed[listed] & (listed >= 0)]
        if len(self.later):
            if self._is_later(np.array([row]))[0]:
                return None
            rows = rows[~self._is_later(rows)]
        if len(rows) < k:
            return None
        if len(self.later):
            rows = np.concatenate([rows, self.later[allowed[self.later]]])
        scores = self.vectors.take(rows, axis=0) @ self.vectors[row]
        order = np.lexsort((rows, -scores))[:k]
        return rows[order][None], scores[order][None]

    def beside(self, later: Rows, vectors: Floats) -> Self:
        """Return it with other rows that came or changed since."""
        return replace(self, later=later, vectors=vectors)

    def _is_later(self, rows: Rows) -> npt.NDArray[np.bool_]:
        place = np.searchsorted(self.later, rows)
        found: npt.NDArray[np.bool_] = self.later[np.minimum(place, len(self.later) - 1)] == rows
        return found


def write_lists(index: HNSW, vectors: Floats, path: Path) -> None:
    """Write what an index finds near each vector, the vector itself left out; int32 [N, M]. N searches."""
    lists = np.full((len(vectors), MOST), -1, np.int32)
    for start in range(0, len(vectors), BLOCK) if len(index) > MOST else ():
        block = np.asarray(vectors[start : start + BLOCK])
        found = index.search(block, MOST + 1)[0]
        own = np.arange(start, start + len(block), dtype=np.int32)[:, None]
        order = np.argsort(found == own, axis=1, kind="stable")  # itself goes last
        lists[start : start + len(block)] = np.take_along_axis(found, order, axis=1)[:, :MOST]
    with path.open("wb") as file:
        np.save(file, lists)


def read_lists(path: Path) -> Rows:
    """Return lists as they lie in their file, shared by all processes that map it."""
    lists: Rows = np.load(path, mmap_mode="r", allow_pickle=False).view(np.ndarray)
    return lists
