"""Where vectors are looked up: one contract, named by address."""

from urllib.parse import parse_qsl

from shelfspace.config import checked
from shelfspace.errors import ConfigError, did_you_mean
from shelfspace.index.exact import Exact
from shelfspace.index.hnsw import HNSW
from shelfspace.index.protocol import Found, Index

INDEXES: dict[str, type[Exact] | type[HNSW]] = {"exact": Exact, "hnsw": HNSW}


def open_index(address: str, dim: int) -> Index:
    """Return an empty index for vectors of `dim` numbers.

    Args:
        address: a name of `INDEXES`, with settings after a question mark: `hnsw?connectivity=32`.
        dim: D.

    Raises:
        ConfigError: an unknown name or setting, a value of the wrong type, or a store that is not available.

    Example:
        >>> open_index("hnsw?connectivity=32", 64).dim
        64
    """
    if "://" in address:
        scheme = address.partition("://")[0]
        raise ConfigError(
            f"[index] use: a store at {scheme}:// is not available; available are {sorted(INDEXES)}"
        )
    name, _, query = address.partition("?")
    if name not in INDEXES:
        raise ConfigError(
            f"[index] use = {address!r} is unknown{did_you_mean(name, INDEXES)}; known: {sorted(INDEXES)}"
        )
    settings = {key: _number(value) for key, value in parse_qsl(query, keep_blank_values=True)}
    return INDEXES[name](dim, **checked(INDEXES[name], settings, f"index {name}"))


def _number(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdigit() else text


__all__ = ["HNSW", "INDEXES", "Exact", "Found", "Index", "open_index"]
