import asyncio
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from shelfspace.errors import DataError, StoreError
from shelfspace.store import Appended, Store, Write, Writer
from shelfspace.store.rows import Row
from tests.contracts.store_contract import view


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path) as store:
        yield store


class Held:
    """A store whose appends wait until they are let go, and are counted."""

    def __init__(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.free = threading.Event(), threading.Event()
        self.sizes: list[int] = []
        self._append = store.append_rows
        monkeypatch.setattr(store, "append_rows", self.append_rows)

    def append_rows(self, groups: Sequence[Sequence[Row]]) -> list[Appended]:
        self.begun.set()
        assert self.free.wait(10)
        self.sizes.append(len(groups))
        return self._append(groups)


def test_what_gathers_is_kept_together_and_told_apart(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(store, monkeypatch)
    with Writer(store) as writer:
        first = writer.submit([view(event_id="a")])
        assert held.begun.wait(10)
        rest = [writer.submit([view(event_id=name), view()]) for name in ("a", "b", "b")]
        rest.append(writer.submit([]))
        held.free.set()
        assert first.result(10).num_added == 1
        done = [future.result(10) for future in rest]
    assert [(each.num_added, each.num_duplicates) for each in done] == [(1, 1), (2, 0), (1, 1), (0, 0)]
    assert {each.seq for each in done} == {store.latest()}
    assert held.sizes == [1, 4]


def test_the_order_of_one_caller_is_kept(store: Store) -> None:
    with Writer(store, most_at_once=7) as writer:
        futures = [writer.submit([view(item=f"i{n}")]) for n in range(100)]
        assert [future.result(10).num_added for future in futures] == [1] * 100
    assert [record.item_id for record in store.since(0)] == [f"i{n}" for n in range(100)]


def test_many_threads(store: Store) -> None:
    with Writer(store) as writer:

        def send(name: int) -> None:
            for n in range(20):
                assert writer.submit([view(event_id=f"{name}-{n}")]).result(10).num_added == 1

        threads = [threading.Thread(target=send, args=(name,)) for name in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(store.since(0)) == 100


def test_it_is_awaited(store: Store) -> None:
    async def send(writer: Writer) -> list[Appended]:
        return await asyncio.gather(*(asyncio.wrap_future(writer.submit([view()])) for _ in range(5)))

    with Writer(store) as writer:
        assert sum(each.num_added for each in asyncio.run(send(writer))) == 5


def test_a_bad_write_fails_its_caller_alone(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(store, monkeypatch)
    with Writer(store) as writer:
        good = writer.submit([view()])
        bad = writer.submit([view(), Write("item", "put")])
        later = writer.submit([view()])
        held.free.set()
        with pytest.raises(DataError, match="write 1: its item_id is missing"):
            bad.result(10)
        assert (good.result(10).num_added, later.result(10).num_added) == (1, 1)
    assert store.latest() == 2


def test_a_write_that_the_database_refuses_fails_its_caller_alone(store: Store) -> None:
    good = store.rows([view()])
    refused = [(*good[0][:7], 2**70, None)]
    with Writer(store) as writer:
        futures = [writer.submit([view(item=f"i{n}")]) for n in range(3)]
        monkey = writer.store.rows
        writer.store.rows = lambda _: refused  # type: ignore[method-assign]
        bad = writer.submit([])
        writer.store.rows = monkey  # type: ignore[method-assign]
        futures += [writer.submit([view(item=f"j{n}")]) for n in range(3)]
        with pytest.raises(DataError, match="more than SQLite takes"):
            bad.result(10)
        assert [future.result(10).num_added for future in futures] == [1] * 6
    assert store.latest() == 6


@pytest.mark.parametrize("problem", [StoreError("the disk is full"), RuntimeError("the disk is full")])
def test_a_store_that_fails_fails_its_callers_and_is_tried_again(
    store: Store, monkeypatch: pytest.MonkeyPatch, problem: Exception
) -> None:
    def fail(_: object) -> list[Appended]:
        raise problem

    with Writer(store) as writer, monkeypatch.context() as patch:
        patch.setattr(store, "append_rows", fail)
        for _ in range(2):
            with pytest.raises(StoreError, match="the disk is full"):
                writer.submit([view()]).result(10)
        patch.undo()
        assert writer.submit([view()]).result(10).num_added == 1


def test_too_many_are_refused_until_there_is_room(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(store, monkeypatch)
    with Writer(store, most_waiting=10) as writer:
        taken = [writer.submit([view()] * 4) for _ in range(2)]
        with pytest.raises(StoreError, match="busy: 8 writes are waiting"):
            writer.submit([view()] * 4).result(10)
        taken.append(writer.submit([view()] * 2))
        held.free.set()
        assert [future.result(10).num_added for future in taken] == [4, 4, 2]
        assert writer.submit([view()] * 30).result(10).num_added == 30


def test_closing_keeps_what_waits_and_refuses_more(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(store, monkeypatch)
    writer = Writer(store)
    futures = [writer.submit([view()]) for _ in range(5)]
    threading.Timer(0.05, held.free.set).start()
    writer.close()
    assert [future.result(0).num_added for future in futures] == [1] * 5
    with pytest.raises(StoreError, match="being closed"):
        writer.submit([view()]).result(0)
    writer.close()


def test_who_does_not_wait_any_more_is_passed_over(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(store, monkeypatch)
    with Writer(store) as writer:
        first = writer.submit([view()])
        assert held.begun.wait(10)
        second = writer.submit([view()])
        assert second.cancel()
        held.free.set()
        assert first.result(10).num_added == 1
        assert writer.submit([view()]).result(10).seq == 2
