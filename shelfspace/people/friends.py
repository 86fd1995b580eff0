"""How near two people are who are no friends yet: by friends they share, by short ways, by taste and by profile.

B people asked about, P people, N items, S segments.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shelfspace.linear.svd import leading
from shelfspace.people.graph import SocialGraph
from shelfspace.people.tastes import unit

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.integer]

RANK = 64
SIGNS = ("adamic_adar", "resource", "three_steps", "embedding", "taste", "friends_taste", "profile", "degree")
"""What speaks for a friendship; `degree` alone suggests nobody."""


@dataclass(frozen=True)
class Closeness:
    """What is known of pairs of people.

    edges: float32 csr [P, P];  tastes: float32 csr [P, N], unit rows;  segments: float32 csr [P, S], unit rows;
    embedding: float32 [P, RANK], unit rows, 0 for those without friends.

    `adamic_adar` and `resource`: friends in common, each counting 1 / log(degree) or 1 / degree; `three_steps`: ways
    of three friendships, each counting 1 / the degrees it passes; `embedding`: the cosine of the leading singular
    vectors of the graph; `taste`: the cosine of what both took; `friends_taste`: of what one took and the other's
    friends took, both ways; `profile`: the cosine of their segments; `degree`: how many friends the other has. Ways are
    on a log scale.

    Sources: Adamic and Adar 2003; Zhou, Lü and Zhang 2009 (resource allocation, local paths); Liben-Nowell and
    Kleinberg 2007.
    """

    edges: sparse.csr_array
    tastes: sparse.csr_array
    segments: sparse.csr_array
    embedding: Floats

    @classmethod
    def of(
        cls, graph: SocialGraph, tastes: sparse.csr_array, segments: sparse.csr_array, *, seed: int = 0
    ) -> Self:
        """Factorise the graph. O(edges · RANK) time, 4 P RANK bytes."""
        return cls(graph.edges, tastes, unit(segments), embedded(graph.edges, seed=seed))

    @cached_property
    def degree(self) -> npt.NDArray[np.float64]:
        """How many friends everybody has, float64 [P]."""
        found: npt.NDArray[np.float64] = np.diff(self.edges.indptr).astype(np.float64)
        return found

    @cached_property
    def friends_tastes(self) -> sparse.csr_array:
        """What everybody's friends took, float32 csr [P, N], unit rows."""
        return unit(sparse.csr_array(self.edges @ self.tastes))

    @cached_property
    def passing(self) -> Mapping[str, Floats]:
        """What a friend in common counts, float32 [P] by sign."""
        degree = np.maximum(self.degree, 2.0)
        return {
            "adamic_adar": (1 / np.log(degree)).astype(np.float32),
            "resource": (1 / degree).astype(np.float32),
        }

    def signs(self, rows: Rows) -> dict[str, Floats]:
        """Return each sign between people and everybody, float32 [B, P], 0 where nothing speaks for it.

        O(B · (edges + events)) time; 4 · 8 · B · P bytes.
        """
        asked, found = self.edges[rows], {}
        for name, counts in self.passing.items():
            weighed = asked.copy()
            weighed.data = counts[asked.indices]
            found[name] = _logged(name, (weighed @ self.edges).toarray())
        found["three_steps"] = _logged("three_steps", self._steps(rows))
        found["embedding"] = np.maximum(self.embedding[rows] @ self.embedding.T, 0.0)
        tastes, theirs = self.tastes[rows], self.friends_tastes
        found["taste"] = (tastes @ self.tastes.T).toarray()
        found["friends_taste"] = (tastes @ theirs.T).toarray() + (theirs[rows] @ self.tastes.T).toarray()
        found["profile"] = (self.segments[rows] @ self.segments.T).toarray()
        found["degree"] = np.tile(np.log1p(self.degree), (len(rows), 1))
        return {name: found[name].astype(np.float32, copy=False) for name in SIGNS}

    def strangers(self, rows: Rows) -> npt.NDArray[np.bool_]:
        """Return who may be suggested, bool [B, P]: neither themselves nor their friends."""
        may = np.ones((len(rows), self.edges.shape[0]), bool)
        asked = self.edges[rows]
        may[np.repeat(np.arange(len(rows)), np.diff(asked.indptr)), asked.indices] = False
        may[np.arange(len(rows)), rows] = False
        return may

    def through(self, row: int, other: int, weights: Mapping[str, float]) -> tuple[Rows, Floats]:
        """Return the friends that two people share and what each adds to the score; they sum to those signs' parts."""
        common = np.intersect1d(_of(self.edges, row), _of(self.edges, other))
        amount = np.zeros(len(common))
        for name, counts in self.passing.items():
            each = counts[common].astype(np.float64)
            whole = each.sum()
            if whole:
                amount += weights[name] * float(_logged(name, np.array([whole]))[0]) * each / whole
        return common, amount.astype(np.float32)

    def _steps(self, rows: Rows) -> Floats:
        scaled = _scaled(self.edges)
        two = (scaled[rows] @ scaled).toarray()
        three: Floats = (scaled @ two.T).T
        return three


def scored(signs: Mapping[str, Floats], weights: Mapping[str, float], may: npt.NDArray[np.bool_]) -> Floats:
    """Return the weighted sum, float32 [B, P], -inf for those who may not be suggested or for whom nothing speaks."""
    total, spoken = np.zeros(may.shape, np.float32), np.zeros(may.shape, bool)
    for name, values in signs.items():
        total += np.float32(weights.get(name, 0.0)) * values
        if name != "degree" and weights.get(name, 0.0) > 0:
            spoken |= values > 0
    return np.where(may & spoken, total, -np.inf).astype(np.float32)


def embedded(edges: sparse.csr_array, *, seed: int = 0) -> Floats:
    """Return the leading singular vectors of D^-½ A D^-½, scaled by their values, rows of unit length, [P, RANK]."""
    if not edges.nnz:
        return np.zeros((edges.shape[0], 1), np.float32)
    values, vectors = leading(_scaled(edges), min(RANK, edges.shape[0]), seed=seed)
    vectors = vectors * values
    vectors[np.diff(edges.indptr) == 0] = 0.0
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    found: Floats = (vectors / np.maximum(length, 1e-12)).astype(np.float32)
    return found


def _scaled(edges: sparse.csr_array) -> sparse.csr_array:
    power = 1 / np.sqrt(np.maximum(np.diff(edges.indptr), 1))
    scaled = edges.copy()
    row = np.repeat(np.arange(edges.shape[0]), np.diff(edges.indptr))
    scaled.data = (edges.data * power[row] * power[edges.indices]).astype(np.float32)
    return scaled


_UNITS = {"adamic_adar": 1.0, "resource": 1e-3, "three_steps": 1e-4}
"""The amount from which ways are told apart."""


def _logged(name: str, ways: npt.NDArray[np.floating]) -> Floats:
    logged: Floats = np.log1p(np.maximum(ways, 0.0) / _UNITS[name]).astype(np.float32)
    return logged


def _of(edges: sparse.csr_array, row: int) -> npt.NDArray[np.int32]:
    found: npt.NDArray[np.int32] = edges.indices[edges.indptr[row] : edges.indptr[row + 1]]
    return found
