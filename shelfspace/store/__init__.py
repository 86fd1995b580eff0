"""Events and changes kept in a database, append-only: SQLite in the run folder, or PostgreSQL."""

from shelfspace.store.records import SCOPES, Action, Appended, Key, Kind, Record, Scope, Write
from shelfspace.store.store import Store
from shelfspace.store.writer import Writer

__all__ = ["SCOPES", "Action", "Appended", "Key", "Kind", "Record", "Scope", "Store", "Write", "Writer"]
