"""The log: a line of JSON for each request and each event of the server, on standard error.

A line of a request holds the time, level, request id, method, the route's template, status, milliseconds, the name of
the key and the version of the space; no query, body, id of a user, address or key ever.
"""

import json
import logging
import os
import sys
import threading
import time
import traceback
from collections import deque
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

log = logging.getLogger("shelfspace.service")

EVERY = 0.1
"""Seconds between two writes: what a killed process may fail to say."""

MAX_WAITING = 20_000
"""Lines that wait for a slow reader; more are dropped, and counted."""

_OWN = ("request_id", "worker", "version", "port", "workers")


def configure(level: str = "info") -> None:
    """Send the log of this process, and the web server's, to standard error as lines of JSON."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines())
    for name in ("shelfspace", "uvicorn"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level.upper())
    # Of itself the web server tells what we tell as well, and at `warning` of each request that is no HTTP.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    logging.getLogger("uvicorn.access").disabled = True


class Lines(logging.Formatter):
    """A record of `logging` as a line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "time": stamp(record.created),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            "pid": record.process,
        }
        line |= {name: getattr(record, name) for name in _OWN if hasattr(record, name)}
        if record.exc_info and record.exc_info[1] is not None:
            line["problem"] = _where(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False, default=str)


class Drain:
    """Writes lines in a thread of its own, so that a slow reader of the log never holds an answer up.

    Args:
        descriptor: where to write; standard error by default.
    """

    def __init__(self, descriptor: int = 2) -> None:
        self.descriptor, self.num_dropped = descriptor, 0
        self._lines: deque[bytes] = deque()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._write, name="log", daemon=True)
        self._thread.start()

    def put(self, line: bytes) -> None:
        """Take a line, its end included. Well under a microsecond."""
        if len(self._lines) < MAX_WAITING:
            self._lines.append(line)
        else:
            self.num_dropped += 1

    def close(self) -> None:
        """Write what waits, for two seconds at most."""
        self._closing.set()
        self._thread.join(timeout=2.0)

    def _write(self) -> None:
        while not self._closing.wait(EVERY):
            self._flush()
        self._flush()

    def _flush(self) -> None:
        if self.num_dropped:
            dropped, self.num_dropped = self.num_dropped, 0
            about = {
                "time": stamp(time.time()),
                "level": "warning",
                "message": f"{dropped} log lines dropped",
            }
            self._lines.append(json.dumps(about).encode() + b"\n")
        text = b"".join(self._lines.popleft() for _ in range(len(self._lines)))
        while text:
            try:
                text = text[os.write(self.descriptor, text) :]
            except BlockingIOError:
                time.sleep(EVERY)
            except OSError:  # nobody reads the log any more: the server goes on
                return


def stamp(seconds: float) -> str:
    """Return a time as text, in UTC with milliseconds."""
    whole = int(seconds)
    return f"{_second(whole)}.{int((seconds - whole) * 1000):03}Z"


@lru_cache(maxsize=4)
def _second(whole: int) -> str:
    return datetime.fromtimestamp(whole, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _where(problem: BaseException) -> str:
    """Say what was raised and where, without its message: that may hold what a request said."""
    frames = traceback.extract_tb(problem.__traceback__)[-5:]
    places = " > ".join(
        f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames
    )
    return f"{type(problem).__name__} at {places}" if places else type(problem).__name__
