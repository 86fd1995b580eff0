"""What is sent: events and impressions, and how many go into one request."""

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import datetime
from typing import Any, Self, TypeVar

from shelfspace.client.calls import json_of
from shelfspace.errors import InputError, did_you_mean

MOST = 5_000
"""Events in one request."""

MOST_BYTES = 4_000_000
"""Of one request, about; the service takes 10 MB unless it is told otherwise."""

W = TypeVar("W", bound="_Written")


def fresh_id() -> str:
    """Return an id that nothing else has."""
    return str(uuid.uuid4())


@dataclass(frozen=True, slots=True)
class _Written:
    @classmethod
    def of(cls, given: Self | Mapping[str, Any]) -> Self:
        """Return one, from itself or from a mapping by the names of its fields.

        Raises:
            InputError: a name is unknown or missing.
        """
        if isinstance(given, cls):
            return given
        known = [f.name for f in fields(cls)]
        values = {str(name): value for name, value in dict(given).items() if value is not None}  # type: ignore[arg-type]
        what = cls.__name__.lower()
        for name in values:
            if name not in known:
                raise InputError(
                    f"an {what} has no field {name!r}{did_you_mean(name, known)}; known: {known}"
                )
        for f in fields(cls):
            if f.default is MISSING and f.default_factory is MISSING and f.name not in values:
                raise InputError(f"an {what} needs {f.name!r}, and this has none: {given}")
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        """Return what is said, without what is not."""
        said = {f.name: getattr(self, f.name) for f in fields(self)}
        return {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in said.items()
            if value is not None
        }


@dataclass(frozen=True, slots=True)
class Event(_Written):
    """One thing a shopper did: of a user, a session or a basket, at least one of them.

    timestamp: a datetime, ISO text, seconds since 1970, or a step where the shop counts steps; without it, now;
    event: `view`, `cart`, `purchase` …, as the shop names it;  list_id: the answer it came of;
    event_id: the service passes over an event whose id it has, so an event may be sent again.
    """

    item_id: str
    user_id: str | None = None
    session_id: str | None = None
    basket_id: str | None = None
    event: str | None = None
    timestamp: datetime | str | float | None = None
    quantity: float | None = None
    price: float | None = None
    rating: float | None = None
    query: str | None = None
    place: str | None = None
    campaign: str | None = None
    list_id: str | None = None
    event_id: str = field(default_factory=fresh_id)

    def in_history(self) -> dict[str, Any]:
        """Return what `recommend` takes of it in `history`."""
        said = self.to_json()
        return {name: said[name] for name in ("item_id", "timestamp", "event") if name in said}


@dataclass(frozen=True, slots=True)
class Impression(_Written):
    """One item that was shown in a list.

    list_id: of the answer, as `hits.list_id`;  place: from 1;  propensity: the chance that it stood there, as `explore`
    tells it;  variant: as `hits.variant`;  timestamp: as of an event.
    """

    list_id: str
    item_id: str
    place: int | None = None
    user_id: str | None = None
    session_id: str | None = None
    clicked: bool | None = None
    variant: str | None = None
    propensity: float | None = None
    task: str | None = None
    timestamp: datetime | str | float | None = None
    event_id: str = field(default_factory=fresh_id)


def bodies(
    kind: type[W], given: Iterable[W | Mapping[str, Any]], *, most: int = MOST, most_bytes: int = MOST_BYTES
) -> Iterator[bytes]:
    """Return JSON lists of at most so many, one a request; what is given may be a stream, one list is held."""
    some: list[bytes] = []
    size = 2
    for one in given:
        text = json_of(kind.of(one).to_json())
        if some and (len(some) == most or size + len(text) > most_bytes):
            yield b"[" + b",".join(some) + b"]"
            some, size = [], 2
        some.append(text)
        size += len(text) + 1
    if some:
        yield b"[" + b",".join(some) + b"]"
