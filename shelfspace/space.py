"""The noun that users hold: a space, and each task as its method."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from shelfspace.holding import Holding
from shelfspace.tasks.ads import ads
from shelfspace.tasks.bundle import bundle
from shelfspace.tasks.classify import classify
from shelfspace.tasks.heat_map import heat_map
from shelfspace.tasks.match import match
from shelfspace.tasks.people import people
from shelfspace.tasks.recommend import recommend
from shelfspace.tasks.ruled import check_rules
from shelfspace.tasks.search import search
from shelfspace.tasks.similar import similar


class Space(Holding):
    """A trained space that answers.

    Example:
        >>> import shelfspace as ss  # doctest: +SKIP
        >>> space = ss.open("runs/shop")  # doctest: +SKIP
        >>> space.similar("sku-42", k=5).to_frame()  # doctest: +SKIP
    """

    bundle = bundle
    ads = ads
    classify = classify
    heat_map = heat_map
    match = match
    people = people
    recommend = recommend
    search = search
    similar = similar

    def __post_init__(self) -> None:
        check_rules(self.rules, self.catalogue, self.history.clock)

    def export(self, to: str | Path) -> int:
        """Write every item's vector to a Parquet file: `item_id`, `title`, `vector` (float32 [embedding_dim]).

        Returns:
            The number of rows written. O(N D) time, blocks of 65,536 rows in memory.
        """
        dim = self.vectors.shape[1]
        schema = pa.schema(
            [("item_id", pa.string()), ("title", pa.string()), ("vector", pa.list_(pa.float32(), dim))]
        )
        ids, titles = self.catalogue.ids.array, pa.array(self.titles, pa.string())
        with pq.ParquetWriter(to, schema, compression="zstd") as writer:
            for start in range(0, len(ids), 65_536):
                block = self.vectors[start : start + 65_536]
                vectors = pa.FixedSizeListArray.from_arrays(pa.array(block.reshape(-1)), dim)
                columns = [ids.slice(start, len(block)), titles.slice(start, len(block)), vectors]
                writer.write_table(pa.table(columns, schema=schema))
        return len(ids)
