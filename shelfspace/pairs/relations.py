"""Two items that the knowledge graph joins: by an edge, or by a thing that both are related to.

N items, R edges.
"""

from dataclasses import dataclass, field
from typing import Annotated, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shelfspace.config import Range
from shelfspace.errors import ConfigError, did_you_mean
from shelfspace.pairs.checks import above_zero, exponents
from shelfspace.pairs.groups import Groups, OfGroups
from shelfspace.pairs.pairs import Sources
from shelfspace.pairs.tags import without_common
from shelfspace.shop.ids import Ids

Ints = npt.NDArray[np.int64]


@dataclass(kw_only=True)
class Relations(OfGroups):
    """Two items at the ends of an edge, in either order, or two items with the same relation to the same thing.

    An edge from one item to another is a group of two, once for however many relations join them; items whose
    edges of one relation end at one thing that is no item (a brand, a colour, a concept) are a group of as many.
    P(group) ∝ size^power. A head or tail is an item where its type is `item` or not given, and the catalogue has
    its id. Only items known at `history.now`.

    Args:
        kinds: the relations that count; empty: all.
        power: of the size of a group; 0: every edge and every thing alike often.
        max_share: things that a larger share of the known items is related to are left out.

    `num_unknown` says how many edges were left out because the catalogue lacks an id of an item.

    Cost: O(R log R) to learn, some 90 bytes an edge; O(log R) a pair.

    Raises:
        ConfigError: a setting that cannot be meant, or, on learning, a kind that the table does not have.

    Source: Bordes et al. 2013 (edges as training pairs); Zhang et al. 2016.

    Use it where somebody wrote down what goes with what. Relations that were gathered after the events (who
    bought also bought) tell the future.
    """

    kinds: list[str] = field(default_factory=list)
    power: Annotated[float, Range(0.0, 1.0)] = 0.5
    max_share: float = 0.5

    def __post_init__(self) -> None:
        exponents(power=self.power)
        above_zero(max_share=self.max_share)

    def learn(self, sources: Sources, *, seed: int = 0) -> Self:
        """Group items by edge and by thing."""
        known = sources.known()
        self.num_unknown = 0
        group, item = np.zeros(0, np.int64), np.zeros(0, np.int64)
        if sources.relations is not None and sources.relations.num_rows:
            group, item = self._read(sources.relations, sources.catalogue.ids, known)
        self.take(sources, Groups.of(group, item, None, num_items=len(known)), self.power)
        return self

    def _read(self, table: pa.Table, ids: Ids, known: npt.NDArray[np.bool_]) -> tuple[Ints, Ints]:
        """Return groups and items of the edges: first a group for each edge between items, then the things."""
        table = self._chosen(table)
        head, tail = _rows(table, "head", ids), _rows(table, "tail", ids)
        unknown = (head < 0) | ((tail < 0) & _is_item(table, "tail", default=False))
        self.num_unknown = int(np.count_nonzero(unknown))
        between = (head >= 0) & (tail >= 0)
        low, high = np.minimum(head, tail)[between], np.maximum(head, tail)[between]
        edge = np.unique(low * len(known) + high)
        edges = np.stack([edge // len(known), edge % len(known)])
        edges = edges[:, known[edges].all(axis=0)]
        shared = ~unknown & ~between & known[np.maximum(head, 0)]
        thing = _codes(table["relation"]) * (table.num_rows + 1) + _codes(table["tail"])
        _, things = np.unique(thing[shared], return_inverse=True)
        most = self.max_share * np.count_nonzero(known)
        things, of_thing = without_common(things, head[shared], most=most, num_items=len(known))
        number = np.arange(edges.shape[1])
        return np.concatenate([number, number, things + len(number)]), np.concatenate([*edges, of_thing])

    def _chosen(self, table: pa.Table) -> pa.Table:
        """Return the edges of the chosen kinds that have both ends."""
        if "relation" not in table.column_names:
            table = table.append_column("relation", pa.array([""] * table.num_rows))
        relation = table["relation"].cast(pa.string())
        present = set(relation.unique().to_pylist())
        for kind in self.kinds:
            if kind not in present:
                near = did_you_mean(kind, [str(name) for name in present])
                raise ConfigError(f"kinds: the table of relations has no {kind!r}{near}")
        whole = pc.and_(pc.is_valid(table["head"]), pc.is_valid(table["tail"]))
        if self.kinds:
            whole = pc.and_(whole, pc.is_in(relation, value_set=pa.array(self.kinds)))
        return table.filter(whole)


def _rows(table: pa.Table, end: str, ids: Ids) -> Ints:
    """Return the item at each end, -1 where there is none, int64 [R]."""
    rows = ids.rows(table[end].cast(pa.string())).astype(np.int64)
    return np.where(_is_item(table, end, default=True), rows, -1)


def _is_item(table: pa.Table, end: str, *, default: bool) -> npt.NDArray[np.bool_]:
    """Return whether each end is said to be an item; `default` where nothing is said."""
    if f"{end}_type" not in table.column_names:
        return np.full(table.num_rows, default)
    said = pc.equal(table[f"{end}_type"].cast(pa.string()), "item")
    found: npt.NDArray[np.bool_] = pc.fill_null(said, default).to_numpy()
    return found


def _codes(column: pa.ChunkedArray) -> Ints:
    """Number the values of a column, int64 [R]; a missing one is a value of its own."""
    texts = pc.fill_null(column.cast(pa.string()), "").combine_chunks()
    codes: Ints = texts.dictionary_encode().indices.to_numpy().astype(np.int64)
    return codes
