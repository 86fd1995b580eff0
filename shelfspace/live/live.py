"""The space that a server's worker answers with: it follows the store, and the run's versions."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Self

from shelfspace.errors import ShelfspaceError, SpaceError, StoreError
from shelfspace.live.following import GROWING, Following
from shelfspace.live.prepared import graphs_of, in_turn, version_of
from shelfspace.space import Space
from shelfspace.store.store import Store

log = logging.getLogger("shelfspace.live")

AT_ONCE = 10_000
"""Writes read at once."""

STEP = 0.05
"""Seconds between two looks at the store where nobody asks: what is sold out is gone within this time."""

PATIENCE = 1.0
"""Seconds without a look at a store that could not be read."""

RENEWED_EVERY = 0.15
"""Seconds between two publications of what listings say."""


class Live:
    """A space that follows what is kept.

    space: what answers `similar`, `recommend` and `search`;  seq: the last write that it knows;  version: of the run's
    spaces;  behind: since when the store could not be read (seconds of `time.monotonic`), None: it could.

    `catch_up` is called before every answer; a thread of its own looks as well, reads new listings and follows the
    run's current version, between `start` and `close`.

    Example:
        >>> live = Live.open("runs/shop", Store.open(Path("runs/shop")))  # doctest: +SKIP
        >>> live.catch_up()  # doctest: +SKIP
        >>> live.space.recommend("user-7", k=5)  # doctest: +SKIP
    """

    def __init__(self, run: Path, store: Store, following: Following, version: int) -> None:
        self.run, self.store, self.version = run, store, version
        self.behind: float | None = None
        self.refused: int | None = None
        self.swapped: Callable[[int], None] = _nothing
        self._following, self._seq = following, following.base.seq
        self._retry_at = 0.0
        self._taking, self._closing = threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None

    @classmethod
    def open(cls, run: str | Path, store: Store) -> Self:
        """Open the current space of a run, and take in what the store holds beyond it.

        Raises:
            SpaceError: the run holds no space, or it is damaged.
            StoreError: the store cannot be read.
        """
        run = Path(run)
        version = version_of(run)
        live = cls(run, store, _following(run, version, store), version)
        live._seq = _caught_up(live._following, store, live._seq)
        live._following.renew()
        return live

    @property
    def space(self) -> Space:
        """The space that answers now; keep it for the length of an answer."""
        return self._following.space

    @property
    def seq(self) -> int:
        """The number of the last write that is in it."""
        return self._seq

    def space_for(self, task: str) -> Space:
        """Return the space that answers a task now: with what came later, where the task can."""
        following = self._following
        grows = task in GROWING and not (task == "recommend" and "newcomers" in following.base.tasks)
        return following.space if grows else following.plain

    def knows(self, item_id: str) -> bool:
        """Return whether an item is in the catalogue, or has been put into it just now."""
        return self._following.knows(item_id)

    def catch_up(self) -> None:
        """Take in what was kept since. Microseconds where nothing was; an unreadable store is left for a second."""
        if self._retry_at and time.monotonic() < self._retry_at:
            return
        try:
            with self._taking:
                if self.store.changed():
                    self._seq = _caught_up(self._following, self.store, self._seq)
        except StoreError as problem:
            now = time.monotonic()
            if self.behind is None:
                log.warning("the store cannot be read: %s", problem)
                self.behind = now
            self._retry_at = now + PATIENCE
            return
        if self.behind is not None:
            log.warning("the store can be read again after %.1f s", time.monotonic() - self.behind)
            self.behind, self._retry_at = None, 0.0

    def renew(self) -> bool:
        """Read the listings that wait, and publish what they say; True where anything changed."""
        return self._following.waits() and self._following.renew()

    def start(self) -> None:
        """Follow in a thread of its own."""
        self._thread = threading.Thread(target=self._follow, name="following", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop following."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join(timeout=10)

    def follow_version(self) -> bool:
        """Answer with the run's current version, where it is another than this; True where it was taken.

        What cannot be opened is told once, and the version that answers goes on.
        """
        try:
            current = version_of(self.run)
            if current in (self.version, self.refused):
                return False
            with in_turn(self.run):  # the other workers of the machine answer meanwhile
                following = _following(self.run, current, self.store, threads=1)
                seq = _caught_up(following, self.store, following.base.seq)
                following.renew()
            with self._taking:
                self._seq = _caught_up(following, self.store, seq)
                self._following, self.version, self.refused = following, current, None
        except ShelfspaceError as problem:
            log.error("version stays %d: %s", self.version, problem)
            self.refused = None if isinstance(problem, StoreError) else _tried(self.run)
            return False
        self.swapped(self.version)
        return True

    def _follow(self) -> None:
        renewed = 0.0
        while not self._closing.wait(STEP):
            try:
                self.catch_up()
                if time.monotonic() - renewed >= RENEWED_EVERY and self.renew():
                    renewed = time.monotonic()
                self.follow_version()
            except Exception:  # what fails once must not end the following
                log.exception("following failed, and goes on")
                self._closing.wait(PATIENCE)


def _following(run: Path, version: int, store: Store, *, threads: int = 0) -> Following:
    space = Space.open(run)
    check_store(space, store)
    following = Following(space, graphs_of(run, version, space, threads=threads), store)
    _warm(following.space)
    return following


def _warm(space: Space) -> None:
    """Ask what most ask, so that nobody waits for what is loaded at a first question: an encoder, tables of ids."""
    if not len(space.catalogue):
        return
    item, title = space.catalogue.ids.text(0), space.titles[0]
    user = space.users.text(0) if len(space.users) else None
    for ask in (
        partial(space.similar, item),
        partial(space.recommend, user, history=[item]),
        partial(space.search, title[:100]),
    ):
        with suppress(ShelfspaceError):  # a shop without events, or without words
            ask()


def check_store(space: Space, store: Store) -> None:
    """Refuse a store that ends before what the space holds of it: what is written into it would never be taken in.

    Raises:
        SpaceError: it does.
    """
    latest = store.latest()
    if latest < space.seq:
        raise SpaceError(
            f"the store {store.shown} ends at write {latest:,}, and the space goes up to write {space.seq:,}: it is "
            "another store, or an older copy; go back to a version that goes no further, or train again"
        )


def _caught_up(following: Following, store: Store, seq: int) -> int:
    """Take in all that is kept beyond a write, and return the number of the last one."""
    while True:
        records = store.since(seq, limit=AT_ONCE)
        following.take(records)
        seq = records[-1].seq if records else seq
        if len(records) < AT_ONCE:
            return seq


def _tried(run: Path) -> int | None:
    try:
        return version_of(run)
    except ShelfspaceError:
        return None


def _nothing(version: int) -> None:
    """Do nothing when a version is taken."""
