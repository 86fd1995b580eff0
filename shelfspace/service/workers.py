"""The parent of the workers: it takes connections and hands them out, and starts anew what dies."""

import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from shelfspace.errors import ConfigError, JobError
from shelfspace.service import channel
from shelfspace.service.channel import Channel
from shelfspace.service.logs import configure, log
from shelfspace.service.settings import VARIABLE, Serving

SHARED = "SHELFSPACE_SHARED"
"""The variable of the environment that names the folder which the workers of a server share."""

STARTUP_FAILURE = 3

LOOK = 0.25
"""Seconds between two looks at the workers."""

HUNG = 60.0
"""Seconds without a sign of life after which a worker is killed."""

STEADY = 60.0
"""Seconds that a worker must have lived for its death to count as the first."""

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def serve(settings: Serving, listener: socket.socket | None = None) -> None:
    """Serve a run until SIGTERM or SIGINT; requests under way are then finished.

    The first worker makes what all share, the others start once it answers. Each is a process of its own; the parent
    gives a new connection to the one that holds the fewest, and a worker that dies is started again.

    Args:
        settings: what to serve, and how.
        listener: a socket that listens already; one is made where not given.

    Raises:
        ConfigError: the address cannot be listened on.
        JobError: no worker could be started; the log says why.

    Example:
        >>> serve(Serving(run=Path("runs/shop"), workers=2))  # doctest: +SKIP
    """
    configure(settings.log_level)
    with (
        listener or listening(settings.host, settings.port) as taken,
        tempfile.TemporaryDirectory(prefix="shelfspace-") as shared,
    ):
        Parent(settings, taken, Path(shared)).run()


def listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        ConfigError: the address is taken, not this machine's, or not allowed.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
        made.listen(2048)
    except OSError as problem:
        made.close()
        raise ConfigError(f"cannot listen on {host} port {port}: {problem.strerror or problem}") from None
    made.setblocking(False)
    return made


@dataclass(slots=True)
class Child:
    """A worker as the parent sees it."""

    process: subprocess.Popen[bytes]
    channel: Channel
    started: float
    seen: float
    ready: bool = False
    num_handed: int = 0
    num_ended: int = 0

    @property
    def num_held(self) -> int:
        """How many connections it holds."""
        return self.num_handed - self.num_ended


class Parent:
    """Starts the workers, hands them connections and watches them.

    Args:
        settings: the server's.
        listener: where connections come in.
        shared: a folder for what the workers share.
        command: what starts a worker.
    """

    def __init__(
        self,
        settings: Serving,
        listener: socket.socket,
        shared: Path,
        command: Sequence[str] = (sys.executable, "-m", "shelfspace.service.worker"),
    ) -> None:
        self.settings, self.listener, self.shared, self.command = settings, listener, shared, command
        self.children: list[Child] = []
        self.stopping = False
        self._selector = selectors.DefaultSelector()
        self._start_at, self._num_deaths, self._listens = 0.0, 0, False
        self._held: list[socket.socket] = []

    def run(self) -> None:
        """Serve until told to stop.

        Raises:
            JobError: no worker could be started.
        """
        before = {n: signal.signal(n, self._told) for n in (signal.SIGTERM, signal.SIGINT)}
        try:
            self._start()
            while not self.stopping:
                self._step()
        finally:
            self._stop()
            self._selector.close()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _told(self, number: int, frame: FrameType | None) -> None:
        self.stopping = True

    def _step(self) -> None:
        events = self._selector.select(0.01 if self._held else LOOK)
        for key, _ in events:
            if key.data is not None:
                self._hear(key.data)
        if any(key.data is None for key, _ in events):  # after what ended is counted
            self._accept()
        now = time.monotonic()
        for child in [c for c in self.children if c.ready and now - c.seen > HUNG]:
            log.error("a worker gave no sign of life for %d s", HUNG, extra={"worker": child.process.pid})
            child.process.kill()
        num_ready = sum(child.ready for child in self.children)
        is_starting = num_ready < len(self.children)
        if len(self.children) < self.settings.workers and not is_starting and now >= self._start_at:
            self._start()
        self._listen(num_ready > 0)
        held, self._held = self._held, []
        for connection in held:
            self._hand(connection)

    def _listen(self, wanted: bool) -> None:
        """Take connections only while a worker answers; until then they wait in the kernel's queue."""
        if wanted and not self._listens:
            self._selector.register(self.listener, selectors.EVENT_READ)
            host, port = self.listener.getsockname()[:2]
            log.info("listening on %s", host, extra={"port": port, "workers": self.settings.workers})
        elif self._listens and not wanted:
            self._selector.unregister(self.listener)
        self._listens = wanted

    def _accept(self) -> None:
        for _ in range(64):
            try:
                connection, _address = self.listener.accept()
            except BlockingIOError:
                return
            except OSError as problem:  # no descriptor is left, or the client is gone
                log.warning("a connection could not be taken: %s", problem.strerror)
                time.sleep(0.01)
                return
            self._hand(connection)

    def _hand(self, connection: socket.socket) -> None:
        for child in sorted((c for c in self.children if c.ready), key=lambda c: c.num_held):
            if child.channel.hand(connection):
                child.num_handed += 1
                connection.close()
                return
        if len(self._held) < self.settings.max_connections:
            self._held.append(connection)
        else:
            connection.close()

    def _hear(self, child: Child) -> None:
        while (said := child.channel.heard()) is not None:
            if said == b"":
                self._bury(child)
                return
            child.seen = time.monotonic()
            if said == channel.READY:
                child.ready = True
            elif said[1:].isdigit():
                child.num_ended = int(said[1:])

    def _start(self) -> None:
        ours, theirs = Channel.pair()
        process = subprocess.Popen(
            self.command, env=self._environment(theirs), pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL
        )
        theirs.close()
        child = Child(process, ours, time.monotonic(), time.monotonic())
        self.children.append(child)
        self._selector.register(ours.socket, selectors.EVENT_READ, child)
        log.info("a worker starts", extra={"worker": process.pid})

    def _environment(self, theirs: Channel) -> dict[str, str]:
        threads = dict.fromkeys(THREADS, str(self.settings.threads))
        return {
            "MALLOC_ARENA_MAX": "2",  # memory stays where it is, however many threads ask for it
            **os.environ,
            **threads,
            VARIABLE: self.settings.to_json(),
            SHARED: str(self.shared),
            channel.VARIABLE: str(theirs.fileno()),
            "PROMETHEUS_MULTIPROC_DIR": str(self.shared),
        }

    def _bury(self, child: Child) -> None:
        """Note the death of a worker, and when the next one starts: at once, then later and later."""
        self._selector.unregister(child.channel.socket)
        child.channel.close()
        self.children.remove(child)
        try:
            code = child.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            child.process.kill()
            code = child.process.wait()
        for path in self.shared.glob(f"gauge_live*_{child.process.pid}.db"):
            path.unlink(missing_ok=True)  # what it counted stays in the sums, what it was at does not
        if self.stopping:
            return
        log.error("a worker ended with %d", code, extra={"worker": child.process.pid})
        if not child.ready and not self._listens and not self.children:
            raise JobError("no worker could be started; the log says why")
        now = time.monotonic()
        self._num_deaths = 1 if now - child.started > STEADY else self._num_deaths + 1
        self._start_at = now + min(30.0, 0.25 * 2 ** (self._num_deaths - 1)) * (self._num_deaths > 1)

    def _stop(self) -> None:
        """Take no more connections, let the workers finish, and kill what does not."""
        self.stopping = True
        self._listen(False)
        self.listener.close()
        for connection in self._held:
            connection.close()
        for child in self.children:
            if child.process.poll() is None:
                child.process.terminate()
        until = time.monotonic() + self.settings.grace + 5
        for child in self.children:
            try:
                child.process.wait(timeout=max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.error("a worker did not stop in time", extra={"worker": child.process.pid})
                child.process.kill()
                child.process.wait()
            child.channel.close()
        log.info("stopped")


def main() -> int:
    """Serve what the environment says; the command `shelfspace serve` ends in this."""
    try:
        serve(Serving.from_json(os.environ[VARIABLE]))
    except (ConfigError, JobError) as problem:
        log.error("%s", problem)
        return problem.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
