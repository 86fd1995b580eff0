"""What is related to what: items and things (brands, concepts …) with named relations, kept beside a space.

N items, T things, R edges; node n < N is item n, node N + t is thing t.
"""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shelfspace.errors import ConfigError, did_you_mean
from shelfspace.inputs.ragged import indptr_of
from shelfspace.shop.ids import Ids

Ints = npt.NDArray[np.int64]


@dataclass(kw_only=True)
class Explain:
    """`[explain]`: what is kept of the shop's relations, so that answers can say how they are joined to what was asked.

    Args:
        relations: the kinds that are kept; empty: all.
    """

    relations: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Graph:
    """The edges of the table `relations`, each once, whichever its ends.

    head, tail: int32 [R], nodes;  relation: int32 [R], an index into `relations`;
    relations, things: names;  num_items: N;  num_unknown: edges left out, since an end of them is no known item.
    """

    head: npt.NDArray[np.int32]
    tail: npt.NDArray[np.int32]
    relation: npt.NDArray[np.int32]
    relations: tuple[str, ...]
    things: tuple[str, ...]
    num_items: int
    num_unknown: int = 0

    @classmethod
    def of(cls, table: pa.Table | None, ids: Ids, settings: Explain | None = None) -> Self:
        """Read the edges; those without both ends, from a thing to a thing, or from a node to itself are left out.

        Raises:
            ConfigError: a kind of relation that the table does not have.

        Cost: O(R log R) time, 12 bytes an edge.
        """
        if table is None or not table.num_rows:
            none = np.zeros(0, np.int32)
            return cls(none, none, none, (), (), len(ids))
        if "relation" not in table.column_names:
            table = table.append_column("relation", pa.array(["related"] * table.num_rows))
        kinds = pc.fill_null(table["relation"].cast(pa.string()), "related").combine_chunks()
        wanted = list(settings.relations) if settings is not None else []
        known = set(kinds.unique().to_pylist())
        for kind in wanted:
            if kind not in known:
                raise ConfigError(
                    f"[explain] relations: the table has no {kind!r}{did_you_mean(kind, known)}"
                )
        whole = pc.and_(pc.is_valid(table["head"]), pc.is_valid(table["tail"]))
        whole = pc.and_(whole, pc.is_in(kinds, value_set=pa.array(wanted))) if wanted else whole
        table, kinds = table.filter(whole), kinds.filter(whole.combine_chunks())
        ends = [table[name].cast(pa.string()).combine_chunks() for name in ("head", "tail")]
        rows = [_items(table, name, text, ids) for name, text in zip(("head", "tail"), ends, strict=True)]
        texts = pa.concat_arrays(
            [text.filter(pa.array(row == -1)) for text, row in zip(ends, rows, strict=True)]
        )
        things = texts.unique()
        nodes = [_nodes(row, text, things, len(ids)) for row, text in zip(rows, ends, strict=True)]
        low, high = np.minimum(*nodes), np.maximum(*nodes)
        coded = kinds.dictionary_encode()
        code = coded.indices.to_numpy().astype(np.int64)
        kept = (low >= 0) & (low < len(ids)) & (low != high)
        size = len(ids) + len(things)
        key = (code * size + nodes[0]) * size + nodes[1]
        _, once = np.unique(key[kept], return_index=True)
        chosen = np.flatnonzero(kept)[once]
        return cls(
            nodes[0][chosen].astype(np.int32),
            nodes[1][chosen].astype(np.int32),
            code[chosen].astype(np.int32),
            tuple(coded.dictionary.to_pylist()),
            tuple(things.to_pylist()),
            len(ids),
            int((low < 0).sum()),
        )

    @cached_property
    def degree(self) -> Ints:
        """Return how many edges each node has, int64 [N + T]."""
        size = self.num_items + len(self.things)
        both = np.concatenate([self.head, self.tail])
        found: Ints = np.bincount(both, minlength=size).astype(np.int64)
        return found

    def around(self, node: int) -> dict[int, list[tuple[int, bool]]]:
        """Return the nodes beside one, each with the relations between them, and whether they go out from `node`."""
        indptr, order = self._sorted
        found: dict[int, list[tuple[int, bool]]] = {}
        for at in order[indptr[node] : indptr[node + 1]].tolist():
            edge, out = at % len(self.head), at < len(self.head)
            other = int(self.tail[edge] if out else self.head[edge])
            found.setdefault(other, []).append((int(self.relation[edge]), out))
        return found

    @cached_property
    def _sorted(self) -> tuple[Ints, Ints]:
        """Return the edges of each node: those in which it is the head, and, R further on, the tail."""
        both = np.concatenate([self.head, self.tail])
        return indptr_of(self.degree), np.argsort(both, kind="stable")


@dataclass(frozen=True)
class FittedExplain:
    """The graph, kept with a space."""

    graph: Graph
    measured: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: Explain, table: pa.Table | None, ids: Ids) -> Self:
        """Keep a shop's relations."""
        graph = Graph.of(table, ids, settings)
        counts = np.bincount(graph.relation, minlength=len(graph.relations)).tolist()
        return cls(
            graph,
            {"edges": dict(zip(graph.relations, counts, strict=True)), "left out": graph.num_unknown},
        )

    def files(self) -> dict[str, bytes]:
        """Return the edges as npz, the names as JSON."""
        graph, edges = self.graph, io.BytesIO()
        np.savez(edges, head=graph.head, tail=graph.tail, relation=graph.relation)
        about = {
            "relations": graph.relations,
            "things": graph.things,
            "num_items": graph.num_items,
            "num_unknown": graph.num_unknown,
            "measured": self.measured,
        }
        return {"explain.json": json.dumps(about, ensure_ascii=False).encode(), "edges.npz": edges.getvalue()}

    @classmethod
    def read(cls, file: Callable[[str], bytes]) -> Self:
        """Take what `files` gave.

        Raises:
            ValueError: a file is not what was written.
        """
        about = json.loads(file("explain.json"))
        with np.load(io.BytesIO(file("edges.npz")), allow_pickle=False) as arrays:
            head, tail, relation = (arrays[name].astype(np.int32) for name in ("head", "tail", "relation"))
        size = about["num_items"] + len(about["things"])
        for ends, most in ((head, size), (tail, size), (relation, len(about["relations"]))):
            if len(ends) != len(head) or (len(ends) and not 0 <= ends.min() <= ends.max() < most):
                raise ValueError("an edge ends at what is not there")
        names = tuple(about["relations"]), tuple(about["things"])
        graph = Graph(head, tail, relation, *names, about["num_items"], about["num_unknown"])
        return cls(graph, about["measured"])


def _items(table: pa.Table, end: str, texts: pa.Array, ids: Ids) -> Ints:
    """Return the item at each end; -1: a thing; -2: said to be an item, but not in the catalogue."""
    rows = ids.rows(texts).astype(np.int64)
    if f"{end}_type" not in table.column_names:
        return rows
    said = table[f"{end}_type"].cast(pa.string()).combine_chunks()
    item = pc.fill_null(pc.equal(said, "item"), True).to_numpy(zero_copy_only=False)
    typed = said.is_valid().to_numpy(zero_copy_only=False)
    return np.where(item, np.where((rows < 0) & typed, -2, rows), -1)


def _nodes(rows: Ints, texts: pa.Array, things: pa.Array, num_items: int) -> Ints:
    place = pc.fill_null(pc.index_in(texts, value_set=things), -1).to_numpy(zero_copy_only=False)
    return np.where(rows >= 0, rows, np.where((rows == -1) & (place >= 0), num_items + place, -1))
