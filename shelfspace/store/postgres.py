"""The journal in PostgreSQL: for workers and replicas on several machines."""

import json
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
import sqlalchemy
from sqlalchemy.exc import DBAPIError

from shelfspace.errors import DataError, StoreError
from shelfspace.store.records import Record
from shelfspace.store.rows import COLUMNS, READ, Row, decoded

T = TypeVar("T")
Connection = psycopg.Connection[tuple[Any, ...]]

# A number is drawn when a row is written, and the row is seen when its transaction commits: without a lock a later
# number may be seen before an earlier one, and a follower that has read past it never comes back for the other. The
# lock is held from before the first number is drawn until the commit is seen, so that both orders are one.
TURN = "SELECT pg_advisory_xact_lock(6512213)"
LATEST = "SELECT coalesce(max(seq), 0) FROM journal"
# As one JSON text: psycopg writes 1,000 rows of arrays in 10 ms of Python, and json in 3.
INSERT = (
    f"INSERT INTO journal ({COLUMNS}) SELECT at, kind, action, item_id, user_id, event_id, body, user_hash, "
    "decode(event_hash, 'hex') FROM ROWS FROM (json_to_recordset(%s::json) AS (at float8, kind text, action text, "
    "item_id text, user_id text, event_id text, body text, user_hash int8, event_hash text)) WITH ORDINALITY AS "
    f"given ({COLUMNS}, place) ORDER BY place ON CONFLICT (event_hash) DO NOTHING"
)
SINCE = f"SELECT {READ} FROM journal WHERE seq > %s ORDER BY seq LIMIT %s"
SINCE_OF = f"SELECT {READ} FROM journal WHERE seq > %s AND kind = ANY(%s) ORDER BY seq LIMIT %s"
FORGET = "DELETE FROM journal WHERE user_hash = %s AND user_id = %s"
NAMES = COLUMNS.split(", ")
SESSION = (
    "SET synchronous_commit = on",
    "SET lock_timeout = '30s'",
    "SET idle_in_transaction_session_timeout = '30s'",  # a writer that hangs gives up its turn
)
CONNECTING = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}


class PostgresJournal:
    """The journal in a database, with `synchronous_commit = on`.

    A connection that died is replaced when it is next needed. Where that fails, and where one dies during a commit, it
    is a StoreError; the journal itself stays fit for use.

    Args:
        url: where it is, with psycopg as its driver.
    """

    def __init__(self, url: sqlalchemy.URL) -> None:
        self._shown = url.set(drivername="postgresql").render_as_string(hide_password=True)
        self._url = url
        self._reads, self._writes = threading.Lock(), threading.Lock()
        self._reader: Connection | None = None
        self._writer: Connection | None = None
        self._seen = -1
        self._engine = sqlalchemy.create_engine(url, creator=self._connect, pool_pre_ping=True, pool_size=2)

    def append(self, groups: Sequence[Sequence[Row]]) -> tuple[int, list[int]]:
        """See `Journal.append`. Two round trips and one statement, however many groups."""
        text = _json(row for rows in groups for row in rows)

        def work(writer: Connection) -> tuple[int, list[tuple[bytes | None]]]:
            with writer.pipeline():
                writer.execute(TURN)
                added = writer.execute(f"{INSERT} RETURNING event_hash", (text,), binary=True)
                latest = writer.execute(LATEST)
            return latest.fetchall()[0][0], added.fetchall()

        latest, added = self._written(work)
        return latest, _num_added(groups, {event_hash for (event_hash,) in added})

    def since(self, seq: int, limit: int, kinds: Collection[str] | None) -> list[Record]:
        """See `Journal.since`. One round trip."""

        def work(reader: Connection) -> list[tuple[Any, ...]]:
            if kinds is None:
                return reader.execute(SINCE, (seq, limit)).fetchall()
            return reader.execute(SINCE_OF, (seq, list(kinds), limit)).fetchall()

        return decoded(self._read(work))

    def latest(self) -> int:
        """See `Journal.latest`. One round trip."""
        found: int = self._read(lambda reader: reader.execute(LATEST).fetchall()[0][0])
        return found

    def changed(self) -> bool:
        """See `Journal.changed`. One round trip."""
        latest = self.latest()
        before, self._seen = self._seen, latest
        return latest != before

    def forget(self, user_hash: int, user_id: str, tombstone: Row) -> tuple[int, int]:
        """See `Journal.forget`."""

        def work(writer: Connection) -> tuple[int, int]:
            with writer.pipeline():
                writer.execute(TURN)
                deleted = writer.execute(FORGET, (user_hash, user_id))
                writer.execute(INSERT, (_json([tombstone]),))
                latest = writer.execute(LATEST)
            return latest.fetchall()[0][0], deleted.rowcount

        return self._written(work)

    @contextmanager
    def reading(self) -> Iterator[sqlalchemy.Connection]:
        """See `Journal.reading`."""
        with self._failing(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlalchemy.Connection]:
        """See `Journal.writing`."""
        with self._failing(), self._engine.begin() as connection:
            connection.exec_driver_sql(TURN)
            yield connection

    def close(self) -> None:
        """See `Journal.close`."""
        with self._writes, self._reads:
            for connection in (self._reader, self._writer):
                if connection is not None:
                    connection.close()
            self._reader = self._writer = None
            self._engine.dispose()

    def _connect(self, *, autocommit: bool = False) -> Connection:
        _, asked = self._engine.dialect.create_connect_args(self._url)
        made: Connection = psycopg.connect(**{**CONNECTING, **asked}, autocommit=True)
        try:
            for setting in SESSION:
                made.execute(setting)
            made.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
            made.autocommit = autocommit
        except BaseException:
            made.close()
            raise
        return made

    def _read(self, work: Callable[[Connection], T]) -> T:
        """Do what reads; if the connection died since it was last used, once more on a new one."""
        with self._failing(), self._reads:
            fresh = self._reader is None
            while True:
                if self._reader is None:
                    self._reader = self._connect(autocommit=True)
                try:
                    return work(self._reader)
                except BaseException:
                    if not self._reader.closed:
                        raise
                    self._reader = None
                    if fresh:
                        raise
                    fresh = True

    def _written(self, work: Callable[[Connection], T]) -> T:
        """Do what writes, and commit. Before the commit nothing is kept, so that it may be done again as in `_read`."""
        with self._failing(), self._writes:
            fresh = self._writer is None
            while True:
                if self._writer is None:
                    self._writer = self._connect()
                writer = self._writer
                try:
                    done = work(writer)
                    break
                except BaseException:
                    if not writer.closed:
                        self._give_up(writer)
                        raise
                    self._writer = None
                    if fresh:
                        raise
                    fresh = True
            try:
                writer.commit()
            except BaseException as problem:
                self._give_up(writer)
                raise StoreError(
                    f"the connection to {self._shown} broke during a commit, so that the writes may be kept or not; "
                    f"send them again with the same event ids: {_first_line(problem)}"
                ) from problem
            return done

    def _give_up(self, writer: Connection) -> None:
        """Close a connection whose transaction failed; the server rolls it back."""
        writer.close()
        self._writer = None

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """Say in plain words what could not be done."""
        try:
            yield
        except (psycopg.Error, DBAPIError) as problem:
            cause = problem.orig if isinstance(problem, DBAPIError) else problem
            told = _first_line(cause or problem)
            if isinstance(cause, psycopg.DataError):
                raise DataError(f"PostgreSQL does not take a write: {told}") from problem
            raise StoreError(f"the store {self._shown} cannot be used just now: {told}") from problem


def _json(rows: Iterable[Row]) -> str:
    """Return rows as the statement takes them."""
    return json.dumps(
        [
            dict(zip(NAMES, (*row[:-1], None if row[-1] is None else row[-1].hex()), strict=True))
            for row in rows
        ]
    )


def _num_added(groups: Sequence[Sequence[Row]], new: set[bytes | None]) -> list[int]:
    """Return how many rows of each group were kept, where `new` are the event ids that are: the first of each."""
    counts = []
    for rows in groups:
        count = 0
        for row in rows:
            if row[-1] is None:
                count += 1
            elif row[-1] in new:
                new.discard(row[-1])
                count += 1
        counts.append(count)
    return counts


def _first_line(problem: BaseException) -> str:
    return next(iter(str(problem).strip().splitlines()), type(problem).__name__)
