"""An approximate index for large catalogues: a graph of near neighbours, searched with USearch."""

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
import onnxruntime  # noqa: F401  (before USearch: after USearch 2.26 it ends the process)
from scipy import sparse
from usearch.compiled import MetricKind, ScalarKind
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
from shelfspace.index.protocol import Found, Rows, Vectors

Flags = npt.NDArray[np.bool_]

FILE = "graph.usearch"
DTYPES = {"float32": "f32", "bfloat16": "bf16"}
GRAPH_COST = 64
"""How many products with rows that lie side by side cost as much as one more row out of the graph."""
BLOCK = 2**16
"""How many rows are proposed at once, for all queries together."""


class HNSW:
    """Hierarchical navigable small worlds (Malkov and Yashunin, 2018) beside the exact vectors.

    The graph proposes, the vectors decide: scores are exact, only the choice of rows is approximate. Meant
    for vectors of unit length. Hard filters are met by asking the graph for more, twice as many each time,
    until every query has k answers. Where looking at every allowed row is cheaper than that, it is done: a
    rare filter costs time and never an answer, and a small catalogue is searched exactly.

    A search takes O(log N) steps of `expansion_search` products. Memory: 4 N D bytes for the graph's
    vectors (half of that in `bfloat16`), about 8 N connectivity bytes for its links, and the exact vectors.
    After `load` all of it is mapped from files, and shared between processes, until a row is added or removed.

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
        precision: Literal["float32", "bfloat16"] = "float32",
        threads: int = 0,
    ) -> None:
        """Make an empty index.

        Args:
            dim: D.
            connectivity: links of each node; more find more and take more memory.
            expansion_add: candidates looked at when a row is added.
            expansion_search: candidates looked at by a search; more find more and take longer.
            precision: of the graph's own vectors; the scores are exact with either. `bfloat16` takes half the memory
                and about half the time, and may miss one of a hundred rows that are equally near.
            threads: 0 means all cores. Rows that are added by one thread give the same graph every time; of several
                threads on a busy machine a row in a hundred may not be found by its own vector.
        """
        if min(connectivity, expansion_add, expansion_search) < 2:
            raise ConfigError("connectivity, expansion_add and expansion_search must be at least 2")
        self.dim = dim
        self.connectivity = connectivity
        self.expansion_add = expansion_add
        self.expansion_search = expansion_search
        self.precision = precision
        self.threads = threads
        self._exact = Exact(dim, threads=threads)
        self._graph = self._new_graph()
        self._mapped, self._whole = False, precision == "float32"

    def __len__(self) -> int:
        return int(self._graph.size)

    def add(self, rows: npt.ArrayLike, vectors: npt.ArrayLike) -> None:
        """Put vectors at rows; see `Index.add`. O(M log N) graph steps."""
        good, array = checked_additions(rows, vectors, self.dim)
        if not len(good):
            return
        self.remove(good)
        self._exact.add(good, array)
        self._own_graph().add(good.astype(np.uint64), array, threads=self.threads)

    def remove(self, rows: npt.ArrayLike) -> None:
        """Take rows out; see `Index.remove`. Their nodes stay in the graph as way stations."""
        good = np.unique(checked_rows(rows))
        present = self._exact.present
        there = good[good < len(present)]
        there = there[present[there]]
        if len(there):
            self._own_graph().remove(there.astype(np.uint64))
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
        size = len(self)
        allowed, num_allowed = self._narrowed(allowed, size)
        fetch = (k + min(k, _longest(exclude))) * -(-size // max(num_allowed, 1))
        if allowed is not None or not self._whole:  # the graph looks at that many anyway
            fetch = max(fetch, min(2 * fetch, self.expansion_search))
        if not len(asked) or GRAPH_COST * fetch >= num_allowed:
            return self._exact.search(asked, k, allowed=allowed, exclude=exclude)
        if len(asked) == 1:
            found, scores = self._ask_one(asked, k, fetch, allowed, exclude)
            if found[0, -1] >= 0:
                return found, scores
        else:
            found, scores = self._ask(asked, k, fetch, allowed, exclude)
        short = (found[:, -1] < 0).nonzero()[0]
        while len(short):
            fetch *= 2
            some = exclude[short] if exclude is not None else None
            if GRAPH_COST * fetch < num_allowed:
                found[short], scores[short] = self._ask(asked[short], k, fetch, allowed, some)
                short = short[found[short, -1] < 0]
            else:
                found[short], scores[short] = self._exact.search(
                    asked[short], k, allowed=allowed, exclude=some
                )
                break
        return found, scores

    def save(self, folder: Path) -> None:
        """Write the graph in USearch's own format, and the vectors beside it."""
        self._exact.save(folder)
        beside = folder / f"{FILE}.new"
        self._graph.save(str(beside))
        beside.replace(folder / FILE)  # the old file may be the one that is mapped

    def load(self, folder: Path) -> None:
        """Map the graph and the vectors into memory; see `Index.load`.

        Processes that load the same folder share its pages. The first change copies both: O(N D).
        """
        exact, graph, path = Exact(self.dim, threads=self.threads), self._new_graph(), folder / FILE
        exact.load(folder)
        if not path.exists():
            raise SpaceError(f"{path} is missing")
        try:
            graph.view(str(path))
        except (RuntimeError, ValueError) as problem:
            raise SpaceError(f"{path} is damaged: {problem}") from None
        if graph.ndim != self.dim or len(graph) != len(exact):
            raise SpaceError(
                f"{path} holds {len(graph)} vectors of {graph.ndim} numbers, not {len(exact)} of {self.dim}"
            )
        self._exact, self._graph = exact, graph
        self._mapped, self._whole = True, graph.dtype == ScalarKind.F32

    def _own_graph(self) -> Graph:
        """Return the graph in memory of its own, where it may be changed."""
        if self._mapped:
            self._graph, self._mapped = self._graph.copy(), False
        return self._graph

    def _narrowed(self, allowed: Flags | None, size: int) -> tuple[Flags | None, int]:
        """Return the flags, None where they allow all, and how many of the rows there are they allow at most."""
        if allowed is None:
            return None, size
        capacity = len(self._exact.present)
        flags = allowed if len(allowed) >= capacity else fit_flags(allowed, capacity)
        num_allowed = int(np.count_nonzero(flags[:capacity]))
        return (None, size) if num_allowed == capacity else (flags, min(size, num_allowed))

    def _new_graph(self) -> Graph:
        return Graph(
            ndim=self.dim,
            metric=MetricKind.IP,
            dtype=DTYPES[self.precision],
            connectivity=self.connectivity,
            expansion_add=self.expansion_add,
            expansion_search=self.expansion_search,
        )

    def _ask_one(
        self, query: Vectors, k: int, fetch: int, allowed: Flags | None, exclude: sparse.csr_array | None
    ) -> Found:
        """Return what `_ask` does for one query [1, D], in a third of its steps: most questions are of this kind."""
        matches = self._graph.search(query, fetch, threads=1)
        rows = matches.keys.astype(np.int32)
        if self._whole and allowed is None and exclude is None and len(rows) == k:
            distances = matches.distances
            if len(set(distances.tolist())) == k:  # in order as it comes, and nothing ties
                return rows[None], 1 - distances[None]
        if self._whole:
            scores = 1 - matches.distances  # of the same numbers: nothing has to be read again
        else:
            scores = np.vecdot(np.asarray(self._exact.vectors).take(rows, axis=0), query)
        good = allowed[rows] if allowed is not None else None
        if exclude is not None and exclude.indptr[1]:
            listed = _in(rows, exclude.indices[: exclude.indptr[1]])
            good = ~listed if good is None else good & ~listed
        if good is not None:
            rows, scores = rows[good], scores[good]
        order = np.lexsort((rows, -scores))[:k]
        rows, scores = rows[order], scores[order]
        if len(rows) == k:
            return rows[None], scores[None]
        found, best = np.full((1, k), -1, np.int32), np.full((1, k), -np.inf, np.float32)
        found[0, : len(rows)], best[0, : len(rows)] = rows, scores
        return found, best

    def _ask(
        self, queries: Vectors, k: int, fetch: int, allowed: Flags | None, exclude: sparse.csr_array | None
    ) -> Found:
        """Return the k best of the `fetch` rows that the graph proposes, as far as the filters leave them."""
        height = max(1, BLOCK // fetch)
        if len(queries) > height:
            parts = [slice(i, i + height) for i in range(0, len(queries), height)]
            lists = [exclude[part] if exclude is not None else None for part in parts]
            found = [
                self._ask(queries[part], k, fetch, allowed, some)
                for part, some in zip(parts, lists, strict=True)
            ]
            return np.concatenate([rows for rows, _ in found]), np.concatenate([best for _, best in found])
        rows, good = self._proposed(queries, fetch)
        if allowed is not None:
            good &= allowed[rows]
        if exclude is not None:
            good &= ~_listed(rows, exclude)
        # A plain array: a memory map is slower to pick from.
        scores = np.vecdot(np.asarray(self._exact.vectors).take(rows, axis=0), queries[:, None, :])
        whole = bool(good.all())
        if not whole:
            scores[~good] = -np.inf
        order, lines = np.lexsort((rows, -scores), axis=1)[:, :k], np.arange(len(queries))[:, None]
        rows, scores = rows[lines, order], scores[lines, order]
        if not whole:
            rows[np.isneginf(scores)] = -1
        return rows, scores

    def _proposed(self, queries: Vectors, fetch: int) -> tuple[Rows, Flags]:
        """Return the rows [B, fetch] that the graph proposes, and which of those places are filled."""
        matches = self._graph.search(queries, fetch, threads=self.threads if len(queries) > 1 else 1)
        if isinstance(matches, BatchMatches):
            given = np.arange(fetch) < matches.counts[:, None]
            return np.where(given, matches.keys, 0).astype(np.int32), given
        rows, given = np.zeros((1, fetch), np.int32), np.zeros((1, fetch), bool)
        rows[0, : len(matches)], given[0, : len(matches)] = matches.keys, True
        return rows, given


def _longest(lists: sparse.csr_array | None) -> int:
    """Return the length of the longest list."""
    if lists is None:
        return 0
    return int(lists.indptr[1] if lists.shape[0] == 1 else np.diff(lists.indptr).max(initial=0))


def _in(rows: Rows, listed: Rows) -> Flags:
    """Return which of some rows stand in one list."""
    if len(listed) == 1:
        return np.asarray(rows == listed[0])
    return np.isin(rows, listed)


def _listed(rows: Rows, lists: sparse.csr_array) -> Flags:
    """Return which rows [B, F] stand in the list of their line."""
    lines = np.repeat(np.arange(lists.shape[0], dtype=np.int64), np.diff(lists.indptr)) << 32
    asked = (np.arange(len(rows), dtype=np.int64)[:, None] << 32) | rows
    return np.isin(asked, lines | lists.indices)
