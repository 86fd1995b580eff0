"""Things that belong together, as `match` finds them: tables of members and of pairs."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Literal

import pyarrow as pa
from rich.table import Table

from shelfspace.tasks.results import PARTS, frame_of


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
