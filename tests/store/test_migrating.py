from collections.abc import Callable
from importlib import resources
from pathlib import Path

import alembic.config
import alembic.script
import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from shelfspace.store import Store
from shelfspace.store.tables import REVISIONS, SCHEMA, TABLES


def test_the_program_knows_all_migrations() -> None:
    settings = alembic.config.Config()
    settings.set_main_option("script_location", str(resources.files("shelfspace.store") / "migrations"))
    scripts = alembic.script.ScriptDirectory.from_config(settings)
    assert [script.revision for script in scripts.walk_revisions()][::-1] == list(REVISIONS)
    assert scripts.get_current_head() == SCHEMA


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_the_migrations_make_the_tables_that_the_program_sees(
    engine: str, tmp_path: Path, postgres: Callable[[], str]
) -> None:
    address = postgres() if engine == "postgresql" else f"sqlite:///{tmp_path / 'shop.db'}"
    Store.open(address).close()
    made = sqlalchemy.create_engine(address.replace("postgresql:", "postgresql+psycopg:"))
    with made.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), TABLES) == []
    made.dispose()


def test_a_migration_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> str:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr("secrets.token_hex", fail)
        with pytest.raises(RuntimeError, match="killed"):
            Store.open(tmp_path)
    with Store.open(tmp_path) as store:
        assert store.latest() == 0
