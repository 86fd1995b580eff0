"""Events from files, a line at a time."""

import csv
import gzip
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from shelfspace.client.writes import Event
from shelfspace.errors import DataError, InputError

Events = str | os.PathLike[str] | Iterable[Event | Mapping[str, Any]]

_NUMBERS = ("quantity", "price", "rating")


def events_of(
    source: Events, *, columns: Mapping[str, str] | None = None, load: str | None = None
) -> Iterator[Event]:
    """Yield events from a file, or from what yields events; one line of a file is held.

    Args:
        source: `.csv`, `.tsv` (their first line names the columns), `.jsonl` or `.ndjson`, each also with `.gz`.
        columns: what the columns of a file are called here, `{"CustomerID": "user_id"}`; then only these are read.
        load: a name of this load. Events without an id get `load:line`, so that a load that broke off is begun again
            without keeping anything twice. Without it ids are random.

    Raises:
        InputError: an event has an unknown field, or lacks its item.
        DataError: the file or a line of it cannot be read.
    """
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        rows: Iterable[tuple[str, Any]] = _read(path, columns)
    else:
        rows = ((f"event {n}", one) for n, one in enumerate(source, 1))
    for n, (where, row) in enumerate(rows, 1):
        if isinstance(row, Mapping) and load is not None and row.get("event_id") is None:
            row = {**row, "event_id": f"{load}:{n}"}
        try:
            yield Event.of(row)
        except (InputError, TypeError, ValueError) as problem:
            raise InputError(f"{where}: {problem}") from None


def _read(path: Path, columns: Mapping[str, str] | None) -> Iterator[tuple[str, Any]]:
    kind = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    readers = {".csv": _csv, ".tsv": _tsv, ".jsonl": _json_lines, ".ndjson": _json_lines}
    if kind not in readers:
        raise DataError(f"{path.name}: events come from {', '.join(readers)} files, also with .gz")
    try:
        with (
            gzip.open(path, "rt", encoding="utf-8-sig", newline="")
            if path.suffix == ".gz"
            else path.open(encoding="utf-8-sig", newline="") as file
        ):
            for line, row in readers[kind](file):
                where = f"{path.name}, line {line}"
                if not isinstance(row, dict):
                    raise DataError(f"{where}: an event is an object, not {type(row).__name__}")
                yield where, {columns[n]: v for n, v in row.items() if n in columns} if columns else row
    except (OSError, UnicodeDecodeError, csv.Error, EOFError) as problem:
        raise DataError(f"{path.name} cannot be read: {problem}") from None


def _csv(file: IO[str], delimiter: str = ",") -> Iterator[tuple[int, Any]]:
    reader = csv.DictReader(file, delimiter=delimiter, strict=True)
    for row in reader:
        if None in row or None in row.values():
            raise DataError(
                f"line {reader.line_num}: {len(reader.fieldnames or ())} columns are named, not so many are there"
            )
        yield (
            reader.line_num,
            {n: _value(n, text, reader.line_num) for n, text in row.items() if text.strip()},
        )


def _tsv(file: IO[str]) -> Iterator[tuple[int, Any]]:
    return _csv(file, "\t")


def _value(name: str, text: str, line: int) -> str | float:
    if name == "timestamp":
        return float(text) if text.replace(".", "", 1).isdecimal() else text
    if name not in _NUMBERS:
        return text
    try:
        return float(text)
    except ValueError:
        raise DataError(f"line {line}, {name}: {text!r} is no number") from None


def _json_lines(file: IO[str]) -> Iterator[tuple[int, Any]]:
    for line, text in enumerate(file, 1):
        if text.strip():
            try:
                yield line, json.loads(text)
            except ValueError as problem:
                raise DataError(f"line {line} is no JSON: {problem}") from None
