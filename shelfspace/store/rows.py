"""Writes as rows of the journal, and back."""

import hashlib
import json
import time
from collections.abc import Sequence
from typing import Any

from shelfspace.errors import DataError, did_you_mean
from shelfspace.store.records import Record, Write

ACTIONS: dict[str, tuple[str, ...]] = {
    "event": ("add",),
    "impression": ("add",),
    "item": ("put", "patch", "delete"),
    "user": ("put", "patch", "delete"),
}
LONGEST_ID = 1_024
"""Characters of an id; longer ones are mistakes."""
COLUMNS = "at, kind, action, item_id, user_id, event_id, body, user_hash, event_hash"
READ = "seq, at, kind, action, item_id, user_id, event_id, body"

Row = tuple[float, str, str, str | None, str | None, str | None, str, int | None, bytes | None]
"""In the order of `COLUMNS`."""

_decode = json.JSONDecoder().raw_decode
_encode = json.JSONEncoder(allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode


def fingerprint(salt: bytes, text: str) -> str:
    """Return the salted SHA-256 of an id, in hexadecimal digits."""
    return hashlib.sha256(salt + text.encode()).hexdigest()


def user_hash(salt: bytes, user_id: str) -> int:
    """Return the number that a user's rows are found by: the start of the fingerprint, signed, of 8 bytes."""
    return int.from_bytes(hashlib.sha256(salt + user_id.encode()).digest()[:8], "big", signed=True)


def encoded(writes: Sequence[Write], salt: bytes) -> list[Row]:
    """Return the rows of writes, 4 to 8 μs each.

    Raises:
        DataError: a write that the store does not take; its place among the writes is named.
    """
    now = time.time()
    rows: list[Row] = []
    for place, write in enumerate(writes):
        problem = _problem(write)
        if problem:
            raise DataError(f"write {place}: {problem}")
        body = write.body
        try:
            text = _encode(body if type(body) is dict else dict(body))
            text.encode()
            users = None if write.user_id is None else user_hash(salt, write.user_id)
            event = write.event_id
            events = None if event is None else hashlib.sha256(salt + event.encode()).digest()[:16]
            (write.item_id or "").encode()
        except UnicodeEncodeError:
            raise DataError(f"write {place}: a text of it is not valid Unicode; send UTF-8") from None
        except (TypeError, ValueError, RecursionError) as told:
            raise DataError(f"write {place}: its body is not plain JSON: {told}") from None
        rows.append((now, write.kind, write.action, write.item_id, write.user_id, event, text, users, events))
    return rows


def tombstone(salt: bytes, user_id: str) -> Row:
    """Return the row that says that a user was forgotten, without saying who."""
    body = _encode({"fingerprint": fingerprint(salt, user_id)})
    return (time.time(), "user", "forget", None, None, None, body, None, None)


def decoded(rows: Sequence[Sequence[Any]]) -> list[Record]:
    """Return the records of rows in the order of `READ`, 4 μs each."""
    return [
        Record(kind, action, item_id, user_id, event_id, _decode(body)[0], seq=seq, at=at)
        for seq, at, kind, action, item_id, user_id, event_id, body in rows
    ]


def _problem(write: Write) -> str | None:
    """Say what is wrong with a write, or None."""
    actions = ACTIONS.get(write.kind)
    if actions is None:
        return f"its kind {write.kind!r} is unknown{did_you_mean(str(write.kind), ACTIONS)}"
    if write.action not in actions:
        return f"its action {write.action!r} is not one of {', '.join(actions)}, which {write.kind}s have"
    for name, value in (
        ("item_id", write.item_id),
        ("user_id", write.user_id),
        ("event_id", write.event_id),
    ):
        if value is not None:
            if type(value) is not str:
                return f"its {name} is not a text"
            if not value or len(value) > LONGEST_ID or "\0" in value:
                return f"its {name} must have 1 to {LONGEST_ID:,} characters, none of them NUL"
        elif name == f"{write.kind}_id" and write.kind != "event":
            return f"its {name} is missing"
    return None
