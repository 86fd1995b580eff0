"""An approximate index for large catalogues: a graph of near neighbours, searched with USearch."""

from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
from scipy import sparse
from usearch.compiled import MetricKind
from usearch.index import BatchMatches
from usearch.index import Index as Graph

from shelfspace.config import Range
from shelfspace.errors import ConfigError, SpaceError
from shelfspace.index.checks import (
    checked_additions,
    checked_filters,
    checked_rows,
    checked_vectors,
    fit_flags,
)
from shelfspace.index.exact import Exact
from shelfspace.index.protocol import Found, Rows

FILE = "graph.usearch"
GRAPH_COST = 64
"""How many products with rows that lie side by side cost as much as one more row out of the graph."""


class HNSW:
    """Hierarchical navigable small worlds (Malkov and Yashunin, 2018) beside the exact vectors.

    The graph proposes, the vectors decide: scores are exact, only the choice of rows is approximate. Meant
    for vectors of unit length. Hard filters are met by asking the graph for more, twice as many each time,
    until every query has k answers. Where looking at every allowed row is cheaper than that, it is done: a
    rare filter costs time and never an answer, and a small catalogue is searched exactly.

    A search takes O(log N) steps of `expansion_search` products. Memory: 4 N D bytes for the graph's
    vectors, about 8 N connectivity bytes for its links, and the exact vectors (mapped from their file after
    `load`).

    Example:
        >>> index = HNSW(2)
        >>> index.add([0, 3], [[1.0, 0.0], [0.6, 0.8]])
        >>> index.search([[1.0, 0.0]], 1)[0].tolist()
        [[0]]
    """

    def __init__(
        self,
        dim: int,
        *,
        connectivity: Annotated[int, Range(8, 64)] = 16,
        expansion_add: Annotated[int, Range(32, 512)] = 128,
        expansion_search: Annotated[int, Range(16, 512)] = 96,
        threads: int = 0,
    ) -> None:
        """Make an empty index.

        Args:
            dim: D.
            connectivity: links of each node; more find more and take more memory.
            expansion_add: candidates looked at when a row is added.
            expansion_search: candidates looked at by a search; more find more and take longer.
            threads: 0 means all cores. Rows that are added by one thread give the same graph every time; of several
                threads on a busy machine a row in a hundred may not be found by its own vector.
        """
        if min(connectivity, expansion_add, expansion_search) < 2:
            raise ConfigError("connectivity, expansion_add and expansion_search must be at least 2")
        self.dim = dim
        self.connectivity = connectivity
        self.expansion_add = expansion_add
        self.expansion_search = expansion_search
        self.threads = threads
        self._exact = Exact(dim, threads=threads)
        self._graph = self._new_graph()

    def __len__(self) -> int:
        return len(self._exact)

    def add(self, rows: npt.ArrayLike, vectors: npt.ArrayLike) -> None:
        """Put vectors at rows; see `Index.add`. O(M log N) graph steps."""
        good, array = checked_additions(rows, vectors, self.dim)
        if not len(good):
            return
        self.remove(good)
        self._exact.add(good, array)
        self._graph.add(good.astype(np.uint64), array, threads=self.threads)

    def remove(self, rows: npt.ArrayLike) -> None:
        """Take rows out; see `Index.remove`. Their nodes stay in the graph as way stations."""
        good = np.unique(checked_rows(rows))
        present = self._exact.present
        there = good[good < len(present)]
        there = there[present[there]]
        if len(there):
            self._graph.remove(there.astype(np.uint64))
            self._exact.remove(there)

    def search(
        self,
        queries: npt.ArrayLike,
        k: int,
        *,
        allowed: npt.NDArray[np.bool_] | None = None,
        exclude: sparse.csr_array | None = None,
    ) -> Found:
        """Return about the k best rows and their exact scores; see `Index.search`."""
        asked = checked_vectors(queries, self.dim, "queries")
        checked_filters(len(asked), k, allowed, exclude)
        present = self._exact.present
        flags = present if allowed is None else present & fit_flags(allowed, len(present))
        found = np.full((len(asked), k), -1, np.int32)
        scores = np.full((len(asked), k), -np.inf, np.float32)
        num_allowed, open_lines = int(np.count_nonzero(flags)), np.arange(len(asked))
        fetch = k * -(-len(self) // max(num_allowed, 1))
        while len(open_lines) and GRAPH_COST * fetch < num_allowed:
            for lines in np.array_split(open_lines, -(-len(open_lines) * fetch // 2**16)):
                some = exclude[lines] if exclude is not None else None
                found[lines], scores[lines] = self._ask(asked[lines], k, fetch, flags, some)
            open_lines = open_lines[found[open_lines, -1] < 0]
            fetch *= 2
        if len(open_lines):
            some = exclude[open_lines] if exclude is not None else None
            found[open_lines], scores[open_lines] = self._exact.search(
                asked[open_lines], k, allowed=flags, exclude=some
            )
        return found, scores

    def save(self, folder: Path) -> None:
        """Write the graph in USearch's own format, and the vectors beside it."""
        self._exact.save(folder)
        self._graph.save(str(folder / FILE))

    def load(self, folder: Path) -> None:
        """Read the graph and map the vectors; see `Index.load`."""
        exact, graph, path = Exact(self.dim, threads=self.threads), self._new_graph(), folder / FILE
        exact.load(folder)
        try:
            graph.load(str(path))
        except FileNotFoundError:
            raise SpaceError(f"{path} is missing") from None
        except (RuntimeError, ValueError) as problem:
            raise SpaceError(f"{path} is damaged: {problem}") from None
        if graph.ndim != self.dim or len(graph) != len(exact):
            raise SpaceError(
                f"{path} holds {len(graph)} vectors of {graph.ndim} numbers, not {len(exact)} of {self.dim}"
            )
        self._exact, self._graph = exact, graph

    def _new_graph(self) -> Graph:
        return Graph(
            ndim=self.dim,
            metric=MetricKind.IP,
            dtype="f32",
            connectivity=self.connectivity,
            expansion_add=self.expansion_add,
            expansion_search=self.expansion_search,
        )

    def _ask(
        self,
        queries: npt.NDArray[np.float32],
        k: int,
        fetch: int,
        flags: npt.NDArray[np.bool_],
        exclude: sparse.csr_array | None,
    ) -> Found:
        """Return the k best of the `fetch` rows that the graph proposes, as far as the filters leave them."""
        matches = self._graph.search(queries, fetch, threads=self.threads)
        keys = np.reshape(matches.keys, (len(queries), -1))
        counts = matches.counts[:, None] if isinstance(matches, BatchMatches) else keys.shape[1]
        given = np.arange(keys.shape[1]) < counts
        rows: Rows = np.where(given, keys, 0).astype(np.int32)
        good = given & flags[rows]
        if exclude is not None:
            good &= ~_listed(rows, exclude)
        scores = np.einsum("bd,bfd->bf", queries, self._exact.vectors[rows], dtype=np.float32)
        scores[~good] = -np.inf
        order = np.lexsort((rows, -scores), axis=1)[:, :k]
        best = np.take_along_axis(scores, order, axis=1)
        return np.where(np.isneginf(best), -1, np.take_along_axis(rows, order, axis=1)), best


def _listed(rows: Rows, lists: sparse.csr_array) -> npt.NDArray[np.bool_]:
    """Return which rows [B, F] stand in the list of their line."""
    lines = np.repeat(np.arange(lists.shape[0], dtype=np.int64), np.diff(lists.indptr)) << 32
    asked = (np.arange(len(rows), dtype=np.int64)[:, None] << 32) | rows
    return np.isin(asked, lines | lists.indices)
