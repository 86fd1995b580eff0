"""The catalogue: from a table of items, or from what the events say of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shelfspace.errors import DataError, did_you_mean
from shelfspace.shop import columns, values
from shelfspace.shop.columns import SEQ, Found, find_columns, select
from shelfspace.shop.figures import count_columns
from shelfspace.shop.history import History
from shelfspace.shop.observed import Figures
from shelfspace.shop.sections import Section
from shelfspace.shop.sources import Source, read_source
from shelfspace.shop.tables import typed
from shelfspace.shop.workbench import Workbench

NO_ITEM_ID = "no item_id"
REPEATED = "item_id that came before"
_PHOTOS = pa.schema([("item_id", pa.string()), ("image", pa.string())])


@dataclass(frozen=True)
class Items:
    """What is known of items, before it is known which of them are in the catalogue.

    table: the columns of the catalogue, with `item_id`; `image` is the first photo of each;
    vectors: ready embeddings by name, rows as in the table;
    photos: `item_id` and `image` of the photos that come after the first.
    """

    table: pa.Table
    vectors: dict[str, npt.NDArray[np.float32]] = field(default_factory=dict)
    photos: pa.Table = field(default_factory=_PHOTOS.empty_table)


@dataclass(frozen=True)
class Facts:
    """What is said of items, by a table of theirs or by the events.

    rows: `_seq`, `item_id` (each once), the columns found, and the shop's own.
    """

    rows: ir.Table
    found: Mapping[str, Found]
    section: Section
    label: str


@dataclass(frozen=True)
class Listed:
    """A table of items as it was read; `marked`: `_seq` and `reason` of every row, null where it is kept."""

    source: Source
    facts: Facts
    marked: ir.Table
    figures: tuple[Figures, ...]

    @property
    def photo_folder(self) -> Path:
        """Where relative paths of photos start."""
        said = self.facts.section.items.folder
        return Path(said) if said is not None else self.source.folder


def list_items(bench: Workbench, section: Section, frame: object | None) -> Listed:
    """Read a table of items. Of rows with the same id the first is kept.

    Raises:
        DataError: the file, the id column or a mapped column is missing.
    """
    source = read_source(bench, "items", section.source, frame)
    vectors = {c.partition(".")[2]: c for c in source.columns if c.startswith("vectors.")} | section.vectors
    for name, column in vectors.items():
        if column not in source.columns:
            near = did_you_mean(column, source.columns)
            raise DataError(
                f"{source.label} has no column {column!r}, which [items.vectors] {name} names{near}"
            )
    section = replace(section, vectors=vectors)
    found = find_columns(section, source)
    used = {s for f in found.values() for s in f.sources}
    own = [c for c in source.columns if c not in used and c not in found]
    seen = select(bench, source, list(found.values()), own)
    marked = bench.keep("marked_items", mark_rows(seen), about=source.label)
    good = marked.filter(marked.reason.isnull()).select(_good=SEQ, _id="item_id")
    rows = seen.inner_join(good, seen[SEQ] == good._good).mutate(item_id="_id").drop("_good", "_id")
    rows = bench.keep("listed_items", rows, about=source.label)
    counted = count_columns(seen, found, _typed(seen, found, section))
    return Listed(source, Facts(rows, found, section, source.label), marked.select(SEQ, "reason"), counted)


def mark_rows(seen: ir.Table) -> ir.Table:
    """Return `_seq`, `item_id` and `reason` of every row of items: of equal ids the first is kept."""
    named = seen.select(SEQ, item_id=columns.text(seen.item_id))
    nth = ibis.row_number().over(group_by="item_id", order_by=SEQ)
    numbered = named.mutate(_nth=nth)
    reason = ibis.cases(
        (numbered.item_id.isnull(), NO_ITEM_ID), (numbered._nth > 0, REPEATED), else_=ibis.null("string")
    )
    return numbered.mutate(reason=reason).drop("_nth")


def read_items(facts: Facts) -> Items:
    """Return the items, one a row. A value that cannot be read is null; the item lives on its other fields.

    Raises:
        DataError: embeddings that are not numbers of one width.
    """
    found, section = facts.found, facts.section
    parsed = {name: value for name, value in _typed(facts.rows, found, section).items() if name != "item_id"}
    table = facts.rows.mutate(**parsed).order_by(SEQ).drop(SEQ).to_pyarrow()
    ready = section.vectors
    vectors = {name: values.embeddings(table[column], name, facts.label) for name, column in ready.items()}
    photos = _PHOTOS.empty_table()
    for name, f in found.items():
        if f.column.type == "list":
            parts = [table[part] for part in f.parts()]
            if name == "category":
                lists = values.paths(parts, section.items.category_separator)
            elif name == "image":
                shown = values.photos(parts)
                lists = pa.array([images[0] if images else None for images in shown], pa.string())
                photos = _further(table["item_id"].to_pylist(), shown)
            else:
                lists = values.attributes(parts, f.sources)
            table = table.drop_columns(f.parts()).append_column(name, lists)
    used = [c for c in ready.values() if c in table.column_names]
    return Items(table.drop_columns(used), vectors, photos)


def _further(ids: list[str], shown: list[list[str]]) -> pa.Table:
    rows = [(item, image) for item, images in zip(ids, shown, strict=True) for image in images[1:]]
    return pa.table({"item_id": [i for i, _ in rows], "image": [p for _, p in rows]}, _PHOTOS)


def placed(table: pa.Table, folder: Path) -> pa.Table:
    """Return a table whose paths of photos no longer depend on where they start; addresses stay as they are."""
    if "image" not in table.column_names:
        return table
    images = [i if not i or "://" in i else str(folder / i) for i in table["image"].to_pylist()]
    return table.set_column(table.column_names.index("image"), "image", pa.array(images, pa.string()))


def from_events(seen: ir.Table, read: ir.Table, found: Mapping[str, Found]) -> ir.Table:
    """Return what events say of each item, the most frequent value of each column, all as text.

    Rows that sell something are believed before those that do not: a stock correction says `damaged`.

    Args:
        seen: the columns of items found in the events, with the row number.
        read: the events as read: `_seq`, `item_id`, `quantity`, `price`, `reason`.
        found: the columns of items, without `item_id`.

    Returns:
        `_seq` (of the item's first event), `item_id`, and each column.
    """
    good = read.filter(read.reason.isnull())
    sells = ((good.quantity.fill_null(1.0) > 0) & (good.price.fill_null(1.0) > 0)).cast("int64")
    known = good.select(SEQ, "item_id", _sells=sells)
    result = known.group_by("item_id").aggregate(**{SEQ: known[SEQ].min()})
    for part in [part for f in found.values() for part in f.parts()]:
        said = known.inner_join(seen.select(SEQ, _value=columns.text(seen[part])), SEQ)
        said = said.filter(said._value.notnull())
        counts = said.group_by("item_id", "_value").aggregate(
            _sells=said._sells.sum(), _times=said.count(), _first=said[SEQ].min()
        )
        best = [ibis.desc("_sells"), ibis.desc("_times"), "_first"]
        ranked = counts.mutate(_rank=ibis.row_number().over(group_by="item_id", order_by=best))
        top = ranked.filter(ranked._rank == 0).select("item_id", **{part: "_value"})
        result = result.left_join(top, "item_id").drop("item_id_right")
    return result


def median_prices(good: ir.Table) -> ir.Table:
    """Return `item_id` and `price`: the median of what was paid for one."""
    paid = good.filter(good.price > 0)
    return paid.group_by("item_id").aggregate(price=paid.price.median())


def aligned(items: Items, ids: pa.Array) -> Items:
    """Return the items of these ids, in their order; ids of which nothing is known have nulls."""
    where = pc.index_in(ids, value_set=items.table["item_id"])
    table = items.table.drop_columns("item_id")
    rows = np.asarray(pc.fill_null(where, -1))
    vectors = {}
    for name, known in items.vectors.items():
        vectors[name] = np.full((len(ids), known.shape[1]), np.nan, np.float32)
        vectors[name][rows >= 0] = known[rows[rows >= 0]]
    photos = items.photos.filter(pc.is_in(items.photos["item_id"], value_set=ids))
    return Items(table.take(where), vectors, photos)


def first_seen(history: History, published: pa.ChunkedArray | None) -> npt.NDArray[np.float64]:
    """Return from when each item is known, float64 [N]: published or first sold, else -inf (always)."""
    first = np.full(history.num_items, np.inf)
    if history.clock != "none":
        np.minimum.at(first, history.item, history.time)
    if published is not None and history.clock == "calendar":
        first = np.fmin(first, pc.fill_null(published.cast(pa.float64()), float("nan")).to_numpy())
    first[np.isinf(first)] = -np.inf
    return first


def _typed(rows: ir.Table, found: Mapping[str, Found], section: Section) -> dict[str, ir.Value]:
    pattern = section.source.timestamp_format
    return {name: typed(rows[name], f, pattern) for name, f in found.items() if f.column.type != "list"}
