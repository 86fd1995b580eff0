"""How many answers have which value of a column: what a shop shows beside a list to narrow it by."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from shelfspace.errors import InputError, did_you_mean
from shelfspace.inputs.columns import texts_of
from shelfspace.shop.catalogue import Catalogue
from shelfspace.tasks.where import Mask

MAX_VALUES = 50
"""Values of a column that are told."""


def columns_of(facets: str | None, catalogue: Catalogue) -> list[str]:
    """Read `brand,category`.

    Raises:
        InputError: the catalogue has no such column, or it holds numbers.
    """
    names = [name.strip() for name in (facets or "").split(",") if name.strip()]
    known = catalogue.table.column_names
    for name in names:
        if name not in known:
            raise InputError(
                f"facets: the catalogue has no column {name!r}{did_you_mean(name, known)}; known: {known}"
            )
        kind = catalogue.table.schema.field(name).type
        if pa.types.is_floating(kind) or pa.types.is_integer(kind):
            raise InputError(
                f"facets: {name} is a number; count a column of names, and filter by {name} with where"
            )
    return names


def counted(columns: Sequence[str], catalogue: Catalogue, among: Mask) -> dict[str, dict[str, int]]:
    """Return for each column its values among some items, and how many have it, the most frequent first."""
    found = {}
    for name in columns:
        column = catalogue.table[name].filter(pa.array(among))
        _, values = texts_of(column, name)
        pairs = [(str(pair["values"]), int(pair["counts"])) for pair in pc.value_counts(values).to_pylist()]
        found[name] = dict(sorted(pairs, key=lambda pair: (-pair[1], pair[0]))[:MAX_VALUES])
    return found
