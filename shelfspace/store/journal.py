"""What a database must do to keep the journal; one class for each engine does it."""

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from sqlalchemy import Connection

from shelfspace.store.records import Record
from shelfspace.store.rows import Row


class Journal(Protocol):
    """Rows in one order that all readers see alike. Any thread may call; every method may raise StoreError."""

    def append(self, groups: Sequence[Sequence[Row]]) -> tuple[int, list[int]]:
        """Keep groups of rows in one transaction that is on disk when this returns.

        Returns:
            The last number of the journal, and how many rows of each group were new.
        """

    def since(self, seq: int, limit: int, kinds: Collection[str] | None) -> list[Record]:
        """Return the first `limit` records after a number, in order."""

    def latest(self) -> int:
        """Return the last number, 0 where there is none."""

    def changed(self) -> bool:
        """Return False only if nothing was appended since the last call."""

    def forget(self, user_hash: int, user_id: str, tombstone: Row) -> tuple[int, int]:
        """Delete a user's rows and append the tombstone; return the last number and how many were deleted."""

    def reading(self) -> AbstractContextManager[Connection]:
        """Give a connection that reads."""

    def writing(self) -> AbstractContextManager[Connection]:
        """Give a connection in a transaction of its own turn, which is on disk when the block ends."""

    def close(self) -> None:
        """Let go of the database."""
