"""What shoppers took, weighed by rarity: who has the same taste. U users, N items, D embedding_dim."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shelfspace.shop.history import History

HALF_LIFE = 365.0
"""Days after which an event counts half; steps and shops without times do not age."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Tastes:
    """The taste of each of the shop's users.

    items: float32 csr [U, N], log(1 + aged count) times log(U / users of the item), rows of unit length;
    item_vectors: float32 [N, D], the items in the space.

    Source: Salton and Buckley 1988 (TF-IDF), of shoppers and items instead of documents and words.
    """

    items: sparse.csr_array
    item_vectors: Floats

    @classmethod
    def of(cls, history: History, num_users: int, item_vectors: Floats | None = None) -> Self:
        """Weigh what the first `num_users` rows took. O(E) time."""
        named = history.of_users(np.arange(num_users))
        age = named.age() if named.clock == "calendar" else np.zeros(named.num_events)
        taken = named.matrix(named.weight * 2.0 ** (-age / HALF_LIFE))
        taken.data = np.log1p(np.maximum(taken.data, 0.0))
        users = np.bincount(taken.indices, minlength=named.num_items)
        taken.data *= np.log(max(num_users, 1) / np.maximum(users, 1)).astype(np.float32)[taken.indices]
        vectors = np.zeros((named.num_items, 0), np.float32) if item_vectors is None else item_vectors
        return cls(unit(taken), vectors)

    @cached_property
    def vectors(self) -> Floats:
        """Where each user lies in the space: the sum of their items by weight, unit length, float32 [U, D]."""
        summed = self.items @ np.asarray(self.item_vectors, np.float32)
        length = np.linalg.norm(summed, axis=1, keepdims=True)
        found: Floats = (summed / np.maximum(length, 1e-12)).astype(np.float32)
        return found


def unit(rows: sparse.csr_array) -> sparse.csr_array:
    """Return rows scaled to unit length; those without entries stay so."""
    length = np.sqrt(np.bincount(_row(rows), rows.data.astype(np.float64) ** 2, minlength=rows.shape[0]))
    scaled = rows.copy()
    scaled.data = (rows.data / np.maximum(length, 1e-12)[_row(rows)]).astype(np.float32)
    return scaled


def _row(rows: sparse.csr_array) -> npt.NDArray[np.int64]:
    return np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))


def placed(rows: sparse.csr_array, at: npt.NDArray[np.integer]) -> sparse.csr_array:
    """Return the rows at these places; a place of -1 has an empty row."""
    known = at >= 0
    turn = sparse.csr_array(
        (np.ones(int(known.sum()), np.float32), (np.flatnonzero(known), at[known])),
        shape=(len(at), rows.shape[0]),
    )
    return sparse.csr_array(turn @ rows)
