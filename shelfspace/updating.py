"""New versions of a space from what its store holds, and back: update, rollback, versions.

RUN/updates.json   what each update folded in, and what it changed
RUN/update.lock    held by the one process that changes versions
"""

import fcntl
import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from shelfspace import disk
from shelfspace.errors import InputError, JobError, SpaceError
from shelfspace.folding.drift import Drift, Seen
from shelfspace.folding.folded import Folded, folded
from shelfspace.folding.gathered import gathered
from shelfspace.live.live import check_store
from shelfspace.live.prepared import FOLDER, forget_others, graphs_of, version_of
from shelfspace.space import Space
from shelfspace.store.store import Store
from shelfspace.stored import read

Told = Callable[[str, int, int], None]

KEEP = 3
"""How many versions stay where nothing else is said."""

UPDATES, LOCK = "updates.json", "update.lock"


@dataclass(frozen=True)
class Updated:
    """What came of an update.

    version: the current one after it;  base: the one that it was made from, the same where there was nothing to fold;
    seq: up to which write of the store it is;  counts: events, users and items folded in;
    left_out: events that were not taken, by the reason;  drift: None where there was nothing to fold;
    notes: what could not be brought up to date.
    """

    space: Space
    version: int
    base: int
    seq: int
    counts: dict[str, int]
    left_out: dict[str, int]
    drift: Drift | None
    seconds: float
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it without the space, as plain data."""
        return {
            "version": self.version,
            "base": self.base,
            "seq": self.seq,
            **self.counts,
            "left_out": self.left_out,
            "drift": self.drift.to_json() if self.drift is not None else None,
            "seconds": round(self.seconds, 3),
            "notes": list(self.notes),
        }


def update(
    run: str | Path,
    *,
    store: Store | str | Path | None = None,
    keep: int = KEEP,
    told: Told | None = None,
) -> Space:
    """Fold what a run's store holds into a new version of its space, and make that the current one.

    Nothing that was trained changes: items that say what they said lie where they lay, to the last bit. A server takes
    the new version by itself. A job killed at any moment leaves the old one as it was.

    Args:
        run: a run folder.
        store: a store, or its address; None: the one in the run folder.
        keep: how many versions stay on disk; the current one and the one before it always do.
        told: progress.

    Returns:
        The space; the one that is there where the store holds nothing new.

    Raises:
        SpaceError: the run holds no space, or it is damaged.
        StoreError: the store cannot be read.
        JobError: another update of this run is under way.

    Cost: that of fitting the closed-form models once; torch is not loaded.

    Example:
        >>> import shelfspace as ss
        >>> space = ss.update("runs/shop")  # doctest: +SKIP
    """
    return updated(run, store=store, keep=keep, told=told).space


def updated(
    run: str | Path,
    *,
    store: Store | str | Path | None = None,
    keep: int = KEEP,
    told: Told | None = None,
) -> Updated:
    """Do what `update` does, and return what came of it."""
    run, begun = Path(run), time.monotonic()
    if keep < 1:
        raise InputError(f"keep = {keep} is out of range; give at least 1")
    with _alone(run):
        base, space = version_of(run), Space.open(run)
        opened = store if isinstance(store, Store) else Store.open(run if store is None else store)
        try:
            check_store(space, opened)
            found = gathered(opened, space.seq, space.catalogue, list(space.kinds), space.history.clock, told)
            if not found:
                left_out = dict(found.left_out)
                return Updated(space, base, base, found.seq, {}, left_out, None, time.monotonic() - begun)
            made = folded(space, found, run / "spaces" / str(base) / "index", opened.fingerprint, told)
        finally:
            if opened is not store:
                opened.close()
        if told is not None:
            told("comparing answers", 0, 1)
        log = _log(run)
        seen = _seen(log, base, space).after(made)
        drift = Drift.between(space, made, seen)
        if told is not None:
            told("writing", 0, 1)
        version = int(made.space.save(run, ready=partial(_prepared, run, made.space, told)).name)
        done = Updated(
            Space.open(run),
            version,
            base,
            found.seq,
            _counts(made),
            dict(made.left_out),
            drift,
            time.monotonic() - begun,
            (*made.notes, *_remembering(made, base)),
        )
        entry = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            **done.to_json(),
            "seen": asdict(seen),
        }
        _prune(run, keep, {version, base}, [*log, entry])
        return done


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
    with _alone(run):
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
    current, log = version_of(run), {entry["version"]: entry for entry in _log(run)}
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
def _alone(run: Path) -> Iterator[None]:
    """Be the only process that changes the versions of a run; the lock is gone with the process that held it."""
    version_of(run)
    with (run / LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise JobError(f"another update of {run} is under way: wait until it is done") from None
        yield


def _remembering(made: Folded, base: int) -> Iterator[str]:
    number = made.users.num_before - len(made.users.kept)
    if number:
        yield (
            f"versions up to {base} still hold {number:,} shoppers who were forgotten: they go as newer ones come; "
            "delete their folders in spaces/ to be rid of them now"
        )


def _counts(made: Folded) -> dict[str, int]:
    stock, users = made.stock, made.users
    return {
        "events": len(made.past.item),
        "new_users": users.num_new,
        "forgotten_users": users.num_before - len(users.kept),
        "new_items": stock.num_new,
        "changed_items": stock.num_changed,
        "deleted_items": stock.num_deleted,
    }


def _seen(log: list[dict[str, Any]], version: int, space: Space) -> Seen:
    """Return what the training saw that a version goes back to."""
    entries = [entry["seen"] for entry in log if entry["version"] == version]
    return Seen(**entries[-1]) if entries else Seen(len(space.catalogue), len(space.users))


def _log(run: Path) -> list[dict[str, Any]]:
    file = run / UPDATES
    if not file.is_file():
        return []
    found: list[dict[str, Any]] = disk.load(file, lambda path: json.loads(path.read_text("utf-8")))
    return found


def _numbers(run: Path) -> list[int]:
    return sorted(int(path.name) for path in (run / "spaces").iterdir() if path.name.isdigit())


def _prune(run: Path, keep: int, always: set[int], log: list[dict[str, Any]]) -> None:
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


def _prepared(run: Path, space: Space, told: Told | None, version: int) -> None:
    """Make what serving needs beside a version before servers take it, where the run is served at all."""
    if (run / FOLDER).is_dir():
        graphs_of(run, version, space, told=told)
