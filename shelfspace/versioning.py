"""The versions of a run's space: which there are, which answers, and back to an earlier one.

RUN/updates.json   what each update folded in, and what it changed
RUN/update.lock    held by the one process that changes versions
"""

import fcntl
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from shelfspace import disk
from shelfspace.errors import JobError, SpaceError
from shelfspace.live.prepared import forget_others, version_of
from shelfspace.space import Space
from shelfspace.stored import read

UPDATES, LOCK = "updates.json", "update.lock"


def rollback(run: str | Path, to: int | None = None) -> Space:
    """Make an earlier version of a run's space the current one again. A server takes it by itself.

    What the store holds since is not lost: a server follows it from where that version ends, and the next update folds
    it in again.

    Args:
        run: a run folder.
        to: which version; None: the newest before the current one.

    Raises:
        SpaceError: there is no such version, or it is damaged; the current one stays.
        JobError: an update of this run is under way.

    Example:
        >>> import shelfspace as ss
        >>> space = ss.rollback("runs/shop")  # doctest: +SKIP
    """
    run = Path(run)
    with alone(run):
        current, there = version_of(run), _numbers(run)
        earlier = [number for number in there if number < current]
        if to is None and not earlier:
            raise SpaceError(f"{run} holds no version before {current}; it holds {there}")
        number = earlier[-1] if to is None else to
        if number not in there:
            raise SpaceError(f"{run} holds no version {number}; it holds {there}")
        read(run / "spaces" / str(number))  # whole, or it says which file is not
        disk.replace(run / "current", str(number))
        return Space.open(run)


@dataclass(frozen=True)
class Version:
    """A version of a space on disk: how much is in it, and what the update that made it changed, if one did."""

    number: int
    current: bool
    num_items: int
    num_users: int
    num_events: int
    seq: int
    update: dict[str, Any] | None

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)


def versions(run: str | Path) -> list[Version]:
    """Return the versions of a run's space, the earliest first.

    Raises:
        SpaceError: the run holds no space, or a version is damaged.
    """
    run = Path(run)
    current, log = version_of(run), {entry["version"]: entry for entry in updates(run)}
    return [_version(run, number, current, log.get(number)) for number in _numbers(run)]


def _version(run: Path, number: int, current: int, entry: dict[str, Any] | None) -> Version:
    folder = run / "spaces" / str(number)
    about = disk.load(folder / "space.json", lambda path: json.loads(path.read_text("utf-8")))
    users = disk.load(folder / "ids.parquet", lambda path: pq.read_metadata(path).num_rows)
    events = disk.load(folder / "history.npz", _num_events)
    return Version(number, number == current, about["num_items"], users, events, about.get("seq", 0), entry)


def _num_events(path: Path) -> int:
    with np.load(path, allow_pickle=False) as columns:
        return int(columns["indptr"][-1])


@contextmanager
def alone(run: Path) -> Iterator[None]:
    """Be the only process that changes the versions of a run; the lock is gone with the process that held it."""
    version_of(run)
    with (run / LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise JobError(f"another update of {run} is under way: wait until it is done") from None
        yield


def updates(run: Path) -> list[dict[str, Any]]:
    """Return what is known of the updates of a run, the earliest first."""
    file = run / UPDATES
    if not file.is_file():
        return []
    found: list[dict[str, Any]] = disk.load(file, lambda path: json.loads(path.read_text("utf-8")))
    return found


def _numbers(run: Path) -> list[int]:
    return sorted(int(path.name) for path in (run / "spaces").iterdir() if path.name.isdigit())


def prune(run: Path, keep: int, always: set[int], log: list[dict[str, Any]]) -> None:
    """Delete all versions but the newest and those that always stay, and say which updates made those that are left."""
    numbers = _numbers(run)
    kept = {*numbers[-keep:], *always}
    for number in numbers:
        if number not in kept:  # renamed first: a version that is there is whole
            leaving = run / "spaces" / f"{number}.unfinished"
            (run / "spaces" / str(number)).rename(leaving)
            shutil.rmtree(leaving)
    forget_others(run, kept)
    disk.replace(run / UPDATES, json.dumps([e for e in log if e["version"] in kept], indent=1))
