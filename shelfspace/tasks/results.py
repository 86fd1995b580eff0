"""What comes back from a task: tables of answers, with notes on what the asker should know."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Literal

import pyarrow as pa
from rich.table import Table

from shelfspace.errors import MissingExtraError

WHY = pa.list_(
    pa.struct(
        [("part", pa.string()), ("item_id", pa.string()), ("title", pa.string()), ("amount", pa.float32())]
    )
)
SCHEMA = pa.schema(
    [
        ("subject", pa.string()),
        ("rank", pa.int32()),
        ("item_id", pa.string()),
        ("title", pa.string()),
        ("score", pa.float32()),
    ]
)


@dataclass(frozen=True)
class Why:
    """One additive part of a score: the model it comes from and, where there is one, the past item."""

    part: str
    item_id: str | None
    title: str | None
    amount: float


@dataclass(frozen=True)
class Hit:
    """One answer. `subject` is what it answers; `why` is empty unless asked for."""

    subject: str
    rank: int
    item_id: str
    title: str
    score: float
    why: tuple[Why, ...] = ()


@dataclass(frozen=True)
class Hits:
    """Answers in order, for one subject or for many.

    table: columns `subject`, `rank` (from 1), `item_id`, `title`, `score` (higher is closer) and, where asked for,
        `why` (list of part, item_id, title, amount; the amounts sum to the score);
    notes: what the asker should know, such as which fallback answered or why there are fewer than k.

    Example:
        >>> hits = space.similar("sku-42", k=5)  # doctest: +SKIP
        >>> [hit.item_id for hit in hits]  # doctest: +SKIP
    """

    table: pa.Table
    notes: tuple[str, ...] = field(default=())

    @classmethod
    def of(cls, hits: Sequence[Hit], notes: Sequence[str] = (), *, why: bool = False) -> "Hits":
        """Collect single answers."""
        columns = {name: [getattr(hit, name) for hit in hits] for name in SCHEMA.names}
        table = pa.table(columns, schema=SCHEMA)
        if why:
            parts = [[vars(part) for part in hit.why] for hit in hits]
            table = table.append_column("why", pa.array(parts, WHY))
        return cls(table, tuple(dict.fromkeys(notes)))

    @classmethod
    def joined(cls, several: Sequence["Hits"]) -> "Hits":
        """Put answers to several subjects one after the other."""
        notes = dict.fromkeys(note for hits in several for note in hits.notes)
        return cls(pa.concat_tables([hits.table for hits in several]), tuple(notes))

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __iter__(self) -> Iterator[Hit]:
        for row in self.table.to_pylist():
            parts = tuple(Why(**part) for part in row.pop("why", None) or ())
            yield Hit(**row, why=parts)

    def __repr__(self) -> str:
        lines = [f"{h.rank:>3}  {h.score:8.4f}  {h.item_id}  {h.title[:60]}" for h in self]
        return "\n".join([f"Hits({len(self)})", *lines[:20], *(["…"] if len(lines) > 20 else [])])

    def to_frame(self, library: Literal["pandas", "polars"] = "pandas") -> Any:
        """Return a data frame of the library named.

        Raises:
            MissingExtraError: the library is not installed.
        """
        return frame_of(self.table, library)

    def to_json(self) -> str:
        """Return `{"hits": [...], "notes": [...]}`, snake_case, in the order of rank."""
        return json.dumps({"hits": self.table.to_pylist(), "notes": list(self.notes)}, ensure_ascii=False)

    def to_table(self, title: str | None = None) -> Table:
        """Return a table for the terminal."""
        several = len(set(self.table["subject"].to_pylist())) > 1
        table = Table(title=title, title_justify="left", header_style="bold")
        for name in (["subject"] if several else []) + ["rank", "item_id", "title", "score"]:
            table.add_column(name, justify="right" if name in ("rank", "score") else "left", overflow="fold")
        if "why" in self.table.column_names:
            table.add_column("why", overflow="fold")
        for hit in self:
            row = [str(hit.rank), hit.item_id, hit.title, f"{hit.score:.4f}"]
            if "why" in self.table.column_names:
                row.append("\n".join(_said(part) for part in hit.why[:4]))
            table.add_row(*([hit.subject] if several else []), *row)
        return table


@dataclass(frozen=True)
class Member:
    """One listing of a group: `catalogue` is `own` or `other`, `score` the chance of its likeliest pair."""

    group: int
    item_id: str
    title: str
    catalogue: str
    score: float


@dataclass(frozen=True)
class Paired:
    """Two listings, the chance that they are one, and whether they are in one group; `why` is empty unless asked."""

    left_id: str
    right_id: str
    left_title: str
    right_title: str
    score: float
    same: bool
    left_price: float | None = None
    right_price: float | None = None
    left_image: str | None = None
    right_image: str | None = None
    why: tuple[tuple[str, float], ...] = ()


MEMBERS = pa.schema(
    [
        ("group", pa.int32()),
        ("item_id", pa.string()),
        ("title", pa.string()),
        ("catalogue", pa.string()),
        ("score", pa.float32()),
    ]
)
PARTS = pa.list_(pa.struct([("part", pa.string()), ("amount", pa.float32())]))
PAIRED = pa.schema(
    [
        ("left_id", pa.string()),
        ("right_id", pa.string()),
        ("left_title", pa.string()),
        ("right_title", pa.string()),
        ("score", pa.float32()),
        ("same", pa.bool_()),
        ("left_price", pa.float64()),
        ("right_price", pa.float64()),
        ("left_image", pa.string()),
        ("right_image", pa.string()),
        ("why", PARTS),
    ]
)


@dataclass(frozen=True)
class Groups:
    """Things that belong together.

    table: columns `group` (from 1), `item_id`, `title`, `catalogue` (`own` or `other`), `score`;
    pairs: columns `left_id`, `right_id`, `left_title`, `right_title`, `score`, `same`, prices, images, `why`: those of
        the groups and those that came near, the likeliest first;
    notes: what the asker should know.

    Example:
        >>> groups = space.match()  # doctest: +SKIP
        >>> groups.pairs.to_pandas()  # doctest: +SKIP
    """

    table: pa.Table
    pairs: pa.Table
    notes: tuple[str, ...] = field(default=())

    @classmethod
    def of(cls, members: Sequence[Member], pairs: Sequence[Paired], notes: Sequence[str] = ()) -> "Groups":
        """Collect members and pairs."""
        table = {name: [getattr(one, name) for one in members] for name in MEMBERS.names}
        columns: dict[str, list[Any]] = {
            name: [getattr(pair, name) for pair in pairs] for name in PAIRED.names
        }
        columns["why"] = [[{"part": p, "amount": a} for p, a in pair.why] for pair in pairs]
        return cls(
            pa.table(table, schema=MEMBERS), pa.table(columns, schema=PAIRED), tuple(dict.fromkeys(notes))
        )

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __iter__(self) -> Iterator[list[Member]]:
        members = [Member(**row) for row in self.table.to_pylist()]
        for _, group in groupby(members, key=lambda member: member.group):
            yield list(group)

    def __repr__(self) -> str:
        lines = [" = ".join(f"{m.item_id} {m.title[:40]}" for m in group) for group in self]
        return "\n".join([f"Groups({len(lines)})", *lines[:20], *(["…"] if len(lines) > 20 else [])])

    def to_frame(self, library: Literal["pandas", "polars"] = "pandas") -> Any:
        """Return the members as a data frame of the library named; those of `pairs` come by `pairs.to_pandas()`.

        Raises:
            MissingExtraError: the library is not installed.
        """
        return frame_of(self.table, library)

    def to_json(self) -> str:
        """Return `{"groups": [[...], ...], "pairs": [...], "notes": [...]}`, snake_case."""
        groups = [[vars(member) for member in group] for group in self]
        found = {"groups": groups, "pairs": self.pairs.to_pylist(), "notes": list(self.notes)}
        return json.dumps(found, ensure_ascii=False)

    def to_table(self, title: str | None = None) -> Table:
        """Return a table for the terminal."""
        table = Table(title=title, title_justify="left", header_style="bold")
        other = "other" in self.table["catalogue"].to_pylist()
        why = self._why()
        names = [
            "group",
            "item_id",
            "title",
            *(["catalogue"] if other else []),
            "score",
            *(["why"] if why else []),
        ]
        for name in names:
            table.add_column(name, justify="right" if name in ("group", "score") else "left", overflow="fold")
        for group in self:
            for n, m in enumerate(group):
                said = [m.item_id, m.title, *([m.catalogue] if other else []), f"{m.score:.2f}"]
                said += [why.get(m.item_id, "")] if why else []
                table.add_row(str(m.group) if n == 0 else "", *said, end_section=n == len(group) - 1)
        return table

    def _why(self) -> dict[str, str]:
        """Return the largest parts of each listing's likeliest pair, where they were asked for."""
        found: dict[str, str] = {}
        for pair in self.pairs.to_pylist():
            text = "\n".join(f"{part['amount']:+.2f} {part['part']}" for part in pair["why"][:3])
            for end in (pair["left_id"], pair["right_id"]):
                if text:
                    found.setdefault(end, text)
        return found


def frame_of(table: pa.Table, library: Literal["pandas", "polars"] = "pandas") -> Any:
    """Return a data frame of the library named.

    Raises:
        MissingExtraError: the library is not installed.
    """
    try:
        return _polars(table) if library == "polars" else table.to_pandas()
    except ImportError:
        raise MissingExtraError(library, library) from None


def _said(part: Why) -> str:
    source = f" from {part.title or part.item_id}" if part.item_id else ""
    return f"{part.amount:+.4f} {part.part}{source}"


def _polars(table: pa.Table) -> Any:
    import polars  # noqa: PLC0415  (a caller's choice, not a dependency)

    return polars.from_arrow(table)
