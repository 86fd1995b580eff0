from pathlib import Path

import pytest

from shelfspace.errors import ConfigError, MissingExtraError, SpaceError, StoreError
from shelfspace.store import Store


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("mysql://shop", "mysql:// is not known; known: postgresql, sqlite"),
        ("sqlite://", "name its file"),
        ("sqlite:///:memory:", "name its file"),
        ("postgresql://host:port/db", "cannot be read"),
    ],
)
def test_an_address_that_cannot_be(address: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        Store.open(address)


def test_a_run_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(SpaceError, match="no folder of a run"):
        Store.open(tmp_path / "run")


def test_a_database_that_is_not_there_and_a_password_that_is_not_shown() -> None:
    with pytest.raises(StoreError, match="cannot be used just now") as problem:
        Store.open("postgresql://shop:hunter2@127.0.0.1:1/shop")
    assert "hunter2" not in str(problem.value)


def test_psycopg_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)
    monkeypatch.delitem(__import__("sys").modules, "shelfspace.store.postgres", raising=False)
    with pytest.raises(MissingExtraError, match=r"shelfspace\[postgres\]"):
        Store.open("postgresql://shop")
