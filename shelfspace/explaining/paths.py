"""How two items are joined: relations between them, things that both are related to, values that both have.

A path says more the rarer what it goes over: a common brand says less than a common author. N items.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import log
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shelfspace.explaining.graph import Graph
from shelfspace.shop.catalogue import Catalogue

SHARED = ("brand", "category", "attributes")
"""The columns of the catalogue whose values join two items."""

MOST_BESIDE = 200
"""Of a node's neighbours the rarest so many are gone on from."""

COMMON = 300
"""What has more edges is not gone on from: it joins nearly everything."""


@dataclass(frozen=True)
class Path:
    """A way from one item to another.

    nodes: both ends, and what is between them;  relations: one a step, and whether it is gone along its direction;
    cost: the sum of the logarithms of how many edges each node between has: 0 where the items are joined directly.
    """

    nodes: tuple[str, ...]
    relations: tuple[tuple[str, bool], ...]
    cost: float

    def __str__(self) -> str:
        steps = zip(self.relations, self.nodes[1:], strict=True)
        return self.nodes[0] + "".join(f" -{n}-> {to}" if out else f" <-{n}- {to}" for (n, out), to in steps)


@dataclass(frozen=True)
class Joins:
    """What joins the items of a shop.

    catalogue: items may share a value of its columns;  titles: what to call the items;
    graph: relations, where they were kept;  hidden: bool [N], items that no path is to go over; None: none.
    """

    catalogue: Catalogue
    titles: Sequence[str]
    graph: Graph | None = None
    hidden: npt.NDArray[np.bool_] | None = None

    def hides(self, items: Sequence[int]) -> bool:
        """Return whether any of these items is not to be named; what is no item is."""
        return self.hidden is not None and any(n < len(self.hidden) and self.hidden[n] for n in items)

    def paths(self, one: int, other: int, *, k: int = 3) -> list[Path]:
        """Return the k paths of at most three steps that say most, the cheapest first, of equal ones the shorter.

        Args:
            one: the row of an item.
            other: that of another.
            k: how many.

        Cost: O(N) once; then O(degree) of both items and, for three steps, of at most 200 nodes beside one of them.

        Source: a shared neighbour weighs as with Adamic and Adar 2003, as a cost to be summed along a path.
        """
        if one == other:
            return []
        found = list(self._shared(one, other))
        if self.graph is not None and len(self.graph.head):
            found += _of_graph(one, other, self.graph, self.titles, self.hides)
        best: dict[tuple[str, ...], Path] = {}
        for path in sorted(found, key=lambda path: (path.cost, len(path.nodes), path.nodes, path.relations)):
            best.setdefault(tuple(node.casefold() for node in path.nodes), path)
        return list(best.values())[:k]

    def told(self, ones: Sequence[int], other: int, *, k: int = 3) -> list[str]:
        """Return, as texts, the k paths that say most from any of several items to another."""
        found = [path for one in dict.fromkeys(ones) for path in self.paths(one, other, k=k)]
        return [str(path) for path in sorted(found, key=lambda path: path.cost)[:k]]

    def _shared(self, one: int, other: int) -> Iterator[Path]:
        """Yield a path for each value that both listings have; of a category only the narrowest that both are in."""
        for name, count in self._counts.items():
            column = self.catalogue.table[name]
            mine, theirs = (_values(column[row].as_py()) for row in (one, other))
            both = [value for value in mine if value in set(theirs)]
            for value in both[-1:] if name == "category" else both:
                ends = self.titles[one], value, self.titles[other]
                yield Path(ends, ((name, True), (name, False)), log(1 + count.get(value, 1)))

    @cached_property
    def _counts(self) -> dict[str, dict[str, int]]:
        """Return how many items have each value of a column."""
        return {
            name: _counted(column) for name in SHARED if (column := self.catalogue.column(name)) is not None
        }


def _counted(column: pa.ChunkedArray) -> dict[str, int]:
    flat = pc.list_flatten(column) if pa.types.is_list(column.type) else column
    counts = pc.value_counts(flat.cast(pa.string())).to_pylist()
    return {each["values"]: each["counts"] for each in counts if each["values"] is not None}


def _values(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return list(dict.fromkeys(str(v) for v in values if v not in (None, "")))


def _of_graph(
    one: int, other: int, graph: Graph, titles: Sequence[str], hides: Callable[[Sequence[int]], bool]
) -> Iterator[Path]:
    from_one, from_other = (
        {node: how for node, how in graph.around(end).items() if node in (one, other) or not hides([node])}
        for end in (one, other)
    )
    yield from _named((one, other), [from_one.get(other, [])], graph, titles)
    for middle in from_one.keys() & from_other.keys():
        back = [(relation, not out) for relation, out in from_other[middle]]
        yield from _named((one, middle, other), [from_one[middle], back], graph, titles)
    beside = np.array([node for node in from_one if node != other], np.int64)
    beside = beside[graph.degree[beside] <= COMMON]
    rarest = beside[np.argsort(graph.degree[beside], kind="stable")][:MOST_BESIDE]
    for first in rarest.tolist():
        onward = graph.around(first)
        for second in onward.keys() & from_other.keys() - {one, other}:
            back = [(relation, not out) for relation, out in from_other[second]]
            yield from _named(
                (one, first, second, other), [from_one[first], onward[second], back], graph, titles
            )


def _named(
    nodes: tuple[int, ...], steps: Sequence[Sequence[tuple[int, bool]]], graph: Graph, titles: Sequence[str]
) -> Iterator[Path]:
    cost = sum(log(1 + int(graph.degree[node])) for node in nodes[1:-1])
    names = tuple(titles[n] if n < graph.num_items else graph.things[n - graph.num_items] for n in nodes)
    for step in product(*steps):
        yield Path(names, tuple((graph.relations[relation], out) for relation, out in step), cost)
