"""Many callers, one sync of the disk: what has gathered is kept in one transaction."""

import queue
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from shelfspace.errors import InputError, ShelfspaceError, StoreError
from shelfspace.store.records import Appended, Write
from shelfspace.store.rows import Row
from shelfspace.store.store import Store


@dataclass(frozen=True, slots=True)
class _Task:
    rows: list[Row]
    future: Future[Appended] = field(default_factory=Future)


class Writer:
    """Appends for many callers from one thread, as much at a time as has gathered.

    A caller waits for the transaction that is under way and for its own, whatever the number of callers.

    Args:
        store: where to; it stays open when the writer is closed.
        most_waiting: writes that may wait; beyond it callers are refused, so that memory stays bounded.
        most_at_once: writes of one transaction, so that it stays short.

    Example:
        >>> writer = Writer(Store.open("sqlite:///shop.db"))  # doctest: +SKIP
        >>> writer.submit([Write("item", "delete", "sku-42")]).result()  # doctest: +SKIP
        Appended(seq=2, num_added=1, num_duplicates=0)
    """

    def __init__(self, store: Store, *, most_waiting: int = 100_000, most_at_once: int = 5_000) -> None:
        self.store = store
        self.most_waiting = most_waiting
        self.most_at_once = most_at_once
        self._waiting: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._num_waiting = 0
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="shelfspace-writer", daemon=True)
        self._thread.start()

    def submit(self, writes: Sequence[Write]) -> Future[Appended]:
        """Hand over writes; `asyncio.wrap_future` makes the answer one to await. It never blocks.

        Returns:
            A future: what came of these writes; or DataError, where one of them is bad and none is kept; or StoreError,
            where they could not be kept, or too many are waiting already.
        """
        refused: Future[Appended] = Future()
        try:
            rows = self.store.rows(writes)
        except InputError as problem:
            refused.set_exception(problem)
            return refused
        task = _Task(rows)
        with self._lock:
            if self._closed:
                refused.set_exception(StoreError("the store is being closed; send the writes again later"))
                return refused
            if self._num_waiting and self._num_waiting + len(rows) > self.most_waiting:
                told = f"the store is busy: {self._num_waiting:,} writes are waiting; send these again later"
                refused.set_exception(StoreError(told))
                return refused
            self._num_waiting += len(rows)
            self._waiting.put(task)
        return task.future

    def close(self) -> None:
        """Keep what is waiting, then stop."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._waiting.put(None)
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self) -> None:
        while True:
            tasks, ended = self._gathered()
            live = [task for task in tasks if task.future.set_running_or_notify_cancel()]
            if live:
                self._keep(live)
            with self._lock:
                self._num_waiting -= sum(len(task.rows) for task in tasks)
            if ended:
                return

    def _gathered(self) -> tuple[list[_Task], bool]:
        """Wait for a task, and return it with those that wait behind it, and whether it is time to end."""
        tasks: list[_Task] = []
        size = 0
        try:
            while size < self.most_at_once:
                task = self._waiting.get(block=not tasks)
                if task is None:
                    return tasks, True
                tasks.append(task)
                size += max(len(task.rows), 1)
        except queue.Empty:
            pass
        return tasks, False

    def _keep(self, tasks: list[_Task]) -> None:
        """Append the tasks together; where the database refuses a value, each by itself."""
        try:
            done = self.store.append_rows([task.rows for task in tasks])
        except InputError as problem:
            if len(tasks) == 1:
                tasks[0].future.set_exception(problem)
                return
            for task in tasks:
                self._keep([task])
        except ShelfspaceError as problem:
            for task in tasks:
                task.future.set_exception(problem)
        except BaseException as problem:  # noqa: BLE001 - the callers must hear of it, and the thread must live
            for task in tasks:
                told = StoreError(f"the writes could not be kept: {problem!r}")
                told.__cause__ = problem
                task.future.set_exception(told)
        else:
            for task, appended in zip(tasks, done, strict=True):
                task.future.set_result(appended)
