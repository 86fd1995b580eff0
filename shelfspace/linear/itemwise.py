"""What the item→item models share: a history as a weighted row, weights in three forms, scores and reasons.

A score is linear in the history: `score = profile @ W`, so that each past item's part of it is one product.
B queries, N items, M of them modelled, R rank.
"""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Protocol, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shelfspace.config import Range
from shelfspace.linear.counts import Floats, Rows, decay, power
from shelfspace.linear.retriever import Arrays, Reason, Scores
from shelfspace.shop.history import History


class Weights(Protocol):
    """Item→item weights [N, N], in whatever form; row: the past item, column: the item that is scored."""

    def score(self, profile: sparse.csr_array) -> Scores:
        """Return profile @ W, float32 [B, N]."""
        ...

    def block(self, rows: Rows, columns: Rows) -> Floats:
        """Return W[rows][:, columns], float32."""
        ...

    def arrays(self) -> Arrays:
        """Return what `weights_from` takes."""
        ...


@dataclass(frozen=True)
class DenseWeights:
    """All weights among the `items` modelled (int32 [M], rising): float32 [M, M], 4 M² bytes."""

    matrix: Floats
    items: Rows
    num_items: int

    def score(self, profile: sparse.csr_array) -> Scores:
        """Return profile @ W, float32 [B, N]."""
        if len(self.items) == self.num_items:
            return np.asarray(profile @ self.matrix, np.float32)
        scores = np.zeros((profile.shape[0], self.num_items), np.float32)
        scores[:, self.items] = profile[:, self.items] @ self.matrix
        return scores

    def block(self, rows: Rows, columns: Rows) -> Floats:
        """Return W[rows][:, columns], float32."""
        place = np.full(self.num_items, -1, np.int64)
        place[self.items] = np.arange(len(self.items))
        row, column = place[rows], place[columns]
        found = self.matrix[np.ix_(row, column)]
        return np.where((row >= 0)[:, None] & (column >= 0)[None, :], found, np.float32(0.0))

    def arrays(self) -> Arrays:
        """Return what `weights_from` takes."""
        return {"matrix": self.matrix, "items": self.items, "num_items": np.int64(self.num_items).reshape(1)}


@dataclass(frozen=True)
class SparseWeights:
    """The weights that are not 0, 8 bytes each."""

    matrix: sparse.csr_array

    def score(self, profile: sparse.csr_array) -> Scores:
        """Return profile @ W, float32 [B, N]."""
        product = (profile @ self.matrix).astype(np.float32)
        scores: Scores = product.toarray()
        return scores

    def block(self, rows: Rows, columns: Rows) -> Floats:
        """Return W[rows][:, columns], float32."""
        found: Floats = self.matrix[rows][:, columns].toarray()
        return found

    def arrays(self) -> Arrays:
        """Return what `weights_from` takes."""
        w = self.matrix
        return {"data": w.data, "indices": w.indices, "indptr": w.indptr}


@dataclass(frozen=True)
class FactoredWeights:
    """into · (vectors · middle @ vectorsᵀ + share · tail) · out: a smooth part of low rank and a sparse one.

    vectors [N, R], middle [R], into and out [N]; 4 N R bytes and 8 for each entry of the tail. All but the
    vectors and the tail may be replaced at no cost.
    """

    vectors: Floats
    tail: SparseWeights
    middle: Floats
    into: Floats
    out: Floats
    share: float = 1.0

    def score(self, profile: sparse.csr_array) -> Scores:
        """Return profile @ W, float32 [B, N]."""
        scaled = profile.copy()
        scaled.data = profile.data * self.into[profile.indices]
        smooth = np.asarray(scaled @ self.vectors, np.float32) * self.middle
        scores: Scores = np.asarray(smooth @ self.vectors.T, np.float32)
        if self.share:
            scores += np.float32(self.share) * self.tail.score(scaled)
        scores *= self.out
        return scores

    def block(self, rows: Rows, columns: Rows) -> Floats:
        """Return W[rows][:, columns], float32."""
        smooth = (self.vectors[rows] * self.middle) @ self.vectors[columns].T
        both = smooth + np.float32(self.share) * self.tail.block(rows, columns)
        return self.into[rows][:, None] * both * self.out[columns]

    def arrays(self) -> Arrays:
        """Return what cannot be replaced."""
        return {"vectors": self.vectors, **self.tail.arrays()}


def weights_from(arrays: Arrays) -> Weights:
    """Rebuild dense or sparse weights from their arrays."""
    if "matrix" not in arrays:
        return SparseWeights(sparse_from(arrays))
    matrix, items = arrays["matrix"].astype(np.float32), arrays["items"].astype(np.int32)
    return DenseWeights(matrix, items, int(arrays["num_items"].astype(np.int64)[0]))


def sparse_from(arrays: Arrays) -> sparse.csr_array:
    """Rebuild a sparse matrix [N, N] from `data`, `indices` and `indptr`."""
    size = len(arrays["indptr"]) - 1
    parts = (arrays["data"].astype(np.float32), arrays["indices"], arrays["indptr"])
    return sparse.csr_array(parts, shape=(size, size))


@dataclass(kw_only=True)
class Itemwise:
    """A model that is a matrix of item→item weights, scored over an aged history.

    Args:
        history_half_life: the age at which a past item counts half, in the history's days or steps; needs no
            refit.
        history_power: the history's weights are divided by (their sum)^history_power: at 0 a long history
            scores high everywhere, at 1 every user scores alike. The order of one user's items does not
            depend on it; a blend's does; needs no refit.
    """

    REFIT_FREE: ClassVar[frozenset[str]] = frozenset({"history_half_life", "history_power"})

    history_half_life: Annotated[float, Range(0.3, 3000, log=True)] = 100.0
    history_power: float = 0.5
    weights: Weights = field(init=False, repr=False)

    def profile(self, queries: History) -> sparse.csr_array:
        """Return the histories as rows, float32 [B, N]: weights times decays, added up by item."""
        values = queries.weight * decay(queries.age(), self.history_half_life)
        rows = queries.matrix(values)
        if self.history_power:
            total = np.repeat(rows.sum(axis=1), np.diff(rows.indptr))
            rows.data = (rows.data * power(total, -self.history_power)).astype(np.float32)
        return rows

    def score(self, queries: History) -> Scores:
        """Return float32 [B, N]. Cost: one sparse product of the histories with the weights."""
        return self.weights.score(self.profile(queries))

    def reasons(self, query: History, items: Rows) -> list[list[Reason]]:
        """Return what each past item adds to the score of each item asked, the largest first."""
        row = self.profile(query)
        parts = row.data[:, None] * self.weights.block(row.indices.astype(np.int32), items)
        return [_largest(row.indices, parts[:, column]) for column in range(len(items))]

    def arrays(self) -> Arrays:
        """Return the weights."""
        return self.weights.arrays()

    def restore(self, arrays: Arrays) -> Self:
        """Take the weights back."""
        self.weights = weights_from(arrays)
        return self


def _largest(past: npt.NDArray[np.integer], amounts: Floats) -> list[Reason]:
    order = np.argsort(-np.abs(amounts), kind="stable")
    return [Reason(int(past[i]), float(amounts[i])) for i in order if amounts[i] != 0]
