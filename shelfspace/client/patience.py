"""When a request is sent again: the same for both clients, which only wait and send."""

import contextlib
import random
import time
import uuid
from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from shelfspace.client.calls import Call, Reply
from shelfspace.client.refused import ClientError
from shelfspace.errors import ConfigError

T = TypeVar("T")

AGAIN = frozenset({429, 502, 503})
"""Statuses that pass: too many requests, a service that starts or cannot write just now, a proxy before it."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how long a request is tried.

    Every request of this client may be repeated: questions change nothing, items and users are set, and events carry
    ids. Before the n-th repetition it waits a random time up to `pause · 2ⁿ` seconds, at most `longest`, so that many
    clients do not come back at once; where the service says `Retry-After`, at least so long, and where that is longer
    than `longest`, it gives up.

    References:
        Brooker. Exponential Backoff and Jitter. AWS Architecture Blog, 2015.
    """

    retries: int = 4
    pause: float = 0.2
    longest: float = 20.0
    dice: random.Random = field(default_factory=random.Random, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.retries < 0 or self.pause < 0.0 or self.longest < 0.0:
            raise ConfigError(f"retries, pause and longest must not be negative: {self}")

    def wait(self, repetition: int, at_least: float = 0.0) -> float:
        """Return for how many seconds to wait before a repetition, from 0."""
        return max(at_least, self.dice.uniform(0.0, min(self.longest, self.pause * 2.0**repetition)))


def conversation(call: Call[T], patience: Patience, request_id: str) -> Generator[float, Reply | str, T]:
    """Yield for how long to wait before each sending, take what came back or why nothing did, return what was read.

    Raises:
        ClientError: the service refused, or was out of reach to the end.
    """
    said: Reply | str = yield 0.0
    for repetition in range(patience.retries):
        least = _passes(call, said)
        if least is None or least > patience.longest:
            break
        said = yield patience.wait(repetition, least)
    return _read(call, said, request_id)


def fresh_request_id() -> str:
    """Return an id that the service's logs will show."""
    return uuid.uuid4().hex


def _passes(call: Call[T], said: Reply | str) -> float | None:
    """Return after how many seconds it may be otherwise, or None where it will not."""
    if isinstance(said, str):
        return 0.0
    if said.status not in AGAIN or said.status in call.accepts:
        return None
    text = said.headers.get("retry-after", "")
    with contextlib.suppress(ValueError):
        return max(0.0, float(text))
    with contextlib.suppress(ValueError):
        when = parsedate_to_datetime(text)
        return max(0.0, (when - datetime.fromtimestamp(time.time(), UTC)).total_seconds())
    return 0.0


def _read(call: Call[T], said: Reply | str, request_id: str) -> T:
    if isinstance(said, str):
        raise ClientError(said, status=None, code="unreachable", request_id=request_id)
    if said.status < 300 or said.status in call.accepts:
        try:
            return call.read(said)
        except (KeyError, TypeError, AttributeError, ValueError) as problem:
            message = f"{call.method} {call.path} answered what this client cannot read: {problem!r}"
            raise ClientError(
                message, status=said.status, code="unreadable", request_id=said.request_id
            ) from problem
    raise _refusal(call, said)


def _refusal(call: Call[T], reply: Reply) -> ClientError:
    fallback = f"{call.method} {call.path} was refused"
    try:
        told = reply.json()["error"]
        message, code = str(told.get("message") or fallback), str(told.get("code") or "refused")
        request_id = str(told.get("request_id") or reply.request_id)
    except (ClientError, KeyError, TypeError, AttributeError):
        message, code, request_id = fallback, "refused", reply.request_id
    return ClientError(message, status=reply.status, code=code, request_id=request_id)
