"""From a file, a folder, a database or a DataFrame to a table of the workbench, every row accounted for.

What has no types (CSV, JSON lines, adjacency lines, databases) is read as text. Lines that cannot be read
go to the table `unreadable` with the reason.
"""

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq

from shelfspace.errors import ConfigError, DataError
from shelfspace.shop import databases, textfiles
from shelfspace.shop.sections import SourceSettings
from shelfspace.shop.workbench import Workbench, literal, quoted, refusals

Format = Literal["csv", "jsonl", "parquet", "adjacency"]

_FORMATS: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_PACKED = (".gz", ".zst")


@dataclass(frozen=True)
class Source:
    """A table as it was read; its rows lie in the workbench in the order they were read in.

    label: what messages call it: the path, the address, or the DataFrame;
    raw: the name of the table in the workbench;
    starts: for each file its first row there and its name.
    """

    label: str
    format: str
    raw: str
    columns: tuple[str, ...]
    rows: int
    unreadable: int
    starts: tuple[tuple[int, str], ...]

    @property
    def folder(self) -> Path:
        """Where relative paths inside the table start: beside its first file."""
        return Path(self.starts[0][1]).parent if self.format not in ("database", "dataframe") else Path()

    def place(self, seq: int) -> str:
        """Say in which file a row of the workbench is, and which row of it, counted from 1."""
        start, file = max(s for s in self.starts if s[0] <= seq)
        return f"{file}, row {seq - start + 1:,}"


def read_source(bench: Workbench, name: str, settings: SourceSettings, frame: object | None = None) -> Source:
    """Read a table into the workbench as `raw_NAME`.

    Args:
        bench: where to.
        name: which table: `events`, `items` …
        settings: where it is.
        frame: the table itself, anything with the Arrow C stream; then `settings.path` is not looked at.

    Raises:
        DataError: it is not there, is empty, or is not what its name says; naming the file.
        ConfigError: a setting that is missing or does not fit.

    One pass over the source, in the memory of the workbench; its disk takes the size of the data as Parquet.
    """
    raw = f"raw_{name}"
    textfiles.prepare(bench)
    before = _unreadable(bench)
    if frame is not None:
        label, format_, starts = f"the {name} DataFrame", "dataframe", _read_frame(bench, raw, name, frame)
    elif settings.path is None:
        raise ConfigError(f"[{name}] needs 'path'")
    elif "://" in settings.path:
        label, format_ = databases.shown(settings.path, settings.table), "database"
        starts = databases.read(bench, raw, settings.path, settings.table, name)
    else:
        label = settings.path
        files = find_files(settings.path, name)
        format_ = _format(files, settings, name)
        starts = _read_files(bench, raw, files, format_, settings)
    table = bench.ibis.table(raw)
    return Source(
        label=label,
        format=format_,
        raw=raw,
        columns=tuple(table.columns),
        rows=int(table.count().to_pyarrow().as_py()),
        unreadable=_unreadable(bench) - before,
        starts=tuple(starts),
    )


def find_files(path: str, name: str) -> list[Path]:
    """Return the files of a path, a folder or a glob, in the order of their names.

    Raises:
        DataError: there is nothing there, with the nearest name that is.
    """
    place = Path(path).expanduser()
    if place.is_file():
        return [place]
    if place.is_dir():
        files = sorted(
            p for p in place.rglob("*") if p.is_file() and _suffix(p) in _FORMATS and not _hidden(p, place)
        )
        if not files:
            raise DataError(f"[{name}] {place} holds no file that can be read; known: {', '.join(_FORMATS)}")
        return files
    pattern = place.relative_to(place.anchor)
    files = sorted(p for p in Path(place.anchor).glob(str(pattern)) if p.is_file())
    if not files:
        raise DataError(f"[{name}] nothing at {place}{_near(place)}")
    return files


def _read_files(
    bench: Workbench, raw: str, files: list[Path], format_: Format, settings: SourceSettings
) -> list[tuple[int, str]]:
    if format_ == "parquet":
        return _read_parquet(bench, raw, files)
    read = {"csv": textfiles.read_csv, "jsonl": textfiles.read_jsonl, "adjacency": textfiles.read_adjacency}[
        format_
    ]
    starts, rows = [], 0
    for file in files:
        starts.append((rows, str(file)))
        with refusals(str(file)):
            read(bench, raw, file, settings)
            rows = int(bench.ibis.table(raw).count().to_pyarrow().as_py())
    return starts


def _read_parquet(bench: Workbench, raw: str, files: list[Path]) -> list[tuple[int, str]]:
    starts, rows = [], 0
    for file in files:
        starts.append((rows, str(file)))
        try:
            rows += pq.read_metadata(file).num_rows
        except (pa.ArrowInvalid, OSError) as problem:
            raise DataError(f"{file} is not readable as Parquet: {problem}") from None
    paths = ", ".join(literal(str(f)) for f in files)
    with refusals(str(files[0]) if len(files) == 1 else f"{files[0]} and {len(files) - 1} more"):
        bench.duckdb.execute(
            f"CREATE TABLE {quoted(raw)} AS FROM read_parquet([{paths}], union_by_name = true, "
            "hive_partitioning = false)"
        )
    return starts


def _read_frame(bench: Workbench, raw: str, name: str, frame: object) -> list[tuple[int, str]]:
    if not hasattr(frame, "__arrow_c_stream__"):
        raise ConfigError(
            f"{name} is a {type(frame).__name__}; give a DataFrame with the Arrow C stream: pandas, Polars …"
        )
    try:
        reader = pa.RecordBatchReader.from_stream(frame)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as problem:
        raise DataError(f"the {name} DataFrame has a column of mixed types: {problem}") from None
    kept = [c for c in reader.schema.names if not c.startswith("__index_level_")]
    with refusals(f"the {name} DataFrame"):
        bench.duckdb.register("incoming", reader)
        columns = ", ".join(quoted(c) for c in kept)
        bench.duckdb.execute(f"CREATE TABLE {quoted(raw)} AS SELECT {columns} FROM incoming")
        bench.duckdb.unregister("incoming")
    return [(0, f"the {name} DataFrame")]


def _format(files: list[Path], settings: SourceSettings, name: str) -> Format:
    if settings.format is not None:
        return settings.format
    found = {_FORMATS.get(_suffix(f)) for f in files}
    if len(found) > 1:
        raise DataError(
            f"[{name}] {files[0].parent} mixes formats; give a glob of one of them, such as *.parquet"
        )
    format_ = found.pop()
    if format_ is None:
        known = ", ".join(_FORMATS)
        raise DataError(
            f'[{name}] {files[0]} has no ending that is known ({known}); say format = "csv" or another'
        )
    return format_


def _suffix(file: Path) -> str:
    return Path(file.stem).suffix.lower() if file.suffix.lower() in _PACKED else file.suffix.lower()


def _hidden(file: Path, folder: Path) -> bool:
    return any(part.startswith((".", "_")) for part in file.relative_to(folder).parts)


def _near(place: Path) -> str:
    folder = next((p for p in place.parents if p.is_dir()), None)
    if folder is None or folder != place.parent:
        return f"; the folder {place.parent} does not exist"
    near = difflib.get_close_matches(place.name, [p.name for p in folder.iterdir()], n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _unreadable(bench: Workbench) -> int:
    return int(bench.ibis.table(textfiles.UNREADABLE).count().to_pyarrow().as_py())
