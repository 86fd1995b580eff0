"""The past that a shopper is answered by: what the space knows, and what they did since."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from shelfspace.errors import InputError, UnknownIdError, did_you_mean
from shelfspace.holding import Holding
from shelfspace.shop.history import History
from shelfspace.tasks.moments import moment_of


@dataclass(frozen=True)
class Event:
    """One thing a shopper did: `timestamp` as ISO text, a datetime, or a step where the shop counts steps."""

    item_id: str
    timestamp: str | datetime | float | None = None
    event: str | None = None


def queries_of(
    space: Holding,
    users: list[str],
    known: History,
    history: Sequence[str | Event] | None,
    notes: list[str],
    sources: Sequence[tuple[str, ...]],
) -> History:
    """Return what each of these users did, and what they did since; a user who is not known has an empty row.

    Args:
        space: an open space.
        users: their ids; none: a shopper who is only the history.
        known: what is known of each, as `space.past` has it.
        history: what one of them did since, in order.
        notes: where it is told who is not known.
        sources: by what each who has no history is answered; empty: by what is popular.

    Raises:
        UnknownIdError: an item of the history is not in the catalogue.
        InputError: a time or a kind of event cannot be read.
    """
    lengths, rows = known.lengths(), known.who if known.who is not None else np.zeros(0, np.int32)
    for text, row, length, source in zip(users, rows.tolist(), lengths.tolist(), sources, strict=False):
        if history or source or length:
            continue
        what = f"is not known{space.users.near(text)}" if row < 0 else "has no history yet"
        notes.append(f"user {text!r} {what}; the shop's popular items answer")
    if not users and not history and not sources[0]:
        notes.append("no user and no history; the shop's popular items answer")
    return _with_events(space, known, history) if history else known


def _with_events(space: Holding, asked: History, events: Sequence[str | Event]) -> History:
    """Append events to a history of one row, each not before the one it follows."""
    given = [Event(e) if isinstance(e, str) else e for e in events]
    items = [_item_row(space, e.item_id) for e in given]
    kinds = list(space.kinds)
    latest = asked.now if asked.now is not None else (asked.time[-1] if asked.num_events else 0.0)
    times, kind_rows = [], []
    for event in given:
        latest = (
            moment_of(event.timestamp, asked.clock, named="timestamp")
            if event.timestamp is not None
            else _next(latest, asked)
        )
        times.append(latest)
        if event.event is not None and event.event not in kinds:
            raise InputError(
                f"unknown event {event.event!r}{did_you_mean(event.event, kinds)}; known: {kinds}"
            )
        kind_rows.append(kinds.index(event.event) if event.event is not None else len(kinds) - 1)
    weights = np.asarray([space.kinds[kinds[row]] for row in kind_rows], np.float32)
    size = asked.num_events + len(given)
    longer = History.of(
        np.zeros(size, np.int64),
        np.concatenate([asked.item, items]),
        np.concatenate([asked.time, times]),
        weight=np.concatenate([asked.weight, weights]),
        kind=np.concatenate([asked.kind, kind_rows]),
        basket=np.concatenate([asked.basket, np.full(len(given), -1)]),
        num_users=1,
        num_items=asked.num_items,
        clock=asked.clock,
        now=None if asked.now is None else max([asked.now, *times]),
    )
    return replace(longer, who=asked.who)


def _item_row(space: Holding, text: str) -> int:
    try:
        return space.catalogue.ids.row(text)
    except UnknownIdError as problem:
        raise UnknownIdError(f"in the history: {problem}") from None


def _next(latest: float, asked: History) -> float:
    return latest + 1.0 if asked.clock == "steps" else latest
