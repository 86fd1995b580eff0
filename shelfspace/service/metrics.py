"""What the server counts, for Prometheus: right over all workers of a host.

With several processes each writes its numbers to a memory-mapped file of its own in one folder
(`PROMETHEUS_MULTIPROC_DIR`, set before a worker starts), and whichever is asked sums them.
"""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from time import perf_counter
from typing import Any, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from shelfspace.errors import StoreError
from shelfspace.service.edge.asgi import Scope
from shelfspace.service.edge.watching import method_of

FOLDER = "PROMETHEUS_MULTIPROC_DIR"

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)

EVERY = 1.0
"""Seconds between two looks at what the worker follows."""


class Appends(Protocol):
    """What an append says of itself."""

    @property
    def num_added(self) -> int:
        """How many writes were kept."""

    @property
    def num_duplicates(self) -> int:
        """How many were kept before."""


class Follower(Protocol):
    """A space that follows the store."""

    @property
    def version(self) -> int:
        """The version of the space."""

    @property
    def seq(self) -> int:
        """The last write that it knows."""

    @property
    def space(self) -> Any:
        """What answers."""


class Followed(Protocol):
    """A store that is followed."""

    def latest(self) -> int:
        """Return the number of the last write."""


class Metrics:
    """The numbers of one worker; about 6 µs a request with several workers, 3 µs with one."""

    def __init__(self) -> None:
        own = self.registry = CollectorRegistry()
        self._requests = Counter(
            "shelfspace_requests", "Requests answered", ("method", "route", "status"), registry=own
        )
        self._seconds = Histogram(
            "shelfspace_request_seconds",
            "Seconds until an answer",
            ("method", "route"),
            registry=own,
            buckets=SECONDS,
        )
        self._added = Counter("shelfspace_writes_accepted", "Events and changes kept", registry=own)
        self._duplicates = Counter(
            "shelfspace_writes_duplicate", "Events and changes kept before", registry=own
        )
        self._failed = Counter("shelfspace_writes_failed", "Appends that the store refused", registry=own)
        self._write_seconds = Histogram(
            "shelfspace_write_seconds",
            "Seconds until a write is on disk",
            registry=own,
            buckets=SECONDS,
        )
        self._watched = Gauge(
            "shelfspace_watched", "What alarms watch", ("name",), registry=own, multiprocess_mode="livemax"
        )
        self._seq = _gauge("shelfspace_followed_seq", "Last write that a worker knows", "livemin", own)
        self._lag = _gauge(
            "shelfspace_lag_writes", "Writes that a worker is behind the store", "livemax", own
        )
        self._version = _gauge("shelfspace_space_version", "Version of the space", "livemin", own)
        self._items = _gauge("shelfspace_items", "Items of the space", "livemax", own)
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def request(self, scope: Scope, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        asked = (method_of(scope), route, status)
        children = self._children.get(asked)
        if children is None:
            method, route, status = asked
            children = (
                self._requests.labels(method, route, str(status)),
                self._seconds.labels(method, route),
            )
            self._children[asked] = children
        children[0].inc()
        children[1].observe(seconds)

    def write(self, begun: float, done: "Future[Any]") -> None:
        """Count an append that ended."""
        if done.cancelled() or done.exception() is not None:
            self._failed.inc()
            return
        appended: Appends = done.result()
        self._write_seconds.observe(perf_counter() - begun)
        self._added.inc(appended.num_added)
        self._duplicates.inc(appended.num_duplicates)

    def follow(self, live: Follower, latest: int | None) -> None:
        """Note what a worker follows; `latest` is the store's last write, None where it cannot be read."""
        self._seq.set(live.seq)
        self._version.set(live.version)
        self._items.set(num_items(live.space))
        if latest is not None:
            self._lag.set(max(0, latest - live.seq))

    def watch(self, numbers: Mapping[str, float]) -> None:
        """Note what alarms see, and as `NAME_firing` whether they ring."""
        for name, value in numbers.items():
            self._watched.labels(name).set(value)

    def text(self) -> bytes:
        """Return all numbers of all workers as Prometheus reads them; some milliseconds."""
        if FOLDER not in os.environ:
            return generate_latest(self.registry)
        every = CollectorRegistry()
        MultiProcessCollector(every)  # type: ignore[no-untyped-call]
        return generate_latest(every)


class Counted:
    """A Writer whose appends are counted; it is used in its place.

    Args:
        writer: what appends.
        metrics: what counts.
    """

    def __init__(self, writer: Any, metrics: Metrics) -> None:
        self.writer, self.metrics = writer, metrics

    def submit(self, writes: Sequence[Any]) -> "Future[Any]":
        """Submit writes, and count them once they are on disk."""
        begun = perf_counter()
        done: Future[Any] = self.writer.submit(writes)
        done.add_done_callback(lambda ended: self.metrics.write(begun, ended))
        return done

    def close(self) -> None:
        """Close the writer."""
        self.writer.close()


async def following(
    metrics: Metrics,
    live: Follower,
    store: Followed,
    numbers: Callable[[], Mapping[str, float]] | None = None,
) -> None:
    """Note each second what a worker follows, and what is watched, until cancelled; the store is asked in a thread."""
    while True:
        try:
            latest = await asyncio.to_thread(store.latest)
        except StoreError:
            latest = None
        metrics.follow(live, latest)
        if numbers is not None:
            metrics.watch(numbers())
        await asyncio.sleep(EVERY)


def num_items(space: Any) -> int:
    """Return how many items a space has."""
    return len(space.catalogue)


def _gauge(name: str, about: str, mode: Any, registry: CollectorRegistry) -> Gauge:
    return Gauge(name, about, registry=registry, multiprocess_mode=mode)
