"""The tables of a shop as they were read, and the catalogue that they make."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.cleaning import CleanSettings
from shelfspace.shop.duplicates import joined, near_duplicates
from shelfspace.shop.eventlog import EventLog
from shelfspace.shop.history import History
from shelfspace.shop.ids import Ids
from shelfspace.shop.items import Facts, Items, Listed, first_seen, median_prices, placed
from shelfspace.shop.judging import Judged
from shelfspace.shop.quarantine import Marked
from shelfspace.shop.sections import Section
from shelfspace.shop.tables import OtherTable


@dataclass(frozen=True)
class Tables:
    """The tables of a shop; `items` says where the catalogue is, be it in the events."""

    log: EventLog | None
    listed: Listed | None
    others: dict[str, OtherTable]
    items: Section

    @property
    def photo_folder(self) -> Path:
        """Where relative paths of photos of items start."""
        return self.listed.photo_folder if self.listed is not None else Path()

    def marked(self, judged: Judged | None = None) -> list[Marked]:
        """Return what became of the rows of every table; of events after judging, where they were judged."""
        marked = [Marked(name, t.source, t.marked) for name, t in self.others.items()]
        if self.listed is not None:
            marked.append(Marked("items", self.listed.source, self.listed.marked))
        if self.log is not None:
            rows = self.log.read if judged is None else judged.rows
            marked += [Marked("events", p.source, rows, p.offset) for p in self.log.parts]
        return marked


def usable(tables: Tables, items: Items) -> dict[str, pa.Table]:
    """Return the rows of the other tables; the photos of items after the first are among `photos`."""
    rows = {name: placed(other.table, other.source.folder) for name, other in tables.others.items()}
    if len(items.photos):
        photos = placed(items.photos, tables.photo_folder)
        said = [rows["photos"]] if "photos" in rows else []
        rows["photos"] = pa.concat_tables([photos, *said], promote_options="default")
    return rows


def catalogue_of(
    tables: Tables,
    items: Items,
    known: Facts,
    judged: Judged | None,
    ids: pa.Array,
    history: History,
    clean: CleanSettings,
) -> Catalogue:
    """Return the catalogue of these ids: what is listed, the usual price where none is, and what is listed twice."""
    table = placed(items.table, tables.photo_folder)
    if (
        judged is not None
        and "price" not in known.found
        and tables.log is not None
        and tables.log.has("price")
    ):
        prices = median_prices(judged.rows.filter(judged.rows.reason.isnull())).to_pyarrow()
        where = pc.index_in(ids, value_set=prices["item_id"].combine_chunks())
        known_columns = {name: table[name] for name in table.column_names}
        table = pa.table(known_columns | {"price": prices["price"].take(where)})
    titles = table["title"].to_pylist() if "title" in table.column_names else None
    named = Ids(ids, "item")
    duplicates = np.arange(len(ids), dtype=np.int32)
    if titles and clean.duplicate_listings:
        duplicates = near_duplicates(titles)
    if "matches" in tables.others:
        duplicates = joined(duplicates, *_said_to_be_one(tables.others["matches"].table, named))
    return Catalogue(
        ids=named,
        table=table,
        first_seen=first_seen(history, table["published"] if "published" in table.column_names else None),
        duplicates=duplicates,
        vectors=items.vectors,
    )


def _said_to_be_one(matches: pa.Table, ids: Ids) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Return the rows of pairs that are labelled as one product; not those that are kept for a test."""
    told = matches.filter(matches["label"])
    if "split" in told.column_names:
        split = pc.fill_null(pc.utf8_lower(told["split"]), "train")
        told = told.filter(pc.not_equal(split, "test"))
    left, right = (ids.rows(told[name].combine_chunks()) for name in ("left_id", "right_id"))
    known = (left >= 0) & (right >= 0)
    return left[known], right[known]
