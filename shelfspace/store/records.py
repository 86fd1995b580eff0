"""What the store keeps: writes, the same as kept, and keys."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["event", "impression", "item", "user"]
Action = Literal["add", "put", "patch", "delete", "forget"]
Scope = Literal["read", "write", "admin"]

SCOPES: tuple[Scope, ...] = ("read", "write", "admin")


@dataclass(frozen=True, slots=True)
class Write:
    """What is to be kept.

    Args:
        kind: what it is about.
        action: events and impressions are added; items and users are put, patched or deleted. `forget` is written by
            `Store.forget` alone.
        item_id: an item must have one, the rest may.
        user_id: a user must have one, the rest may.
        event_id: makes a write idempotent: one that is already kept is passed over.
        body: what else it says, as plain JSON: of an event `event`, `timestamp`, `session_id`, `basket_id`, `quantity`,
            `price`, `rating`, `query`, `place`, `campaign`; of an impression `list_id`, `place`, `propensity`,
            `clicked`, `variant`, `task`; of an item or a user the columns.

    Example:
        >>> Write("event", "add", "sku-42", "user-7", body={"event": "view"}).item_id
        'sku-42'
    """

    kind: Kind
    action: Action
    item_id: str | None = None
    user_id: str | None = None
    event_id: str | None = None
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Record(Write):
    """A write as kept.

    Args:
        seq: its number, rising in the order of commit: who reads `seq > last` misses nothing. There may be gaps.
        at: when it was kept, in seconds since 1970.
    """

    seq: int = field(kw_only=True)
    at: float = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class Appended:
    """What came of an append.

    Args:
        seq: the store's last number after it; who has read that far has seen these writes.
        num_added: writes that are new.
        num_duplicates: writes whose event id was already kept.
    """

    seq: int
    num_added: int
    num_duplicates: int


@dataclass(frozen=True, slots=True)
class Key:
    """A key to the service, without the key itself.

    Args:
        name: whose it is.
        scopes: what it may be used for.
        created: when it was made, in seconds since 1970.
        revoked: when it ceased to be valid, or None.
    """

    name: str
    scopes: frozenset[Scope]
    created: float
    revoked: float | None = None
