"""The store: what is acknowledged is on disk, in one order that every reader sees."""

import hashlib
import secrets
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, cast, get_args

import sqlalchemy
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import ArgumentError

from shelfspace.config import extra
from shelfspace.errors import ConfigError, InputError, SpaceError, did_you_mean
from shelfspace.store.journal import Journal
from shelfspace.store.migrating import prepare
from shelfspace.store.records import SCOPES, Appended, Key, Kind, Record, Scope, Write
from shelfspace.store.rows import Row, decoded, encoded, fingerprint, tombstone, user_hash
from shelfspace.store.sqlite import SqliteJournal
from shelfspace.store.tables import JOURNAL, KEYS, SETTINGS

FILE = "store.db"
"""The embedded store of a run."""
_READ = tuple(
    JOURNAL.c[name] for name in ("seq", "at", "kind", "action", "item_id", "user_id", "event_id", "body")
)


class Store:
    """Events and changes, append-only, in SQLite or PostgreSQL. Any thread may call any method.

    Each process opens its own; a store that was opened before a fork must not be used after it. What an append has
    returned is on disk; see `SqliteJournal` and `PostgresJournal` for how.

    Example:
        >>> store = Store.open("sqlite:///shop.db")  # doctest: +SKIP
        >>> store.append([Write("event", "add", "sku-42", "user-7", body={"event": "view"})])  # doctest: +SKIP
        Appended(seq=1, num_added=1, num_duplicates=0)
    """

    def __init__(self, journal: Journal, salt: bytes, shown: str) -> None:
        self.shown = shown
        self._journal = journal
        self._salt = salt

    @classmethod
    def open(cls, address: str | Path, *, migrate: bool = True) -> Self:
        """Open a store; its tables are made or brought up to date.

        Args:
            address: `sqlite:///path`, `postgresql://user@host/database`, or the folder of a run, whose `store.db`
                it is.
            migrate: whether tables may be made and changed.

        Raises:
            ConfigError: the address cannot be read, or is of another database.
            MissingExtraError: it is PostgreSQL, and psycopg is not installed.
            SpaceError: the folder is missing, the file is damaged, or the tables are of another version.
            StoreError: the database cannot be reached just now.

        Example:
            >>> Store.open("mysql://shop")
            Traceback (most recent call last):
            shelfspace.errors.ConfigError: a store at mysql:// is not known; known: postgresql, sqlite
        """
        journal, shown = _journal(address)
        try:
            prepare(journal, shown, migrate=migrate)
            with journal.reading() as connection:
                salt = connection.execute(
                    select(SETTINGS.c.value).where(SETTINGS.c.name == "salt")
                ).scalar_one()
        except BaseException:
            journal.close()
            raise
        return cls(journal, bytes.fromhex(salt), shown)

    def append(self, writes: Sequence[Write]) -> Appended:
        """Keep writes, all or none; they are on disk when this returns.

        One sync of the disk for each call, so that many writes at once cost little more than one; `Writer` gathers
        those of several callers.

        Args:
            writes: in their order; one whose event id is already kept is passed over.

        Raises:
            DataError: a write is not one that a store takes; nothing is kept.
            StoreError: the store cannot be written just now; nothing is kept, unless the message says otherwise.
        """
        return self.append_rows([self.rows(writes)])[0]

    def rows(self, writes: Sequence[Write]) -> list[Row]:
        """Return checked writes as `append_rows` takes them.

        Raises:
            DataError: a write is not one that a store takes.
        """
        return encoded(writes, self._salt)

    def append_rows(self, groups: Sequence[Sequence[Row]]) -> list[Appended]:
        """Keep several groups of rows in one transaction, and say what came of each; see `append`."""
        seq, added = self._journal.append(groups)
        return [Appended(seq, new, len(rows) - new) for new, rows in zip(added, groups, strict=True)]

    def since(self, seq: int, *, limit: int = 10_000, kinds: Collection[Kind] | None = None) -> list[Record]:
        """Return what was kept after a number, in order. Who goes on from the last one misses nothing.

        Args:
            seq: the last number that is known; 0 for all.
            limit: at most so many.
            kinds: only these.

        Raises:
            StoreError: the store cannot be read just now.
        """
        return self._journal.since(seq, limit, kinds)

    def latest(self) -> int:
        """Return the last number, 0 where nothing was ever kept."""
        return self._journal.latest()

    def changed(self) -> bool:
        """Return False only if nothing was appended, by any process, since the last call; one follower may ask.

        5 μs on SQLite, a round trip on PostgreSQL.
        """
        return self._journal.changed()

    def of_user(self, user_id: str) -> list[Record]:
        """Return everything that is held about a user, in order."""
        mine = (JOURNAL.c.user_hash == user_hash(self._salt, user_id)) & (JOURNAL.c.user_id == user_id)
        with self._journal.reading() as connection:
            rows = connection.execute(
                select(*_READ).where(mine, ~JOURNAL.c.gone).order_by(JOURNAL.c.seq)
            ).all()
        return decoded(rows)

    def forget(self, user_id: str) -> Appended:
        """Delete everything that is held about a user, and append a record that says so without naming them.

        The record has kind `user`, action `forget` and `{"fingerprint": ...}` as its body. On SQLite the bytes are
        overwritten, in the file and its log. PostgreSQL keeps deleted rows in its pages until it needs the room,
        and in its own log until that is recycled.

        Raises:
            StoreError: the store cannot be written just now.
        """
        seq, _ = self._journal.forget(user_hash(self._salt, user_id), user_id, tombstone(self._salt, user_id))
        return Appended(seq, 1, 0)

    def fingerprint(self, user_id: str) -> str:
        """Return the salted SHA-256 of a user's id, as a record of forgetting holds it; the salt is the store's."""
        return fingerprint(self._salt, user_id)

    def add_key(self, name: str, scopes: Collection[Scope]) -> str:
        """Make a key to the service and return it, this once: only its SHA-256 is kept.

        Args:
            name: whose it is; that of a revoked key may be used again.
            scopes: what it may be used for: `read`, `write`, `admin`.

        Raises:
            InputError: a scope is unknown, none is given, or the name is taken.
            StoreError: the store cannot be written just now.
        """
        for scope in scopes:
            if scope not in SCOPES:
                raise InputError(
                    f"the scope {scope!r} is unknown{did_you_mean(scope, SCOPES)}; known: {SCOPES}"
                )
        if not scopes or not name.strip():
            raise InputError("a key needs a name and at least one scope: read, write or admin")
        key = "ss_" + secrets.token_urlsafe(32)
        row = {
            "name": name,
            "sha256": _digest(key),
            "scopes": ",".join(sorted(scopes)),
            "created": time.time(),
        }
        with self._journal.writing() as connection:
            connection.execute(delete(KEYS).where(KEYS.c.name == name, KEYS.c.revoked.is_not(None)))
            if connection.execute(select(KEYS.c.name).where(KEYS.c.name == name)).first():
                raise InputError(f"a key named {name!r} is in use; choose another name, or revoke it first")
            connection.execute(insert(KEYS).values(row))
        return key

    def keys(self) -> list[Key]:
        """Return all keys, by name, those that were revoked among them."""
        with self._journal.reading() as connection:
            return [_key(*row) for row in connection.execute(select(*_KEY).order_by(KEYS.c.name))]

    def revoke_key(self, name: str) -> None:
        """Make a key invalid, for good.

        Raises:
            InputError: no valid key has that name.
            StoreError: the store cannot be written just now.
        """
        valid = (KEYS.c.name == name) & KEYS.c.revoked.is_(None)
        with self._journal.writing() as connection:
            if not connection.execute(update(KEYS).where(valid).values(revoked=time.time())).rowcount:
                names = (
                    connection.execute(select(KEYS.c.name).where(KEYS.c.revoked.is_(None))).scalars().all()
                )
                raise InputError(f"no valid key is named {name!r}{did_you_mean(name, names)}")

    def key_of(self, key: str) -> Key | None:
        """Return whose key it is, or None where it is unknown or was revoked. Some 100 μs; keep it for a while."""
        valid = (KEYS.c.sha256 == _digest(key)) & KEYS.c.revoked.is_(None)
        with self._journal.reading() as connection:
            row = connection.execute(select(*_KEY).where(valid)).first()
        return _key(*row) if row else None

    def close(self) -> None:
        """Let go of the database."""
        self._journal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


_KEY = (KEYS.c.name, KEYS.c.scopes, KEYS.c.created, KEYS.c.revoked)


def _key(name: str, scopes: str, created: float, revoked: float | None) -> Key:
    known = [cast("Scope", scope) for scope in scopes.split(",") if scope in get_args(Scope)]
    return Key(name, frozenset(known), created, revoked)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _journal(address: str | Path) -> tuple[Journal, str]:
    """Return the journal at an address, and the address as it may be shown."""
    if isinstance(address, Path) or "://" not in address:
        folder = Path(address)
        if not folder.is_dir():
            raise SpaceError(
                f"{folder} is no folder of a run; name one, or an address such as sqlite:///shop.db"
            )
        return SqliteJournal(folder / FILE), str(folder / FILE)
    try:
        url = sqlalchemy.make_url(address)
    except (ArgumentError, ValueError):
        raise ConfigError(
            "the store's address cannot be read; write sqlite:///path or postgresql://host/name"
        ) from None
    engine = url.get_backend_name()
    shown = url.render_as_string(hide_password=True)
    if engine == "sqlite":
        if not url.database or url.database == ":memory:":
            raise ConfigError("a store must outlive the program; name its file: sqlite:///path")
        return SqliteJournal(Path(url.database)), shown
    if engine in ("postgresql", "postgres"):
        module = extra("shelfspace.store.postgres", "psycopg", "'shelfspace[postgres]'")
        made: Journal = module.PostgresJournal(url.set(drivername="postgresql+psycopg"))
        return made, shown
    raise ConfigError(f"a store at {engine}:// is not known; known: postgresql, sqlite")
