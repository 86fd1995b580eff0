"""One process that answers: `python -m shelfspace.service.worker`, which the parent starts and gives its settings."""

import asyncio
import os
import signal
import sys
from contextlib import ExitStack
from pathlib import Path

from shelfspace.errors import ShelfspaceError
from shelfspace.live.live import Live
from shelfspace.service.access import WARNING, is_open
from shelfspace.service.alarms import FALLBACK, MOST, PERSONAL, Alarms
from shelfspace.service.app import create_app
from shelfspace.service.channel import Channel
from shelfspace.service.compared import add_variants
from shelfspace.service.edge.asgi import App
from shelfspace.service.edge.rates import Rates
from shelfspace.service.edge.standing import guarded
from shelfspace.service.health import Health, add_routes
from shelfspace.service.logs import Drain, configure, log
from shelfspace.service.metrics import Counted, Metrics, following
from shelfspace.service.server import HandedServer, steady
from shelfspace.service.settings import VARIABLE, Serving
from shelfspace.service.variants import Assignment, Variants
from shelfspace.service.workers import SHARED, STARTUP_FAILURE
from shelfspace.store.store import Store
from shelfspace.store.writer import Writer
from shelfspace.tasks.results import Hits

SWITCH = 0.0005
"""Seconds after which a thread must let another have its turn: answers do not wait long for one that opens a space."""


class Served:
    """Everything that a worker answers with, opened in order and closed in reverse.

    Args:
        settings: the server's.
        shared: the folder that the workers of a server share.

    Raises:
        ConfigError: others can reach the server, and the store has no key.
        SpaceError: the run holds no space, or it is damaged.
        StoreError: the store cannot be opened.
    """

    def __init__(self, settings: Serving, shared: Path) -> None:
        self.settings, self._stack = settings, ExitStack()
        self._loop: asyncio.AbstractEventLoop | None = None
        with ExitStack() as opened:
            drain = Drain()
            opened.callback(drain.close)
            self.store = Store.open(settings.address)
            opened.callback(self.store.close)
            self.live = Live.open(settings.run, self.store)
            self.alarms = Alarms(len(self.live.space.catalogue))
            self.live.swapped = self._swapped
            variants = self._variants(opened)
            if is_open(self.store, settings):
                log.warning(WARNING)
            writer = Writer(self.store)
            opened.callback(writer.close)
            self.live.start()
            opened.callback(self.live.close)
            rates = Rates(shared / "rates")
            opened.callback(rates.close)
            self.metrics = Metrics()
            self.health = Health(self.live, self.store, settings.max_lag)
            app = create_app(
                self.live,
                Counted(writer, self.metrics),
                self.store,
                settings=settings,
                variants=variants,
                watch=self._watch,
            )
            add_routes(app, self.health, self.metrics)
            assignment = variants.assignment if variants is not None else None
            add_variants(app.router, self.store, lambda: list(self.live.space.kinds), assignment)
            self.app: App = guarded(
                app,
                ring=self.store,
                settings=settings,
                metrics=self.metrics,
                rates=rates,
                put=drain.put,
                version=lambda: self.live.version,
            )
            self._stack = opened.pop_all()

    async def following(self) -> None:
        """Note what the space follows and what is watched, as long as the worker answers."""
        self._loop = asyncio.get_running_loop()
        await following(self.metrics, self.live, self.store, self.alarms.numbers)

    def _variants(self, opened: ExitStack) -> Variants[Live] | None:
        """Open the run that answers a share of the shoppers, where there is one."""
        if self.settings.against is None:
            return None
        store = Store.open(self.settings.address)  # each follower has its own place in the store
        opened.callback(store.close)
        other = Live.open(self.settings.against, store)
        other.start()
        opened.callback(other.close)
        return Variants(self.live, other, Assignment(self.settings.share, self.settings.salt))

    def _watch(self, task: str, answer: Hits) -> None:
        """Take an answer into what is watched, where it names items."""
        if answer.named == "item_id":
            hits, personal = answer.hits, task in PERSONAL
            fell_back = any(FALLBACK in note for note in answer.notes) if personal else None
            items = [hit.id for hit in hits[:MOST]]
            self.alarms.answered(task, items, hits[0].score if hits else None, fell_back=fell_back)

    def _swapped(self, version: int) -> None:
        log.info("another version of the space answers", extra={"version": version})
        steady()
        if self._loop is not None:  # alarms are fed from the loop alone
            self._loop.call_soon_threadsafe(self.alarms.swapped, len(self.live.space.catalogue))

    def close(self) -> None:
        """Close it all; what was submitted is on disk before."""
        self._stack.close()


def main() -> int:
    """Answer until told to stop."""
    settings = Serving.from_json(os.environ[VARIABLE])
    configure(settings.log_level)
    sys.setswitchinterval(SWITCH)
    try:
        served = Served(settings, Path(os.environ[SHARED]))
    except ShelfspaceError as problem:
        log.error("a worker cannot start: %s", problem)
        return STARTUP_FAILURE
    try:
        worker = HandedServer(served.app, settings, Channel.inherited(), served.following)
        for number in (signal.SIGTERM, signal.SIGINT):  # the server raises them again at its end: close first
            signal.signal(number, worker.handle_exit)
        worker.run()
    finally:
        served.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
