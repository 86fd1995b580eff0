"""A space that follows a store, of a run of one's own."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shelfspace.live.live import Live
from shelfspace.store.records import Write
from shelfspace.store.store import Store

Follow = Callable[..., Live]


@pytest.fixture
def own_run(small_run: Path, tmp_path: Path) -> Path:
    """A finished run of the small shop, to be written in."""
    return Path(shutil.copytree(small_run, tmp_path / "run"))


@pytest.fixture
def live(own_run: Path) -> Iterator[Live]:
    """A space that follows the run's own store; nothing looks at it but who calls `catch_up` and `renew`."""
    store = Store.open(own_run)
    yield Live.open(own_run, store)
    store.close()


def event(user: str | None, item: str, **body: object) -> Write:
    """An event, as the service keeps it."""
    return Write("event", "add", item_id=item, user_id=user, body=body)


def listing(item: str, **columns: object) -> Write:
    """A listing that is put."""
    return Write("item", "put", item_id=item, body=columns)


def kept(live: Live, *writes: Write) -> None:
    """Keep writes, take them in, and read what they say of listings."""
    live.store.append(writes)
    live.catch_up()
    live.renew()
