"""What shoppers had in another shop, and what it says of this one.

B newcomers, P people here, V shoppers there, M items there, N items here, D embedding_dim of the other space.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shelfspace.people.tastes import placed
from shelfspace.shop.ids import Ids

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.integer]

NEAREST = 50
"""Items here that each item there may stand for, and shoppers of both shops who stand for a newcomer."""
SHARPNESS = 4.0
"""The power of a cosine by which the nearest count."""
BLOCK_VALUES = 8_000_000


@dataclass(frozen=True)
class Elsewhere:
    """Another shop's shoppers.

    users: theirs;  tastes: float32 csr [V, M], what they had there, weighed by rarity;
    near: float32 csr [M, N], what of here each item there is like, by what both listings say, rows sum to 1;
    vectors: float32 [V, D], where they lie in the other space, unit length;
    here: int32 [V], their rows among the people here, -1 where they are not known, or took nothing here.
    """

    users: Ids
    tastes: sparse.csr_array
    near: sparse.csr_array
    vectors: Floats
    here: npt.NDArray[np.int32]

    @classmethod
    def of(cls, users: Ids, tastes: sparse.csr_array, vectors: Floats, listed: Floats, items: Floats) -> Self:
        """Compare listings by cosine: `listed` [M, K] are those there, `items` [N, K] those here. O(M N K) time."""
        near = nearest(listed, items)
        return cls(users, tastes, near, vectors, np.full(len(users), -1, np.int32))

    def among(self, people: Ids, has_taken: npt.NDArray[np.bool_]) -> Self:
        """Return the same, knowing who of them took anything here."""
        row = people.rows(self.users.array)
        known = (row >= 0) & has_taken[np.maximum(row, 0)] if len(people) else np.zeros(len(row), bool)
        return replace(self, here=np.where(known, row, -1).astype(np.int32))

    def told(self, source: str, there: Rows) -> npt.NDArray[np.bool_]:
        """Return of whom it says anything, bool [B]."""
        had = np.diff(self.tastes.indptr) > 0
        found: npt.NDArray[np.bool_] = (there >= 0) & had[np.maximum(there, 0)]
        if source == "transfer":
            said = np.asarray(self.tastes @ (np.diff(self.near.indptr) > 0).astype(np.float32)) > 0
            return found & said[np.maximum(there, 0)]
        return found & bool((self.here >= 0).any())

    def near_to(self, there: Rows) -> sparse.csr_array:
        """Return what of here is like what they had there, float32 csr [B, N], rows sum to 1."""
        return summing_to_one(sparse.csr_array(placed(self.tastes, there) @ self.near))

    def alike(self, there: Rows, num_people: int) -> sparse.csr_array:
        """Return who of the people here had alike there, float32 csr [B, P], rows sum to 1; never themselves."""
        both = np.flatnonzero(self.here >= 0)
        if not len(both):
            return sparse.csr_array((len(there), num_people), dtype=np.float32)
        asked = np.where((there >= 0)[:, None], self.vectors[np.maximum(there, 0)], 0.0)
        found = nearest(asked.astype(np.float32), self.vectors[both], itself=(there[:, None], both[None, :]))
        return sparse.csr_array(
            (found.data, self.here[both][found.indices], found.indptr), shape=(len(there), num_people)
        )


def nearest(asked: Floats, among: Floats, itself: tuple[Rows, Rows] | None = None) -> sparse.csr_array:
    """Return the nearest rows of the one in the other by cosine, sharpened, float32 csr, rows sum to 1 or are empty."""
    most, rows = min(NEAREST, len(among)), []
    size = max(1, BLOCK_VALUES // max(1, len(among)))
    for start in range(0, len(asked), size):
        cosine = np.maximum(asked[start : start + size] @ among.T, 0.0)
        if itself is not None:
            cosine[itself[0][start : start + size] == itself[1]] = 0.0
        top = np.argpartition(cosine, -most, axis=1)[:, -most:]
        value = np.take_along_axis(cosine, top, axis=1) ** SHARPNESS
        indptr = np.arange(len(cosine) + 1) * most
        block = sparse.csr_array((value.ravel(), top.ravel(), indptr), shape=cosine.shape)
        block.eliminate_zeros()
        rows.append(block)
    if not rows:
        return sparse.csr_array((0, len(among)), dtype=np.float32)
    return summing_to_one(sparse.csr_array(sparse.vstack(rows, format="csr")))


def summing_to_one(rows: sparse.csr_array) -> sparse.csr_array:
    """Return rows of what is not below 0, scaled so that each sums to 1; those without entries stay so."""
    row = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
    whole = np.bincount(row, rows.data, minlength=rows.shape[0])
    scaled = rows.copy()
    scaled.data = (rows.data / np.maximum(whole, 1e-30)[row]).astype(np.float32)
    return scaled
