"""Make the tables of a store, or bring those of an older version up to date."""

from importlib import resources

import alembic.command
import alembic.config
from sqlalchemy import Connection, inspect, text

from shelfspace.errors import SpaceError
from shelfspace.store.journal import Journal
from shelfspace.store.tables import REVISIONS, SCHEMA


def prepare(journal: Journal, shown: str, *, migrate: bool) -> None:
    """See to it that the tables are those of this version. One query where they are.

    Several processes may open a store at once: they migrate in turns, and all but the first find it done.

    Args:
        journal: the store's.
        shown: its address, for messages.
        migrate: whether tables may be made and changed.

    Raises:
        SpaceError: the tables are of a newer version, or of an older one and may not be changed.
    """
    with journal.reading() as connection:
        found = revision(connection)
    if _is_current(found, shown):
        return
    if not migrate:
        raise SpaceError(
            f"the store {shown} has tables of version {found or 'none'}, and this shelfspace needs {SCHEMA}; open it "
            "with migrate=True once, or run `shelfspace serve`"
        )
    with journal.writing() as connection:
        if not _is_current(revision(connection), shown):
            settings = alembic.config.Config()
            settings.set_main_option(
                "script_location", str(resources.files("shelfspace.store") / "migrations").replace("%", "%%")
            )
            settings.attributes["connection"] = connection
            alembic.command.upgrade(settings, SCHEMA)


def revision(connection: Connection) -> str | None:
    """Return the version of the tables, or None where there are none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def _is_current(found: str | None, shown: str) -> bool:
    if found is not None and found not in REVISIONS:
        raise SpaceError(
            f"the store {shown} was written by a newer shelfspace, its tables are of version {found}; upgrade "
            "this shelfspace"
        )
    return found == SCHEMA
