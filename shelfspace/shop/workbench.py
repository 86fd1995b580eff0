"""Where tables lie while they are read: a DuckDB file in a folder of its own, with bounded memory."""

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from shelfspace.errors import ConfigError, DataError


@dataclass(frozen=True)
class Workbench:
    """A database for one reading. Whatever is larger than its memory goes to its folder.

    ibis: the backend that expressions run on;
    folder: deleted with the workbench.
    """

    ibis: Backend
    folder: Path

    @property
    def duckdb(self) -> duckdb.DuckDBPyConnection:
        """The connection below the backend, for what expressions cannot say: reading files."""
        connection: duckdb.DuckDBPyConnection = self.ibis.con
        return connection

    def keep(self, name: str, rows: ir.Table, *, about: str) -> ir.Table:
        """Work an expression out and keep it as a table.

        Raises:
            DataError: the database refused it, saying why; `about` is what the message begins with.
        """
        with refusals(about):
            return self.ibis.create_table(name, rows)

    def has(self, name: str) -> bool:
        """Say whether there is a table of this name."""
        named = self.duckdb.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = ?", [name])
        return bool(named.fetchall()[0][0])

    def drop(self, *names: str) -> None:
        """Give back the room of tables that are no longer needed."""
        for name in names:
            self.duckdb.execute(f"DROP TABLE IF EXISTS {quoted(name)}")


@contextlib.contextmanager
def workbench(memory: str = "4GB") -> Iterator[Workbench]:
    """Open a database with at most this much memory (`500MB`, `4GB`); its folder is deleted at the end.

    Raises:
        ConfigError: the memory is not a size.
    """
    with tempfile.TemporaryDirectory(prefix="shelfspace-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        try:
            backend = ibis.duckdb.connect(
                folder / "reading.duckdb",
                memory_limit=memory,
                temp_directory=str(folder / "spill"),
                autoinstall_known_extensions=False,
                autoload_known_extensions=False,
            )
        except duckdb.Error as problem:
            raise ConfigError(f"[clean] memory = {memory!r}: {first_line(problem)}") from None
        try:
            yield Workbench(backend, folder)
        finally:
            backend.disconnect()


@contextlib.contextmanager
def refusals(about: str) -> Iterator[None]:
    """Turn what the database refuses into a DataError that says what it was about."""
    try:
        yield
    except duckdb.OutOfMemoryException as problem:
        raise DataError(f"{about}: {first_line(problem)}; give more with clean.memory") from None
    except duckdb.Error as problem:
        raise DataError(f"{about}: {first_line(problem)}") from None


def first_line(problem: Exception) -> str:
    """Return what a database says, without the statement that it quotes below it."""
    return str(problem).strip().split("\n")[0]


def quoted(name: str) -> str:
    """Return a name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"
