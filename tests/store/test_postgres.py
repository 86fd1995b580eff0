import threading
from collections.abc import Callable, Iterator

import psycopg
import pytest

from shelfspace.errors import StoreError
from shelfspace.store import Store
from tests.contracts.store_contract import StoreContract, view

DIES_AT_COMMIT = """
CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS
'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END';
CREATE CONSTRAINT TRIGGER dies AFTER INSERT ON journal DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION die();
"""


@pytest.fixture
def address(postgres: Callable[[], str]) -> str:
    return postgres()


@pytest.fixture
def store(address: str) -> Iterator[Store]:
    with Store.open(address) as store:
        yield store


class TestPostgres(StoreContract):
    """All of the contract, in a schema of its own for each test."""


def run(address: str, statement: str) -> None:
    with psycopg.connect(address) as connection:
        connection.execute(statement)


def test_it_waits_for_the_disk(store: Store) -> None:
    store.append([view()])
    assert store._journal._writer.execute("SHOW synchronous_commit").fetchone() == ("on",)
    assert store._journal._writer.execute("SHOW fsync").fetchone() == ("on",)


def test_connections_that_died_are_replaced(address: str, store: Store) -> None:
    store.append([view()])
    store.keys()
    run(
        address,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
        "AND backend_type = 'client backend'",
    )
    assert store.append([view()]).num_added == 1
    assert len(store.since(0)) == 2
    assert store.keys() == []
    assert len(store.of_user("ann")) == 2


def test_a_connection_that_dies_during_a_commit_leaves_a_doubt_that_is_told(
    address: str, store: Store
) -> None:
    run(address, DIES_AT_COMMIT)
    with pytest.raises(StoreError, match="may be kept or not; send them again with the same event ids"):
        store.append([view(event_id="e1")])
    run(address, "DROP FUNCTION die CASCADE")
    assert store.append([view(event_id="e1")]).num_added + len(store.since(0)) >= 1
    assert [record.event_id for record in store.since(0)] == ["e1"]


def test_what_the_server_refuses_is_told_and_rolled_back(address: str, store: Store) -> None:
    run(address, "ALTER TABLE journal RENAME TO elsewhere")
    with pytest.raises(StoreError, match="cannot be used just now: relation"):
        store.append([view()])
    with pytest.raises(StoreError, match="cannot be used just now: relation"):
        store.since(0)
    run(address, "ALTER TABLE elsewhere RENAME TO journal")
    assert store.append([view()]).num_added == 1
    assert len(store.since(0)) == 1


def test_writers_take_turns_from_the_first_number_to_the_commit(address: str, store: Store) -> None:
    """So that no number is seen before a smaller one."""
    with Store.open(address) as other:
        done: list[int] = []
        thread = threading.Thread(target=lambda: done.append(other.append([view()]).seq))
        with store._journal.writing() as connection:
            thread.start()
            thread.join(0.3)
            assert thread.is_alive()
            assert done == []
            connection.exec_driver_sql("SELECT 1")
        thread.join(10)
    assert done == [1]
