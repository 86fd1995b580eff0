"""What comes back from a task: tables of answers, with notes on what the asker should know."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import pyarrow as pa
from rich.table import Table

from shelfspace.errors import MissingExtraError

Value = str | float | bool | Sequence[str] | None

TEXTS = pa.list_(pa.string())

WHY = pa.list_(
    pa.struct(
        [("part", pa.string()), ("item_id", pa.string()), ("title", pa.string()), ("amount", pa.float32())]
    )
)
PARTS = pa.list_(pa.struct([("part", pa.string()), ("amount", pa.float32())]))


@dataclass(frozen=True)
class Why:
    """One additive part of a score: the model it comes from and, where there is one, the past item."""

    part: str
    item_id: str | None
    title: str | None
    amount: float


class Hit(NamedTuple):
    """One answer.

    subject: what it answers;  rank: from 1;  id: of an item, or of what else the task names;  title: what to show;
    score: higher is better;  why: what the score is made of, empty unless asked for;
    more: what else the task says of it, the same names in every hit.
    """

    subject: str
    rank: int
    id: str
    title: str
    score: float
    why: tuple[Why, ...] = ()
    more: Mapping[str, Value] = MappingProxyType({})

    @property
    def item_id(self) -> str:
        """The item's id."""
        return self.id


@dataclass(frozen=True)
class Hits:
    """Answers in order, for one subject or for many.

    hits: the answers;
    notes: what the asker should know, such as which fallback answered or why there are fewer than k;
    named: the name of the column of ids: `item_id`, or `user_id` where shoppers are answered;
    beside: what is said of the answer as a whole, such as `facets`, as plain data;
    more: the types of what else each says, by name;  why: whether each says what its score is made of.

    Example:
        >>> hits = space.similar("sku-42", k=5)  # doctest: +SKIP
        >>> [hit.item_id for hit in hits]  # doctest: +SKIP
    """

    hits: Sequence[Hit]
    notes: tuple[str, ...] = field(default=())
    named: str = "item_id"
    beside: Mapping[str, Any] = field(default_factory=dict)
    more: Mapping[str, pa.DataType] = field(default_factory=dict)
    why: bool = False

    @classmethod
    def of(
        cls,
        hits: Sequence[Hit],
        notes: Sequence[str] = (),
        *,
        why: bool = False,
        named: str = "item_id",
        more: Mapping[str, pa.DataType] | None = None,
        beside: Mapping[str, Any] | None = None,
    ) -> "Hits":
        """Collect single answers; `more` are the types of what else each says."""
        return cls(hits, tuple(dict.fromkeys(notes)), named, beside or {}, more or {}, why)

    @classmethod
    def joined(cls, several: Sequence["Hits"]) -> "Hits":
        """Put answers to several subjects one after the other."""
        notes = dict.fromkeys(note for hits in several for note in hits.notes)
        first, every = several[0], [hit for hits in several for hit in hits]
        return cls(every, tuple(notes), first.named, first.beside, first.more, first.why)

    @cached_property
    def table(self) -> pa.Table:
        """The answers as a table.

        Columns `subject`, `rank` (from 1), `item_id`, `title`, `score` (higher is closer), what else the task says
        and, where asked for, `why` (list of part, item_id, title, amount; the amounts sum to the score).
        """
        columns: dict[str, pa.Array] = {
            "subject": pa.array([hit.subject for hit in self.hits], pa.string()),
            "rank": pa.array([hit.rank for hit in self.hits], pa.int32()),
            self.named: pa.array([hit.id for hit in self.hits], pa.string()),
            "title": pa.array([hit.title for hit in self.hits], pa.string()),
            "score": pa.array([hit.score for hit in self.hits], pa.float32()),
        }
        for name, kind in self.more.items():
            columns[name] = pa.array([hit.more[name] for hit in self.hits], kind)
        if self.why:
            columns["why"] = pa.array([[vars(part) for part in hit.why] for hit in self.hits], WHY)
        return pa.table(columns)

    def __len__(self) -> int:
        return len(self.hits)

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)

    def __repr__(self) -> str:
        lines = [f"{h.rank:>3}  {h.score:8.4f}  {h.id}  {h.title[:60]}" for h in self]
        return "\n".join([f"Hits({len(self)})", *lines[:20], *(["…"] if len(lines) > 20 else [])])

    def to_frame(self, library: Literal["pandas", "polars"] = "pandas") -> Any:
        """Return a data frame of the library named.

        Raises:
            MissingExtraError: the library is not installed.
        """
        return frame_of(self.table, library)

    def to_json(self) -> str:
        """Return `{"hits": [...], "notes": [...]}` and what is said beside them, snake_case, in the order of rank."""
        return json.dumps(self.to_dict(), ensure_ascii=False)

    def to_dict(self) -> dict[str, Any]:
        """Return what `to_json` writes, as plain data."""
        if self.more or self.why:
            rows = list(map(self._row, self.hits))
        else:
            names = ("subject", "rank", self.named, "title", "score")
            rows = [dict(zip(names, hit, strict=False)) for hit in self.hits]
        return {"hits": rows, "notes": list(self.notes), **self.beside}

    def _row(self, hit: Hit) -> dict[str, Any]:
        row = {
            "subject": hit.subject,
            "rank": hit.rank,
            self.named: hit.id,
            "title": hit.title,
            "score": hit.score,
            **{name: hit.more[name] for name in self.more},
        }
        return row | {"why": [vars(part) for part in hit.why]} if self.why else row

    def _told(self) -> list[str]:
        """Return the columns that say something: not one subject of all, titles that are the ids, or nothing at all."""
        told = []
        for name in (n for n in self.table.column_names if n != "why"):
            values = self.table[name].to_pylist()
            empty = not any(value not in (None, []) for value in values)
            same = name == "title" and values == self.table[self.named].to_pylist()
            if name in ("rank", self.named) or not (
                empty or same or (name == "subject" and len(set(values)) == 1)
            ):
                told.append(name)
        return told

    def to_table(self, title: str | None = None) -> Table:
        """Return a table for the terminal."""
        names = self._told()
        table = Table(title=title, title_justify="left", header_style="bold")
        for name in names:
            numeric = self.table.schema.field(name).type not in (pa.string(), TEXTS)
            width = {"title": 12, self.named: 6}.get(name)
            table.add_column(name, justify="right" if numeric else "left", overflow="fold", min_width=width)
        if "why" in self.table.column_names:
            table.add_column("why", overflow="fold")
        for row in self.table.to_pylist():
            cells = [_shown(row[name]) for name in names]
            if "why" in row:
                cells.append("\n".join(_said(Why(**part)) for part in row["why"][:4]))
            table.add_row(*cells)
        return table


def frame_of(table: pa.Table, library: Literal["pandas", "polars"] = "pandas") -> Any:
    """Return a data frame of the library named.

    Raises:
        MissingExtraError: the library is not installed.
    """
    try:
        return _polars(table) if library == "polars" else table.to_pandas()
    except ImportError:
        raise MissingExtraError(library, library) from None


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return "\n".join(map(str, value))
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _said(part: Why) -> str:
    source = f" from {part.title or part.item_id}" if part.item_id else ""
    return f"{part.amount:+.4f} {part.part}{source}"


def _polars(table: pa.Table) -> Any:
    import polars  # noqa: PLC0415  (a caller's choice, not a dependency)

    return polars.from_arrow(table)
