"""What the settings say of each table: where it is, and which of its columns are which of the contract."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from shelfspace import config
from shelfspace.errors import ConfigError
from shelfspace.shop.schema import TABLES, TableSchema

Mapped = dict[str, str | list[str]]
"""Column of the contract -> column of the source, an expression, or (for lists) several of them."""


@dataclass(frozen=True, kw_only=True)
class SourceSettings:
    """Where a table is: a file, folder, glob or database address, and how it is written.

    path: relative to the settings file, or absolute; `postgresql://…`, `sqlite:///…` for a database;
    format: csv, jsonl, parquet or adjacency, where the name of the file does not say it;
    table: the table (`schema.table`) behind a database address;
    encoding, delimiter: of text files (`latin-1`, `gbk`; `;`);
    timestamp_format: of written times that are not ISO, after strftime: `%d/%m/%Y %H:%M`.
    """

    path: str | None = None
    format: Literal["csv", "jsonl", "parquet", "adjacency"] | None = None
    table: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    timestamp_format: str | None = None


@dataclass(frozen=True, kw_only=True)
class EventSettings:
    """What [events] says beside its columns.

    weights: what an event counts for by its kind; kinds not named count 1, kinds of weight 0 are left out;
    session_gap: a pause that ends a session, where no session or basket is given.
    """

    weights: dict[str, float] = field(default_factory=dict)
    session_gap: str = "30m"


@dataclass(frozen=True, kw_only=True)
class ItemSettings:
    """What [items] says beside its columns.

    category_separator: what stands between the levels of a category path; found out where not given;
    folder: where relative photo paths start; else beside the items file.
    """

    category_separator: str | None = None
    folder: str | None = None


@dataclass(frozen=True)
class Section:
    """One table's section of the settings, checked: its source, its mapped columns, and what else it says."""

    name: str
    source: SourceSettings
    columns: Mapped = field(default_factory=dict)
    vectors: dict[str, str] = field(default_factory=dict)
    from_events: bool = False
    events: EventSettings = EventSettings()
    items: ItemSettings = ItemSettings()

    @property
    def schema(self) -> TableSchema:
        """The table of the contract that the section is about."""
        return TABLES[self.name]


def section(name: str, given: Mapping[str, Any]) -> Section:
    """Return a table's section of the settings, every key known and every value of its type.

    Raises:
        ConfigError: naming the key, with the nearest spelling.

    Example:
        >>> section("events", {"path": "orders.csv", "item_id": "StockCode"}).columns
        {'item_id': 'StockCode'}
    """
    own: dict[str, type] = {"events": EventSettings, "items": ItemSettings}
    own_keys = list(own[name].__annotations__) if name in own else []
    source_keys, columns = list(SourceSettings.__annotations__), TABLES[name].names
    extra = ["from", "vectors"] if name == "items" else []
    config.refuse_unknown(given, [*source_keys, *own_keys, *extra, *columns], name)
    if given.get("from", "events") != "events":
        raise ConfigError(f"[{name}] from = {given['from']!r} is unknown; known: 'events'")

    def part(keys: list[str]) -> dict[str, Any]:
        return {k: v for k, v in given.items() if k in keys}

    return Section(
        name=name,
        source=SourceSettings(**config.checked(SourceSettings, part(source_keys), name)),
        columns=_mapped(name, part(columns)),
        vectors=_vectors(given.get("vectors", {})),
        from_events="from" in given,
        **({name: own[name](**config.checked(own[name], part(own_keys), name))} if name in own else {}),
    )


def folder_config(path: str | Path) -> config.Table:
    """Return the settings of a folder that holds a shop under the standard names, such as `events.csv`.

    Each table is a file, or a folder of files, named after it. Without an `items` table, items are derived
    from the events.

    Raises:
        ConfigError: it is not a folder, or there is neither an `events` nor an `items` table in it.
    """
    folder = Path(path).expanduser().resolve()
    if not folder.is_dir():
        raise ConfigError(f"no folder at {folder}")
    found: config.Table = {}
    for entry in sorted(folder.iterdir()):
        name = entry.name.split(".")[0].lower()
        if name not in TABLES or entry.name.startswith("."):
            continue
        if name in found:
            raise ConfigError(
                f"{folder} holds two tables named {name!r}: "
                f"{Path(found[name]['path']).name} and {entry.name}; keep one"
            )
        found[name] = {"path": str(entry)}
    if not {"events", "items"} & set(found):
        raise ConfigError(
            f"{folder} holds no table of a shop; expected files such as events.csv or items.parquet"
        )
    if "items" not in found:
        found["items"] = {"from": "events"}
    return found


def _mapped(name: str, given: Mapping[str, Any]) -> Mapped:
    for key, value in given.items():
        several = TABLES[name].column(key).type == "list"
        texts = value if isinstance(value, list) and several else [value]
        if not texts or not all(isinstance(t, str) and t.strip() for t in texts):
            wanted = "a column, or a list of columns" if several else "a column or an expression, as text"
            raise ConfigError(f"[{name}] {key} = {value!r} is not {wanted}")
    return dict(given)


def _vectors(given: Any) -> dict[str, str]:
    if not isinstance(given, Mapping) or not all(isinstance(v, str) for v in given.values()):
        raise ConfigError(f"[items] vectors = {given!r} is not a table of names and columns")
    return dict(given)
