"""Another catalogue than the space's own, read to be asked about."""

from shelfspace import config
from shelfspace.shop.catalogue import Catalogue


def catalogue_at(path: str) -> Catalogue:
    """Read an items file, or the [items] of a settings file, which maps their columns.

    Raises:
        ConfigError, DataError: it cannot be read.
    """
    items = config.load(path).get("items", {}) if path.endswith(".toml") else {"path": path}
    # answering loads no database, but for this
    reading = config.extra("shelfspace.shop.reading", "duckdb", "shelfspace")
    catalogue: Catalogue = reading.read_shop({"items": items}).catalogue
    return catalogue
