"""A new version of a space from what its store holds."""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from shelfspace.errors import InputError
from shelfspace.folding.drift import Drift, Seen
from shelfspace.folding.folded import Folded, folded
from shelfspace.folding.gathered import gathered
from shelfspace.live.live import check_store
from shelfspace.live.prepared import FOLDER, graphs_of, version_of
from shelfspace.space import Space
from shelfspace.store.store import Store
from shelfspace.versioning import alone, prune, updates

Told = Callable[[str, int, int], None]

KEEP = 3
"""How many versions stay where nothing else is said."""


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
    with alone(run):
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
        log = updates(run)
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
        prune(run, keep, {version, base}, [*log, entry])
        return done


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


def _prepared(run: Path, space: Space, told: Told | None, version: int) -> None:
    """Make what serving needs beside a version before servers take it, where the run is served at all."""
    if (run / FOLDER).is_dir():
        graphs_of(run, version, space, told=told)
