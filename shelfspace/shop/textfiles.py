"""CSV, JSON lines and adjacency lines into the workbench, everything as text.

A line of the wrong width or in another encoding goes to the table `unreadable`: file, line, reason, text.
"""

import codecs
import csv
import gzip
import io
import json
import re
from pathlib import Path
from typing import IO, cast

import pyarrow as pa

from shelfspace.errors import ConfigError, DataError
from shelfspace.shop.sections import SourceSettings
from shelfspace.shop.workbench import Workbench, literal, quoted

UNREADABLE = "unreadable"

_MAX_LINE = 8 * 2**20
_BUFFER = 2 * _MAX_LINE
_BLOCK = 4 * 2**20
_NATIVE = {"utf-8": "utf-8", "utf-8-sig": "utf-8", "ascii": "utf-8", "iso8859-1": "latin-1"}
_REASONS = {
    "MISSING COLUMNS": "too few columns",
    "TOO MANY COLUMNS": "too many columns",
    "UNQUOTED VALUE": "a quote that is never closed",
    "LINE SIZE OVER MAXIMUM": "a line longer than 8 MB",
    "INVALID ENCODING": "bad encoding",
    "INVALID STATE": "broken quotes",
}


def prepare(bench: Workbench) -> None:
    """Make the table of unreadable lines where there is none yet."""
    bench.duckdb.execute(
        f"CREATE TABLE IF NOT EXISTS {UNREADABLE} "
        '("table" VARCHAR, file VARCHAR, "row" BIGINT, reason VARCHAR, line VARCHAR)'
    )


def read_csv(bench: Workbench, raw: str, file: Path, settings: SourceSettings) -> None:
    """Append a CSV or TSV file with a header; where the delimiter is not given the header shows it.

    Raises:
        DataError: the file is empty, or its header is not text in the encoding said.
    """
    file, encoding = _decodable(bench, file, settings)
    header = _header(file, encoding)
    delimiter = settings.delimiter or _delimiter(file, header)
    names = _distinct_names(next(csv.reader([header], delimiter=delimiter), []))
    columns = ", ".join(f"{literal(n)}: 'VARCHAR'" for n in names)
    _scan(
        bench,
        raw,
        file,
        f"delim = {literal(delimiter)}, quote = '\"', escape = '\"', header = true, columns = {{{columns}}}, "
        f"encoding = {literal(encoding)}",
    )


def read_jsonl(bench: Workbench, raw: str, file: Path, settings: SourceSettings) -> None:
    """Append a file of one JSON object a line; every key of any line is a column, nested values stay JSON.

    Raises:
        DataError: no line of it is a JSON object.
    """
    lines = _lines(bench, raw, file, settings)
    good = "CASE WHEN json_valid(line) THEN json_type(line) = 'OBJECT' ELSE false END"
    keys = bench.duckdb.execute(
        "SELECT key, min(n) AS first FROM "
        f"(SELECT n, unnest(json_keys(line)) AS key FROM {lines} WHERE {good}) "
        "GROUP BY key ORDER BY first, key"
    ).fetchall()
    if not keys:
        raise DataError(
            f"{file} holds no line that is a JSON object; one object a line is read, not one big array"
        )
    shape = literal(json.dumps({key: "VARCHAR" for key, _ in keys}, ensure_ascii=False))
    bench.duckdb.execute(
        f"INSERT INTO {UNREADABLE} "
        f"SELECT {literal(_table(raw))}, {literal(str(file))}, n, 'not a JSON object', line "
        f"FROM {lines} WHERE NOT ({good}) AND trim(line) <> ''"
    )
    _append(bench, raw, f"SELECT unnest(json_transform(line, {shape})) FROM {lines} WHERE {good} ORDER BY n")
    bench.drop(lines)


def read_adjacency(bench: Workbench, raw: str, file: Path, settings: SourceSettings) -> None:
    """Append lines `user item item …` as `user_id`, `item_id`: one row an item, in the order written."""
    lines = _lines(bench, raw, file, settings)
    between = literal(re.escape(settings.delimiter) if settings.delimiter else r"\s+")
    words = f"SELECT n, string_split_regex(trim(line), {between}) AS word FROM {lines}"
    _append(
        bench,
        raw,
        "SELECT word[1] AS user_id, unnest(word[2:]) AS item_id "
        f"FROM ({words}) WHERE word[1] <> '' ORDER BY n",
    )
    bench.drop(lines)


def _lines(bench: Workbench, raw: str, file: Path, settings: SourceSettings) -> str:
    """Read a file as numbered lines (column `line`, number `n`); return the name of the view of them."""
    file, encoding = _decodable(bench, file, settings)
    _scan(
        bench,
        "lines_read",
        file,
        f"delim = E'\\x01', quote = '', escape = '', header = false, columns = {{'line': 'VARCHAR'}}, "
        f"encoding = {literal(encoding)}",
        table=_table(raw),
    )
    bench.duckdb.execute(
        "CREATE OR REPLACE TABLE lines AS SELECT rowid + 1 AS n, line FROM lines_read WHERE line IS NOT NULL"
    )
    bench.drop("lines_read")
    return "lines"


def _scan(bench: Workbench, raw: str, file: Path, options: str, *, table: str | None = None) -> None:
    bench.duckdb.execute("DROP TABLE IF EXISTS reject_errors; DROP TABLE IF EXISTS reject_scans")
    _append(
        bench,
        raw,
        f"FROM read_csv({literal(str(file))}, auto_detect = false, {options}, max_line_size = {_MAX_LINE}, "
        f"buffer_size = {_BUFFER}, "
        "store_rejects = true, rejects_limit = 0)",
    )
    cases = " ".join(f"WHEN {literal(kind)} THEN {literal(reason)}" for kind, reason in _REASONS.items())
    bench.duckdb.execute(
        f"INSERT INTO {UNREADABLE} SELECT {literal(table or _table(raw))}, {literal(str(file))}, line, "
        f"arg_min(CASE error_type::VARCHAR {cases} ELSE error_type::VARCHAR END, byte_position), "
        "arg_min(csv_line, byte_position) FROM reject_errors GROUP BY line ORDER BY line"
    )


def _append(bench: Workbench, raw: str, query: str) -> None:
    """Create the table from a query, or add its rows by the names of their columns, new ones included."""
    if not bench.has(raw):
        bench.duckdb.execute(f"CREATE TABLE {quoted(raw)} AS {query}")
        return
    known = set(bench.ibis.table(raw).columns)
    for name, *_ in bench.duckdb.execute(f"DESCRIBE {query}").fetchall():
        if name not in known:
            bench.duckdb.execute(f"ALTER TABLE {quoted(raw)} ADD COLUMN {quoted(name)} VARCHAR")
    bench.duckdb.execute(f"INSERT INTO {quoted(raw)} BY NAME {query}")


def _table(raw: str) -> str:
    return raw.removeprefix("raw_")


def _decodable(bench: Workbench, file: Path, settings: SourceSettings) -> tuple[Path, str]:
    """Return the file in an encoding that the database reads, and which: a copy where it must be."""
    with _opened(file) as stream:
        mark = stream.read(2)
    encoding = settings.encoding or (
        "utf-16" if mark in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8"
    )
    try:
        name = codecs.lookup(encoding).name
    except LookupError:
        raise ConfigError(
            f"encoding = {encoding!r} is unknown; known are utf-8, latin-1, cp1252, gbk and more"
        ) from None
    if name in _NATIVE:
        return file, _NATIVE[name]
    copy = bench.folder / f"{file.name}.utf8"
    try:
        with (
            _opened(file) as stream,
            codecs.getreader(name)(stream) as text,
            copy.open("w", encoding="utf-8") as to,
        ):
            while block := text.read(_BLOCK):
                to.write(block)
    except UnicodeError as problem:
        raise DataError(f"{file} is not in {encoding}: {problem}") from None
    return copy, "utf-8"


def _header(file: Path, encoding: str) -> str:
    with _opened(file) as stream:
        line = stream.readline()
        while line and not line.strip():
            line = stream.readline()
    if not line.strip():
        raise DataError(f"{file} is empty; a header line with the names of the columns is needed")
    try:
        return line.decode("utf-8-sig" if encoding == "utf-8" else encoding).rstrip("\r\n")
    except UnicodeDecodeError:
        raise DataError(
            f'the header of {file} is not in {encoding}; say encoding = "latin-1" or another'
        ) from None


def _delimiter(file: Path, header: str) -> str:
    candidates = "\t,;|" if ".tsv" in file.name.lower() else ",;\t|"
    return max(candidates, key=header.count)


def _distinct_names(names: list[str]) -> list[str]:
    """Return the names of a header, blank ones numbered and repeated ones told apart."""
    result: list[str] = []
    taken: set[str] = set()
    for position, name in enumerate(names, 1):
        plain = unique = name.strip() or f"column_{position}"
        count = 1
        while unique.lower() in taken:
            count += 1
            unique = f"{plain}_{count}"
        taken.add(unique.lower())
        result.append(unique)
    return result


def _opened(file: Path) -> IO[bytes]:
    try:
        if file.suffix.lower() == ".gz":
            return cast("IO[bytes]", gzip.open(file))
        if file.suffix.lower() == ".zst":
            packed = pa.CompressedInputStream(pa.OSFile(str(file)), "zstd")
            return cast("IO[bytes]", io.BufferedReader(packed))
        return file.open("rb")
    except OSError as problem:
        raise DataError(f"{file} cannot be opened: {problem.strerror or problem}") from None
