"""A table behind a database address, streamed into the workbench as text."""

import contextlib
from collections.abc import Iterator

import pyarrow as pa
import sqlalchemy
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from shelfspace.errors import ConfigError, DataError, MissingExtraError, did_you_mean
from shelfspace.shop.workbench import Workbench, quoted, refusals

_ROWS = 50_000


def shown(address: str, table: str | None) -> str:
    """Return how messages call a table of a database: the address without its password."""
    with contextlib.suppress(ArgumentError):
        address = sqlalchemy.make_url(address).render_as_string(hide_password=True)
    return f"{address} table {table}"


def read(bench: Workbench, raw: str, address: str, table: str | None, name: str) -> list[tuple[int, str]]:
    """Copy a table into the workbench, some rows at a time, every value as text.

    Whole numbers that a driver gives as floats lose their `.0`, so that ids stay what they are.

    Raises:
        ConfigError: no `table`, or an address that cannot be read.
        DataError: the database cannot be reached, or has no such table.
        MissingExtraError: the driver of that kind of database is not installed.
    """
    if table is None:
        raise ConfigError(f'[{name}] path is a database address: say table = "…" too')
    label = shown(address, table)
    try:
        engine = sqlalchemy.create_engine(address)
    except NoSuchModuleError:
        raise ConfigError(f"[{name}] {label}: databases of this kind are unknown") from None
    except ArgumentError as problem:
        raise ConfigError(f"[{name}] {label}: {problem}") from None
    except ModuleNotFoundError as problem:
        raise MissingExtraError(str(problem.name), str(problem.name)) from None
    schema, _, bare = table.rpartition(".")
    try:
        _refuse_missing(engine, bare, schema or None, label)
        with engine.connect().execution_options(stream_results=True) as connection:
            place = sqlalchemy.table(bare, schema=schema or None)
            rows = connection.execute(sqlalchemy.select(sqlalchemy.text("*")).select_from(place))
            fields = pa.schema([(column, pa.string()) for column in [*rows.keys()]])
            with refusals(label):
                bench.duckdb.register(
                    "incoming", pa.RecordBatchReader.from_batches(fields, _batches(rows, fields))
                )
                bench.duckdb.execute(f"CREATE TABLE {quoted(raw)} AS FROM incoming")
                bench.duckdb.unregister("incoming")
    except SQLAlchemyError as problem:
        raise DataError(f"[{name}] {label}: {str(problem).splitlines()[0]}") from None
    finally:
        engine.dispose()
    return [(0, label)]


def _refuse_missing(engine: sqlalchemy.Engine, table: str, schema: str | None, label: str) -> None:
    inspector = sqlalchemy.inspect(engine)
    known = [*inspector.get_table_names(schema), *inspector.get_view_names(schema)]
    if table not in known:
        raise DataError(f"{label}: no such table{did_you_mean(table, known)}; known: {sorted(known)[:20]}")


def _batches(
    rows: sqlalchemy.CursorResult[tuple[object, ...]], fields: pa.Schema
) -> Iterator[pa.RecordBatch]:
    while block := rows.fetchmany(_ROWS):
        columns = zip(*block, strict=True)
        yield pa.record_batch([pa.array([_text(v) for v in c], pa.string()) for c in columns], schema=fields)


def _text(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
