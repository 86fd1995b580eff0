"""A load on a server of this machine: connections that ask one after the other, at a rate or as fast as they can.

Not a benchmark by itself; `serving.py` and `freshness.py` use it.
"""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


@dataclass
class Taken:
    """How long requests took, in milliseconds by kind, and what was not answered well."""

    times: dict[str, list[float]] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)

    def add(self, kind: str, milliseconds: float, status: int) -> None:
        """Note a request."""
        self.times.setdefault(kind, []).append(milliseconds)
        if status != 200:
            self.failed[f"{kind} {status}"] = self.failed.get(f"{kind} {status}", 0) + 1

    def figures(self, *kinds: str) -> dict[str, float]:
        """Return the count and the quantiles of some kinds together."""
        times = np.concatenate([self.times.get(kind, []) for kind in kinds])
        quantiles = {f"p{q:g}_ms": round(float(np.percentile(times, q)), 2) for q in (50, 90, 99, 99.9)}
        return {"requests": len(times), **quantiles, "max_ms": round(float(times.max()), 2)}


Request = tuple[str, bytes]
"""What kind it is, and how it goes over the wire."""

Script = Sequence[Request]
"""Requests that one connection sends, each when the one before is answered."""


def request(method: str, path: str, body: bytes = b"") -> bytes:
    """Return a request as it goes over the wire."""
    kind = f"content-type: application/json\r\ncontent-length: {len(body)}\r\n" if body else ""
    return f"{method} {path} HTTP/1.1\r\nhost: localhost\r\n{kind}\r\n".encode() + body


class Connection(asyncio.Protocol):
    """A connection that sends one request after the other; as little as can be stands between it and the socket.

    `ask` is for one request at a time; `play` sends a script and calls back, which costs less.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.transport: asyncio.Transport | None = None
        self.held = b""
        self.answer: asyncio.Future[tuple[int, bytes]] | None = None
        self.left: Iterator[Request] | None = None

    async def open(self) -> None:
        """Connect, where it is not."""
        if self.transport is None:
            await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", self.port)

    async def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """Send a request and return status and body."""
        await self.open()
        self.answer = asyncio.get_running_loop().create_future()
        self.transport.write(request(method, path, body))  # type: ignore[union-attr]
        return await self.answer

    def play(self, script: Script, due: float, taken: Taken, done: "Callable[[Connection], None]") -> None:
        """Send a script and call back at its end; the first answer's time counts from when it was due."""
        self.left, self.begun, self.taken, self.done = iter(script), due, taken, done
        self._next()

    def _next(self) -> None:
        assert self.left is not None
        step = next(self.left, None)
        if step is None:
            self.left = None
            self.done(self)
        else:
            self.kind, self.sent = step
            if self.transport is not None:
                self.transport.write(self.sent)
            else:  # it was idle for so long that the server closed it
                opened = asyncio.ensure_future(self.open())
                opened.add_done_callback(lambda _: self._send())

    def _send(self) -> None:
        if self.transport is not None:
            self.transport.write(self.sent)
        else:
            self._lost()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the transport."""
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Take a part of an answer."""
        self.held += data
        end = self.held.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self.held[:end].lower()
        length = int(head.split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0])
        if len(self.held) < end + 4 + length:
            return
        status, body, self.held = int(head[9:12]), self.held[end + 4 :], b""
        if b"connection: close" in head:
            self.close()
        if self.left is not None:
            now = time.perf_counter()
            self.taken.add(self.kind, (now - self.begun) * 1e3, status)
            self.begun = now
            self._next()
        elif self.answer is not None:
            self.answer.set_result((status, body))

    def connection_lost(self, problem: Exception | None) -> None:
        """Tell who waits that no answer comes."""
        self.transport, self.held = None, b""
        if self.left is not None:
            self._lost()
        elif self.answer is not None and not self.answer.done():
            self.answer.set_exception(ConnectionError("the server closed the connection"))

    def close(self) -> None:
        """Close it; the next request opens another."""
        if self.transport is not None:
            self.transport.close()
            self.transport = None

    def _lost(self) -> None:
        """Count a script that was cut off as failed, and go on when there is a connection again."""
        self.left = None
        self.taken.failed["cut off"] = self.taken.failed.get("cut off", 0) + 1
        opened = asyncio.ensure_future(self.open())
        opened.add_done_callback(lambda _: self.done(self))


@asynccontextmanager
async def connections(port: int, number: int) -> AsyncIterator[list[Connection]]:
    """Open connections, and close them at the end; first those that were closed are given time to be known as such."""
    await asyncio.sleep(1.5)
    made = [Connection(port) for _ in range(number)]
    for one in made:
        await one.open()
    try:
        yield made
    finally:
        for one in made:
            one.close()


async def at_rate(
    made: list[Connection], scripts: Iterator[Script], taken: Taken, *, rate: float, seconds: float
) -> float:
    """Begin scripts at a steady rate, whatever the answers take, and return the rate that was reached.

    A script waits for a free connection where all are busy, and its waiting counts: no answer hides behind another.
    """
    free, waiting = deque(made), deque[tuple[Script, float]]()

    def done(one: Connection) -> None:
        if waiting:
            one.play(*waiting.popleft(), taken, done)
        else:
            free.append(one)

    begun, number = time.perf_counter(), 0
    while (now := time.perf_counter()) - begun < seconds:
        while number < (now - begun) * rate:
            waiting.append((next(scripts), begun + number / rate))
            number += 1
            if free:
                done(free.popleft())
        await asyncio.sleep(0.001)
    while len(free) < len(made) and time.perf_counter() - now < 30:
        await asyncio.sleep(0.01)
    return number / (time.perf_counter() - begun)


async def at_once(
    made: list[Connection], scripts: Iterator[Script], taken: Taken, *, seconds: float
) -> float:
    """Let each connection begin its next script when the one before is done, and return the scripts a second."""
    begun, number, playing = time.perf_counter(), 0, len(made)
    ended = asyncio.get_running_loop().create_future()

    def done(one: Connection) -> None:
        nonlocal number, playing
        now = time.perf_counter()
        if now - begun < seconds:
            number += 1
            one.play(next(scripts), now, taken, done)
        else:
            playing -= 1
            if not playing:
                ended.set_result(None)

    for one in made:
        done(one)
    await ended
    return number / (time.perf_counter() - begun)


@contextmanager
def served(
    run: Path, workers: int, *options: str, log: Path | None = None
) -> Iterator[tuple[int, subprocess.Popen]]:
    """Serve a run on a free port, and stop at the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).with_name("shelfspace")), "serve", str(run), "--port", str(port)]
    said = Path(tempfile.mkdtemp(prefix="load-")) / "log"
    with said.open("wb") as out:
        process = subprocess.Popen(
            [*command, "--workers", str(workers), *options], stdout=out, stderr=out, start_new_session=True
        )
        try:
            wait_until_ready(process, said, workers)
            yield port, process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=40)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
            if log is not None:
                shutil.copy(said, log)
            shutil.rmtree(said.parent)


def wait_until_ready(process: subprocess.Popen, said: Path, workers: int, seconds: float = 600.0) -> None:
    """Return when so many workers answer, as the log says."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and process.poll() is None:
        if said.read_text("utf-8").count('"a worker answers"') >= workers:
            time.sleep(1.0)
            return
        time.sleep(0.2)
    raise RuntimeError(f"the server does not answer:\n{said.read_text('utf-8')[-3000:]}")


def worker_pids(port: int) -> list[int]:
    """Return the processes that answer: all whose settings name the port."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            command = (folder / "cmdline").read_bytes()
            said = (folder / "environ").read_bytes()
        except OSError:
            continue
        if b"shelfspace.service.worker\0" in command + b"\0" and f'"port":{port},'.encode() in said:
            found.append(int(folder.name))
    return found


def memory(pids: list[int]) -> dict[str, float]:
    """Return what processes hold in mebibytes: of their own, and what they share counted in parts."""
    totals = {"Pss": 0.0, "Private_Dirty": 0.0, "Rss": 0.0}
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            name, _, rest = line.partition(":")
            if name in totals:
                totals[name] += int(rest.split()[0]) / 1024
    return {name: round(value, 1) for name, value in totals.items()}


def machine() -> dict[str, object]:
    """Return what this was run on."""
    info = Path("/proc/cpuinfo").read_text()
    model = next((line.split(": ")[1] for line in info.splitlines() if line.startswith("model name")), "?")
    return {"processor": model, "cores": len(os.sched_getaffinity(0)), "python": sys.version.split()[0]}


def write(path: Path, figures: object) -> None:
    """Write a result."""
    path.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", "utf-8")
