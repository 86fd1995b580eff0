"""The tables of the store as the program sees them; `migrations` makes them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    false,
)

SCHEMA = "0001"
"""The revision of the migrations that the program was written for."""
REVISIONS = ("0001",)
"""All revisions, oldest first."""

TABLES = MetaData()

# In user_hash and event_hash: salted SHA-256, cut to 8 and 16 bytes. The indexes are over these alone, for a B-tree
# leaves copies of what it moves from page to page, and an id that is to be forgotten must not be among them.
JOURNAL = Table(
    "journal",
    TABLES,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("at", Double, nullable=False),
    Column("kind", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("item_id", Text),
    Column("user_id", Text),
    Column("event_id", Text),
    Column("body", Text, nullable=False),
    Column("user_hash", BigInteger),
    Column("event_hash", LargeBinary, unique=True),
    Column("gone", Boolean, nullable=False, server_default=false()),
    sqlite_autoincrement=True,  # a number is never given twice, even where the last rows are deleted
)
HAS_USER = JOURNAL.c.user_hash.is_not(None)
Index("journal_user", JOURNAL.c.user_hash, sqlite_where=HAS_USER, postgresql_where=HAS_USER)

KEYS = Table(
    "keys",
    TABLES,
    Column("name", Text, primary_key=True),
    Column("sha256", Text, nullable=False, unique=True),
    Column("scopes", Text, nullable=False),
    Column("created", Double, nullable=False),
    Column("revoked", Double),
)

SETTINGS = Table(
    "settings",
    TABLES,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
