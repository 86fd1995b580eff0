"""Labels of listings, as `classify` foretells them: a table, with notes on what the asker should know."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pyarrow as pa
from rich.table import Table

from shelfspace.tasks.results import PARTS, frame_of

SCHEMA = pa.schema(
    [
        ("subject", pa.string()),
        ("title", pa.string()),
        ("column", pa.string()),
        ("rank", pa.int32()),
        ("label", pa.string()),
        ("score", pa.float32()),
        ("given", pa.string()),
    ]
)


@dataclass(frozen=True)
class Label:
    """One label of one listing.

    `label` is None where nothing is sure enough; `given` is what the listing says; `why` is empty unless asked for.
    """

    subject: str
    title: str
    column: str
    rank: int
    label: str | None
    score: float
    given: str | None = None
    why: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Labels:
    """Labels of listings, column by column.

    table: columns `subject`, `title`, `column`, `rank` (from 1), `label` (null where it abstains; steps of a path with
        ` > ` between), `score` (the chance that it is right; where it abstains, that of the likeliest), `given` (what
        the listing says, or null) and, where asked for, `why` (list of part, amount);
    notes: what the asker should know.

    Example:
        >>> labels = space.classify()  # doctest: +SKIP
        >>> [one.label for one in labels]  # doctest: +SKIP
    """

    table: pa.Table
    notes: tuple[str, ...] = field(default=())

    @classmethod
    def of(cls, labels: Sequence[Label], notes: Sequence[str] = (), *, why: bool = False) -> "Labels":
        """Collect single labels."""
        columns = {name: [getattr(one, name) for one in labels] for name in SCHEMA.names}
        table = pa.table(columns, schema=SCHEMA)
        if why:
            parts = [[{"part": part, "amount": amount} for part, amount in one.why] for one in labels]
            table = table.append_column("why", pa.array(parts, PARTS))
        return cls(table, tuple(dict.fromkeys(notes)))

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __iter__(self) -> Iterator[Label]:
        for row in self.table.to_pylist():
            parts = tuple((part["part"], part["amount"]) for part in row.pop("why", None) or ())
            yield Label(**row, why=parts)

    def __repr__(self) -> str:
        lines = [
            f"{one.score:6.2f}  {one.subject}  {one.title[:40]}  {one.column}: {one.label or '–'}"
            for one in self
        ]
        return "\n".join([f"Labels({len(self)})", *lines[:20], *(["…"] if len(lines) > 20 else [])])

    def to_frame(self, library: Literal["pandas", "polars"] = "pandas") -> Any:
        """Return a data frame of the library named.

        Raises:
            MissingExtraError: the library is not installed.
        """
        return frame_of(self.table, library)

    def to_json(self) -> str:
        """Return `{"labels": [...], "notes": [...]}`, snake_case."""
        return json.dumps({"labels": self.table.to_pylist(), "notes": list(self.notes)}, ensure_ascii=False)

    def to_table(self, title: str | None = None) -> Table:
        """Return a table for the terminal."""
        table = Table(title=title, title_justify="left", header_style="bold")
        why = "why" in self.table.column_names
        for name in (*SCHEMA.names, *(["why"] if why else [])):
            table.add_column(name, justify="right" if name in ("rank", "score") else "left", overflow="fold")
        for one in self:
            said = [one.subject, one.title, one.column, str(one.rank), one.label or "–", f"{one.score:.2f}"]
            said.append(one.given or "–")
            said += ["\n".join(f"{amount:+.2f} {part}" for part, amount in one.why)] if why else []
            table.add_row(*said)
        return table
