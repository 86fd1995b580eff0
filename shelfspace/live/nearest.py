"""The items with the largest inner products, by a graph that all workers map, and beside it what came later.

N items in the graph, M items that came later or changed, D numbers.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import onnxruntime  # noqa: F401  (before USearch: after USearch 2.26 it ends the process)
from usearch.compiled import MetricKind
from usearch.index import Index as Graph

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int32]

CONNECTIVITY, EXPANSION_ADD, EXPANSION_SEARCH = 16, 128, 64


@dataclass(frozen=True)
class Nearest:
    """A graph over vectors of any length, and the rows beside it.

    graph: not to be changed; keys are rows;  later: int32 [M], the rows that are looked at one by one, rising: what
    the graph says of them is passed over;  vectors: float32 [M, D], theirs.

    Source: Malkov and Yashunin, 2018 (HNSW); inner products of vectors of different length are searched as they are,
    as Morozov and Babenko, 2018, do.
    """

    graph: Graph
    later: Rows = field(default_factory=lambda: np.zeros(0, np.int32))
    vectors: Floats = field(default_factory=lambda: np.zeros((0, 0), np.float32))

    def search(self, query: Floats, k: int) -> Rows:
        """Return about the k best rows of the graph, and all that came later, in no order; int32 [<= k + M]."""
        found = self.graph.search(query, min(k, len(self.graph)), threads=1).keys.astype(np.int32)
        if not len(self.later):
            return found
        return np.concatenate([found[~np.isin(found, self.later)], self.later])

    def beside(self, later: Rows, vectors: Floats) -> Self:
        """Return it with other rows beside the graph."""
        return replace(self, later=later, vectors=vectors)


def built(vectors: Floats, path: Path, *, threads: int = 0) -> Graph:
    """Build the graph of vectors, float32 [N, D], and write it. O(N log N) steps; vectors of 0 are left out."""
    graph = empty(vectors.shape[1])
    rows = np.flatnonzero(vectors.any(axis=1))
    for start in range(0, len(rows), 65_536):
        some = rows[start : start + 65_536]
        graph.add(some.astype(np.uint64), np.ascontiguousarray(vectors[some]), threads=threads)
    graph.save(str(path))
    return graph


def neighbours(graph: Graph, vectors: Floats, most: int, path: Path, *, threads: int = 0) -> None:
    """Write the rows that the graph gives for each vector, int32 [N, most]; its own where there are fewer."""
    found = np.repeat(np.arange(len(vectors), dtype=np.int32)[:, None], most, axis=1)
    asked = min(most, len(graph))
    for start in range(0, len(vectors), 8_192) if asked else ():
        block = np.ascontiguousarray(vectors[start : start + 8_192])
        keys = np.atleast_2d(graph.search(block, asked, threads=threads).keys)
        found[start : start + len(block), :asked] = keys
    with path.open("wb") as file:
        np.save(file, found)


def mapped(path: Path, dim: int) -> Graph:
    """Return a graph as it lies in its file, shared by all processes that map it."""
    graph = empty(dim)
    graph.view(str(path))
    return graph


def empty(dim: int) -> Graph:
    """Return a graph without any row."""
    return Graph(
        ndim=dim,
        metric=MetricKind.IP,
        dtype="bf16",  # it proposes; what is proposed is scored by the vectors themselves
        connectivity=CONNECTIVITY,
        expansion_add=EXPANSION_ADD,
        expansion_search=EXPANSION_SEARCH,
    )
