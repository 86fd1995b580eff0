"""Where vectors are looked up: one contract, named by address."""

from shelfspace.config import checked, extra
from shelfspace.errors import ConfigError, did_you_mean
from shelfspace.index.address import settings_in, without_secrets
from shelfspace.index.exact import Exact
from shelfspace.index.hnsw import HNSW
from shelfspace.index.protocol import Found, Index

INDEXES: dict[str, type[Exact] | type[HNSW]] = {"exact": Exact, "hnsw": HNSW}
STORES = {
    "postgresql": ("shelfspace.index.pgvector", "PgVector", "pgvector", "'shelfspace[postgres]'"),
    "qdrant": ("shelfspace.index.qdrant", "Qdrant", "qdrant-client", "'shelfspace[qdrant]'"),
    "milvus": ("shelfspace.index.milvus", "Milvus", "pymilvus", "'shelfspace[milvus]'"),
}
"""Stores by scheme: our module, its class, the package that it needs, and what installs it."""


def open_index(address: str, dim: int) -> Index:
    """Return an empty index for vectors of `dim` numbers; a store is not connected to before it is used.

    Args:
        address: a name of `INDEXES`, with settings after a question mark: `hnsw?connectivity=32`; or a store:
            `postgresql://user@host/database?table=items`, `qdrant://host:6333/items`,
            `qdrant:///folder?collection=items`, `milvus://host:19530/items`, `milvus:///file.db?collection=items`.
        dim: D.

    Raises:
        ConfigError: an unknown name or setting, a value of the wrong type, or a store that is not known.
        MissingExtraError: the driver of the store is not installed.

    Example:
        >>> open_index("hnsw?connectivity=32", 64).dim
        64
    """
    scheme, there, _ = address.partition("://")
    if there and scheme not in STORES:
        raise ConfigError(
            f"[index] use: a store at {scheme}:// is not known{did_you_mean(scheme, STORES)}; known: "
            f"{sorted(STORES)}"
        )
    if there:
        module, part, package, install = STORES[scheme]
        opened: Index = getattr(extra(module, package, install), part).at(address, dim)
        return opened
    name, _, query = address.partition("?")
    if name not in INDEXES:
        raise ConfigError(
            f"[index] use = {address!r} is unknown{did_you_mean(name, INDEXES)}; known: {sorted(INDEXES)}"
        )
    return INDEXES[name](dim, **checked(INDEXES[name], settings_in(query), f"index {name}"))


__all__ = ["HNSW", "INDEXES", "STORES", "Exact", "Found", "Index", "open_index", "without_secrets"]
