"""Whose turn it is to write to a SQLite file: processes wait in a queue that the kernel keeps."""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Turns:
    """Turns at writing to a file, one at a time, among the threads and processes of a machine.

    SQLite lets writers that wait sleep and try again, up to a tenth of a second, so that a busy one can keep all others
    out until they give up. Here a writer waits for the place at the head of the queue, and holds it while it waits for
    its turn; who has just had a turn must queue again behind it. A process that is killed leaves its place. About 5 μs
    where nobody waits.

    Args:
        path: the database; two empty files stand beside it, `.queue` and `.turn`.
    """

    def __init__(self, path: Path) -> None:
        self._paths = [path.with_name(f"{path.name}.{name}") for name in ("queue", "turn")]
        self._lock = threading.Lock()
        self._files: list[int] = []

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn, and have it for the length of the block.

        Raises:
            OSError: the files beside the database cannot be made.
        """
        with self._lock:
            if not self._files:
                self._open()
            queue, turn = self._files
            fcntl.flock(queue, fcntl.LOCK_EX)
            try:
                fcntl.flock(turn, fcntl.LOCK_EX)
            finally:
                fcntl.flock(queue, fcntl.LOCK_UN)
            try:
                yield
            finally:
                fcntl.flock(turn, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the files; a later turn opens them anew."""
        with self._lock:
            for file in self._files:
                os.close(file)
            self._files = []

    def _open(self) -> None:
        files: list[int] = []
        try:
            for path in self._paths:
                files.append(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644))  # noqa: PERF401
        except OSError:
            for file in files:
                os.close(file)
            raise
        self._files = files
