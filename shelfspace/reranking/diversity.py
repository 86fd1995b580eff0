"""What a candidate is still worth beside those already in the list. n candidates, D embedding_dim, S chosen."""

from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Diversify = Literal["mmr", "dpp"]

_LEAST = 1e-10
"""Below this share of a candidate's own length nothing new is left of it."""


class Worth(Protocol):
    """What the next place looks at."""

    def values(self) -> Floats:
        """Return what each candidate is worth now, float64 [n]; higher is better."""
        ...

    def take(self, candidate: int) -> None:
        """Put a candidate into the list."""
        ...


class Plain:
    """Relevance alone."""

    def __init__(self, relevance: Floats) -> None:
        self._relevance = relevance

    def values(self) -> Floats:
        """Return the relevance."""
        return self._relevance

    def take(self, candidate: int) -> None:
        """Nothing changes."""


class MMR:
    """Maximal marginal relevance: `(1 - d) relevance - d max cosine to the list`.

    Args:
        relevance: float64 [n], from 0 to 1.
        vectors: float32 [n, D], unit length or 0; a candidate without a vector is like nothing.
        diversity: d, 0 to 1.

    Cost: O(n D) for each place.

    References:
        Carbonell, Goldstein. The use of MMR, diversity-based reranking. SIGIR 1998.
    """

    def __init__(self, relevance: Floats, vectors: npt.NDArray[np.float32], diversity: float) -> None:
        self._kept = (1.0 - diversity) * relevance
        self._vectors = vectors
        self._diversity = diversity
        self._nearest = np.full(len(relevance), -np.inf)

    def values(self) -> Floats:
        """Return the marginal relevance; with nothing in the list, the relevance alone."""
        if not np.isfinite(self._nearest).any():
            return self._kept
        return self._kept - self._diversity * self._nearest

    def take(self, candidate: int) -> None:
        """Put a candidate into the list."""
        np.maximum(self._nearest, self._vectors @ self._vectors[candidate], out=self._nearest)


class DPP:
    """The greedy maximum a posteriori of a determinantal point process: `(1 - d) Σ relevance + d log det cosines`.

    Gains are kept by a row of the Cholesky factor for each candidate taken, so that no determinant is computed.

    Args:
        relevance: float64 [n], from 0 to 1.
        vectors: float32 [n, D], unit length or 0; a candidate without a vector is like nothing.
        diversity: d, 0 to 1.

    Cost: O(n (D + S)) for each place, O(n S) memory.

    References:
        Chen, Zhang, Zhou. Fast greedy MAP inference for determinantal point process to improve recommendation
        diversity. NeurIPS 2018.
    """

    def __init__(self, relevance: Floats, vectors: npt.NDArray[np.float32], diversity: float) -> None:
        self._kept = (1.0 - diversity) * relevance
        self._vectors = vectors.astype(np.float64)
        self._diversity = diversity
        self._left = np.ones(len(relevance))
        self._rows: list[Floats] = []

    def values(self) -> Floats:
        """Return what each adds: its relevance, and the log of what of it is not in the span of the list."""
        return self._kept + self._diversity * np.log(np.maximum(self._left, _LEAST))

    def take(self, candidate: int) -> None:
        """Put a candidate into the list."""
        left = self._left[candidate]
        if left > _LEAST:  # else it lies in the span of the list, and adds nothing to it
            like = self._vectors @ self._vectors[candidate]
            like[candidate] = 1.0
            for row in self._rows:
                like -= row[candidate] * row
            self._rows.append(like / np.sqrt(left))
            self._left = np.maximum(self._left - self._rows[-1] ** 2, 0.0)
        self._left[candidate] = 0.0


def worth(
    values: Floats, vectors: npt.NDArray[np.float32] | None, diversity: float, diversify: Diversify
) -> Worth:
    """Return what the next place looks at; relevance is the values from 0, the lowest, to 1, the highest."""
    if diversity == 0.0 or vectors is None:
        return Plain(values)
    low, high = values.min(), values.max()
    relevance = (values - low) / (high - low) if high > low else np.zeros(len(values))
    return DPP(relevance, vectors, diversity) if diversify == "dpp" else MMR(relevance, vectors, diversity)
