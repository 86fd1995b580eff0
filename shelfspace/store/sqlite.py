"""The journal in a SQLite file: many readers, and writers that take turns."""

import sqlite3
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy.exc import DBAPIError

from shelfspace.errors import DataError, SpaceError, StoreError
from shelfspace.store.records import Record
from shelfspace.store.rows import COLUMNS, READ, Row, decoded
from shelfspace.store.turns import Turns

PATIENCE = 30.0
"""Seconds to wait for a program that holds the file and does not take turns."""
INSERT = f"INSERT INTO journal ({COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?) ON CONFLICT (event_hash) DO NOTHING"
LATEST = "SELECT max(seq) FROM journal"
SINCE = f"SELECT {READ} FROM journal WHERE seq > ? AND NOT gone{{kinds}} ORDER BY seq LIMIT ?"
# A row that is deleted makes its neighbours move to fill its page, and SQLite leaves copies of them where they were,
# secure_delete or not. So a forgotten row keeps its place and its length, and all that it said becomes zeros.
BLANK = "CASE WHEN {0} IS NOT NULL THEN CAST(zeroblob(length(CAST({0} AS BLOB))) AS TEXT) END"
FORGET = (
    "UPDATE journal SET gone = 1, event_hash = CASE WHEN event_hash IS NOT NULL THEN randomblob(16) END, "
    + ", ".join(f"{name} = {BLANK.format(name)}" for name in ("item_id", "user_id", "event_id", "body"))
    + " WHERE user_hash = ? AND user_id = ?"
)
PRAGMAS = (
    "synchronous = FULL",
    "fullfsync = ON",  # on a Mac fsync alone does not reach the disk
    "checkpoint_fullfsync = ON",
    "secure_delete = ON",
    "journal_size_limit = 67108864",
)


class SqliteJournal:
    """The journal in a file, with `journal_mode = WAL` and `synchronous = FULL`.

    Below SQLAlchemy, on two connections of the standard library, one that reads and one that writes.

    Args:
        path: the file; it is made where it is missing, its folder is not.

    Raises:
        SpaceError: the folder is missing, or the file is not a database.
        StoreError: the file cannot be opened just now.
    """

    def __init__(self, path: Path) -> None:
        if not path.parent.is_dir():
            raise SpaceError(f"{path.parent} is no folder; make it, or name the folder of a run")
        self.path = path
        self._turns = Turns(path)
        self._reads, self._writes = threading.Lock(), threading.Lock()
        self._version = -1
        self._writer: sqlite3.Connection | None = None
        with self._failing("opened"):
            self._reader = self._connect()
        self._engine = sqlalchemy.create_engine(
            "sqlite://", creator=self._connect, poolclass=sqlalchemy.QueuePool, pool_size=2
        )
        sqlalchemy.event.listen(self._engine, "begin", _begin)

    def append(self, groups: Sequence[Sequence[Row]]) -> tuple[int, list[int]]:
        """See `Journal.append`. About 30 μs and a sync for one row, 7 μs for each more."""
        with self._transaction() as writer:
            added = [writer.executemany(INSERT, rows).rowcount for rows in groups]
            return writer.execute(LATEST).fetchone()[0] or 0, added

    def since(self, seq: int, limit: int, kinds: Collection[str] | None) -> list[Record]:
        """See `Journal.since`. About 15 μs, and 5 μs a record."""
        asked = "" if kinds is None else f" AND kind IN ({','.join('?' * len(kinds))})"
        with self._failing("read"), self._reads:
            rows = self._reader.execute(SINCE.format(kinds=asked), (seq, *(kinds or ()), limit)).fetchall()
        return decoded(rows)

    def latest(self) -> int:
        """See `Journal.latest`."""
        with self._failing("read"), self._reads:
            return self._reader.execute(LATEST).fetchone()[0] or 0

    def changed(self) -> bool:
        """See `Journal.changed`. About 3 μs: a look at the memory that the connections share."""
        try:
            with self._reads:
                (version,) = self._reader.execute("PRAGMA data_version").fetchone()
                before, self._version = self._version, version
        except sqlite3.Error as problem:
            raise self._told("read", problem) from problem
        return bool(version != before)

    def forget(self, user_hash: int, user_id: str, tombstone: Row) -> tuple[int, int]:
        """See `Journal.forget`. The log, which still holds the old pages, is emptied too."""
        with self._transaction() as writer:
            deleted = writer.execute(FORGET, (user_hash, user_id)).rowcount
            writer.execute(INSERT, tombstone)
            latest = writer.execute(LATEST).fetchone()[0]
        self._empty_the_log()
        return latest, deleted

    @contextmanager
    def reading(self) -> Iterator[sqlalchemy.Connection]:
        """See `Journal.reading`."""
        with self._failing("read"), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlalchemy.Connection]:
        """See `Journal.writing`."""
        with (
            self._failing("written"),
            self._turns.turn(),
            self._engine.connect() as plain,
            plain.execution_options(begin="IMMEDIATE").begin(),
        ):
            yield plain

    def close(self) -> None:
        """See `Journal.close`. The last to close moves the log into the file."""
        # In its turn: SQLite before 3.51.3 can damage a file where one connection writes while another moves the log.
        with self._failing("closed"), self._writes, self._reads:
            try:
                with self._turns.turn():
                    self._close()
            except OSError:  # in a folder that may not be written there is no log to move
                self._close()
        self._turns.close()

    def _close(self) -> None:
        self._reader.close()
        if self._writer is not None:
            self._writer.close()
        self._engine.dispose()

    def _connect(self) -> sqlite3.Connection:
        made = sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
        try:
            if made.execute("PRAGMA journal_mode").fetchone() != ("wal",):
                with self._turns.turn():
                    (mode,) = made.execute("PRAGMA journal_mode = WAL").fetchone()
                if mode != "wal":
                    raise StoreError(f"{self.path} cannot have a write-ahead log: put it on a local disk")
            for pragma in PRAGMAS:
                made.execute(f"PRAGMA {pragma}")
        except BaseException:
            made.close()
            raise
        return made

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Give the connection that writes, in its turn; what was written is on disk when the block ends."""
        with self._failing("written"), self._writes, self._turns.turn():
            if self._writer is None:
                self._writer = self._connect()
            writer = self._writer
            try:
                writer.execute("BEGIN IMMEDIATE")
                yield writer
                writer.execute("COMMIT")
            except BaseException:
                if writer.in_transaction:
                    writer.execute("ROLLBACK")
                raise

    def _empty_the_log(self) -> None:
        """Move the log into the file and cut it to nothing, as soon as no reader needs it; others write meanwhile."""
        until = time.monotonic() + PATIENCE
        while self._log_is_needed():
            if time.monotonic() > until:
                raise StoreError(
                    f"the user is forgotten, but a program that reads {self.path} keeps the old pages in its log; "
                    "close it and forget the user again"
                )
            time.sleep(0.01)

    def _log_is_needed(self) -> bool:
        """Try to empty the log, without waiting; return whether a reader still needs it."""
        with self._failing("written"), self._writes, self._turns.turn():
            assert self._writer is not None
            self._writer.execute("PRAGMA busy_timeout = 0")
            try:
                return bool(self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0])
            finally:
                self._writer.execute(f"PRAGMA busy_timeout = {int(PATIENCE * 1000)}")

    @contextmanager
    def _failing(self, done: str) -> Iterator[None]:
        """Say in plain words what could not be done."""
        try:
            yield
        except DBAPIError as problem:
            raise self._told(done, problem.orig or problem) from problem
        except (sqlite3.Error, OSError, OverflowError) as problem:
            raise self._told(done, problem) from problem

    def _told(self, done: str, problem: BaseException) -> StoreError | SpaceError | DataError:
        if isinstance(problem, sqlite3.DataError | OverflowError):
            return DataError(f"a write is more than SQLite takes: {problem}")
        code = getattr(problem, "sqlite_errorcode", 0) & 0xFF
        if done == "opened" and code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            return SpaceError(f"{self.path} is damaged, restore it from a back-up: {problem}")
        what = {
            sqlite3.SQLITE_FULL: "; the disk is full: free some space, nothing that was acknowledged is lost",
            sqlite3.SQLITE_READONLY: "; it may not be written: see to its permissions",
            sqlite3.SQLITE_BUSY: "; another program holds it: let it end",
        }.get(code, "")
        return StoreError(f"{self.path} cannot be {done} just now: {problem}{what}")


def _begin(connection: sqlalchemy.Connection) -> None:
    """Begin as asked: the driver, told to keep out of it, begins nothing by itself."""
    mode: Any = connection.get_execution_options().get("begin", "DEFERRED")
    connection.exec_driver_sql(f"BEGIN {mode}")
