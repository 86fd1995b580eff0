"""Vectors in PostgreSQL with the pgvector extension: a table for each version, with an HNSW index."""

import atexit
import functools
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, LiteralString, Self
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import numpy as np
import psycopg
from pgvector.psycopg import register_vector
from psycopg import conninfo, pq, sql

from shelfspace.config import Range, checked
from shelfspace.errors import ConfigError, StoreError, did_you_mean
from shelfspace.index.address import settings_in, without_secrets
from shelfspace.index.protocol import Rows, Vectors
from shelfspace.index.remote import Remote

SETTINGS = ("table", "connectivity", "expansion_add", "expansion_search")
MOST_EXPANSION = 1_000
"""The largest `hnsw.ef_search` that pgvector takes; beyond it the scan goes on by itself."""


class PgVector(Remote):
    """Vectors in PostgreSQL (pgvector 0.8 or later), nearest by HNSW and inner product.

    The HNSW index of a table is built by the first search or `save` after rows were added, which takes the
    server less than row by row: O(N log N) steps, quick while it fits in `maintenance_work_mem`. A process has
    one connection to an address. The password may be left to PGPASSWORD or a password file.

    Example:
        >>> PgVector.at("postgresql://shop@localhost/vectors?table=items", 64).table
        'items'
    """

    def __init__(
        self,
        dim: int,
        address: str,
        *,
        table: str = "shelfspace",
        connectivity: Annotated[int, Range(8, 64)] = 16,
        expansion_add: Annotated[int, Range(32, 512)] = 128,
        expansion_search: Annotated[int, Range(16, 512)] = 96,
    ) -> None:
        """Make an empty index.

        Args:
            dim: D, at most 2,000: longer vectors have no HNSW index.
            address: where the server is, as libpq reads it.
            table: what the tables are named for; a moment and six digits follow.
            connectivity: links of each node, the `m` of pgvector.
            expansion_add: candidates looked at when a row is added, its `ef_construction`.
            expansion_search: candidates looked at by a search, its `ef_search`.
        """
        super().__init__(dim, address, table, expansion_search)
        if not 2 <= connectivity <= 100 or not 2 * connectivity <= expansion_add <= 1_000:
            raise ConfigError(
                "[index postgresql] needs connectivity from 2 to 100, and expansion_add from twice that to 1,000, "
                f"not {connectivity} and {expansion_add}"
            )
        if not 1 <= expansion_search <= MOST_EXPANSION or dim > 2_000:
            raise ConfigError(
                "[index postgresql] needs expansion_search from 1 to 1,000 and vectors of at most 2,000 numbers, "
                f"not {expansion_search} and {dim}"
            )
        self.table = table
        self.connectivity = connectivity
        self.expansion_add = expansion_add
        self.expansion_search = expansion_search
        self._address = address
        self._settled: str | None = None

    @classmethod
    def at(cls, address: str, dim: int) -> Self:
        """Return an empty index for `postgresql://user@host/database?table=…`; other settings go to libpq.

        Raises:
            ConfigError: an unknown setting, or a value of the wrong type.
        """
        parts = urlsplit(address)
        own = {key: value for key, value in settings_in(parts.query).items() if key in SETTINGS}
        rest = [(key, value) for key, value in parse_qsl(parts.query) if key not in SETTINGS]
        known = [*SETTINGS, *(option.keyword.decode() for option in pq.Conninfo.get_defaults())]
        wrong = next((key for key, _ in rest if key not in known), None)
        if wrong is not None:
            raise ConfigError(f"[index postgresql] has no setting {wrong!r}{did_you_mean(wrong, known)}")
        query = "?" + urlencode(rest) if rest else ""
        plain = f"postgresql://{parts.netloc}" + urlunsplit(("", "", parts.path, "", "")) + query
        try:
            conninfo.conninfo_to_dict(plain)
        except psycopg.Error:
            raise ConfigError(
                f"[index] use: {without_secrets(address)!r} cannot be read as an address"
            ) from None
        return cls(dim, plain, **checked(cls, own, "index postgresql"))._shown_as(address)

    def save(self, folder: Path) -> None:
        """Write which table it is, with its HNSW index built; see `Remote.save`."""
        if self._name is not None:
            self._settle(self._name)
        super().save(folder)

    def _make(self, name: str) -> None:
        with self._connected() as to:
            to.execute(
                _on("CREATE TABLE {} (row integer PRIMARY KEY, vector vector({}) NOT NULL)", name, self.dim)
            )

    def _put(self, name: str, rows: Rows, vectors: Vectors, *, replaces: bool) -> None:
        with self._connected() as to, to.transaction(), to.cursor() as cursor:
            if replaces:
                cursor.execute(_on("DELETE FROM {} WHERE row = ANY(%s)", name), (rows.tolist(),))
            with cursor.copy(_on("COPY {} (row, vector) FROM STDIN WITH (FORMAT BINARY)", name)) as copy:
                copy.set_types(["int4", "vector"])
                for row, vector in zip(rows.tolist(), vectors, strict=True):
                    copy.write_row((row, vector))

    def _take_out(self, name: str, rows: Rows) -> None:
        with self._connected() as to:
            to.execute(_on("DELETE FROM {} WHERE row = ANY(%s)", name), (rows.tolist(),))

    def _copy(self, name: str, new: str) -> None:
        with self._connected() as to:
            to.execute(_on("INSERT INTO {} SELECT row, vector FROM {}", new, name))

    def _settle(self, name: str) -> None:
        if self._settled == name:
            return
        with self._connected() as to, to.transaction():
            to.execute(
                _on(
                    "CREATE INDEX IF NOT EXISTS {} ON {} USING hnsw (vector vector_ip_ops) "
                    "WITH (m = {}, ef_construction = {})",
                    f"{name}_near",
                    name,
                    self.connectivity,
                    self.expansion_add,
                )
            )
            to.execute(_on("ANALYZE {}", name))
        self._settled = name

    def _near(self, name: str, queries: Vectors, fetch: int) -> list[tuple[Rows, Vectors]]:
        self._settle(name)
        look = min(MOST_EXPANSION, max(fetch, self.expansion_search))
        asked = _on("SELECT row, vector FROM {} ORDER BY vector <#> %b LIMIT {}", name, fetch)
        with self._connected(look) as to:
            return [self._read(to.execute(asked, (query,), binary=True)) for query in queries]

    def _vectors(self, name: str, rows: Rows) -> Vectors:
        with self._connected() as to:
            asked = _on("SELECT row, vector FROM {} WHERE row = ANY(%s)", name)
            got, vectors = self._read(to.execute(asked, (rows.tolist(),), binary=True))
        return self._ordered(name, rows, got, vectors)

    def _count(self, name: str) -> int | None:
        with self._connected() as to:
            there = to.execute("SELECT to_regclass(%s) IS NOT NULL", (f'"{name}"',)).fetchone()
            if not there or not there[0]:
                return None
            counted = to.execute(_on("SELECT count(*) FROM {}", name)).fetchone()
            return int(counted[0]) if counted else None

    def _names(self) -> list[str]:
        with self._connected() as to:
            asked = "SELECT tablename FROM pg_tables WHERE schemaname = ANY(current_schemas(false))"
            return [str(row[0]) for row in to.execute(asked).fetchall()]

    def _discard(self, name: str) -> None:
        with self._connected() as to:
            to.execute(_on("DROP TABLE {}", name))

    def _read(self, answer: "psycopg.Cursor[Any]") -> tuple[Rows, Vectors]:
        pairs = answer.fetchall()
        vectors = np.asarray([vector.to_numpy() for _, vector in pairs], np.float32)
        return np.asarray([row for row, _ in pairs], np.int32), vectors.reshape(len(pairs), self.dim)

    @contextmanager
    def _connected(self, look: int = 0) -> "Iterator[psycopg.Connection]":
        link = _link(self._address, os.getpid())
        with link.lock:
            try:
                yield link.opened(look)
            except psycopg.Error as problem:
                if link.connection is not None and link.connection.broken:
                    link.close()
                told = str(problem).strip().partition("\n")[0]
                raise StoreError(
                    f"the vectors at {self.shown} cannot be reached just now: {told}"
                ) from problem


class _Link:
    """The one connection of a process to an address, opened when it is needed and again when it broke."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.lock = threading.RLock()
        self.connection: psycopg.Connection | None = None
        self.look = 0
        atexit.register(self.close)

    def opened(self, look: int = 0) -> psycopg.Connection:
        """Return the connection, a new one where the server hung up, with `hnsw.ef_search` as it must be."""
        if self.connection is not None and not self._answers(self.connection):
            self.close()
        if self.connection is None:
            wait = (
                {} if "connect_timeout" in conninfo.conninfo_to_dict(self.address) else {"connect_timeout": 5}
            )
            self.connection = psycopg.connect(conninfo.make_conninfo(self.address, **wait), autocommit=True)
            self.connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
            register_vector(self.connection)
            self.connection.execute("SET hnsw.iterative_scan = strict_order")
            self.look = 0
        if look not in (0, self.look):
            self.connection.execute("SELECT set_config('hnsw.ef_search', %s, false)", (str(look),))
            self.look = look
        return self.connection

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self.connection is not None:
            with suppress(psycopg.Error):
                self.connection.close()
        self.connection = None

    @staticmethod
    def _answers(connection: psycopg.Connection) -> bool:
        if connection.closed:
            return False
        try:
            for _ in range(
                2
            ):  # sees, without waiting, a last message of the server, and then that it hung up
                connection.pgconn.consume_input()
        except psycopg.Error:
            return False
        return bool(connection.pgconn.status == pq.ConnStatus.OK)


@functools.lru_cache(maxsize=64)
def _link(address: str, process: int) -> _Link:
    """Return the link of this process; a forked child makes one of its own."""
    return _Link(address)


def _on(text: LiteralString, *parts: str | int) -> sql.Composed:
    """Return a statement with names of tables and numbers in its places."""
    return sql.SQL(text).format(
        *(sql.Identifier(part) if isinstance(part, str) else sql.Literal(part) for part in parts)
    )
