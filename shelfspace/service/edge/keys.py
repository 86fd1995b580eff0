"""Who may ask: keys with scopes, looked up in the store and remembered for a few seconds."""

import asyncio
import hmac
import ipaddress
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from hashlib import sha256
from math import ceil
from time import monotonic
from typing import Protocol

from shelfspace.errors import StoreError
from shelfspace.service.access import OPEN, HasKeys, is_open
from shelfspace.service.edge.asgi import App, Receive, Scope, Send, header, refuse
from shelfspace.service.edge.rates import Rates
from shelfspace.service.settings import Serving

FRESH = 4.0
"""Seconds for which a key found good is not looked up again: a key that was revoked is refused within five."""

STALE = 900.0
"""Seconds for which a key found good is believed while the store cannot be read."""

MAX_KEPT = 10_000

WRONG_RATE, WRONG_BURST = 2.0, 20
"""How many wrong keys a second, and at once, an address may try."""

KEY = re.compile(rb"ss_[A-Za-z0-9_-]{43}")

LOCAL = re.compile(rb"(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?", re.IGNORECASE)


class Known(Protocol):
    """A key as the store knows it."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def scopes(self) -> Collection[str]:
        """What it may do."""


class Keyring(HasKeys, Protocol):
    """The part of the store that holds keys."""

    def key_of(self, key: str) -> Known | None:
        """Return what is known of a key that may be used."""


@dataclass(slots=True)
class Found:
    """A key found good: its digest, and until when it need not be looked up."""

    digest: bytes
    key: Known
    until: float
    believed: float


def scope_needed(method: str, path: str) -> str | None:
    """Return the scope that a request needs, None where anybody may ask.

    Asking needs `read`; events, impressions and changes `write`; what concerns a person or the server `admin`.
    """
    if path in OPEN:
        return None
    first, _, rest = path[1:].partition("/")
    if first in ("users", "metrics", "variants"):
        return "write" if first == "users" and rest and method in ("PUT", "PATCH") else "admin"
    if first in ("events", "impressions", "items") or method not in ("GET", "HEAD", "POST"):
        return "write"
    return "read"


class Keys:
    """Refuses who has no key (401), or not the scope (403).

    A key found good is looked up again after four seconds, in a thread: no answer waits for the database but the first.
    Wrong ones are never remembered; an address may try a few a second, so guessing costs the database nothing.

    Args:
        app: what answers.
        ring: the store.
        settings: the server's.
        rates: counts wrong keys.
        now: the clock.
    """

    def __init__(
        self, app: App, ring: Keyring, settings: Serving, rates: Rates, now: Callable[[], float] = monotonic
    ) -> None:
        self.app, self.ring, self.rates, self._now = app, ring, rates, now
        self._open = is_open(ring, settings)
        self._looked = now()
        self._found: dict[bytes, Found] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or (needed := scope_needed(scope["method"], scope["path"])) is None:
            await self.app(scope, receive, send)
            return
        given = _given(scope)
        if self._open and await self._still_open():
            if (host := header(scope, b"host")) is not None and not LOCAL.fullmatch(host):
                # A page of the open web may have its name point at this machine.
                await refuse(scope, send, 403, "without keys only localhost is answered; make a key first")
                return
            await self.app(scope, receive, send)
            return
        if given is None:
            await _unknown(scope, send, "a key is needed: Authorization: Bearer ss_…")
            return
        found = self._remembered(given)
        if found is None or found.until < self._now():
            if not KEY.fullmatch(given):
                await _unknown(scope, send, "the key is not known")
                return
            if found is None and (wait := self.rates.wait_of(_address(scope), WRONG_RATE, WRONG_BURST)):
                await too_many(scope, send, wait, "too many wrong keys came from this address")
                return
            try:
                found = await self._looked_up(given, found)
            except StoreError:
                later = ((b"retry-after", b"1"),)
                await refuse(scope, send, 503, "keys cannot be read just now; ask again", later)
                return
        if found is None:
            await _unknown(scope, send, "the key is not known")
            return
        scope["state"]["key"] = found.key.name
        if needed not in found.key.scopes and "admin" not in found.key.scopes:
            await refuse(scope, send, 403, f"the key has no scope `{needed}`, which this needs")
            return
        await self.app(scope, receive, send)

    def _remembered(self, given: bytes) -> Found | None:
        digest = sha256(given).digest()
        found = self._found.get(digest[:8])
        return found if found is not None and hmac.compare_digest(found.digest, digest) else None

    async def _looked_up(self, given: bytes, found: Found | None) -> Found | None:
        """Ask the store for a key; one that was good is believed for a while where the store cannot be read."""
        now = self._now()
        if found is not None:
            found.until = now + 0.5  # those who come meanwhile do not ask as well
        try:
            key = await asyncio.to_thread(self.ring.key_of, given.decode())
        except StoreError:
            if found is not None and now < found.believed:
                return found
            raise
        digest = sha256(given).digest()
        if key is None:
            self._found.pop(digest[:8], None)
            return None
        if len(self._found) >= MAX_KEPT:
            self._found.clear()
        found = self._found[digest[:8]] = Found(digest, key, now + FRESH, now + STALE)
        return found

    async def _still_open(self) -> bool:
        """See from time to time whether a first key was made; from then on keys are needed."""
        now = self._now()
        if now - self._looked > FRESH:
            self._looked = now
            try:
                self._open = not await asyncio.to_thread(self.ring.keys)
            except StoreError:
                return self._open
        return self._open


class RateLimit:
    """Answers 429 to a key, or without keys to an address, that asks more often than it may; stands within `Keys`.

    Args:
        app: what answers.
        rates: the table that the workers share.
        rate: requests a second.
        burst: how many may come at once.
    """

    def __init__(self, app: App, rates: Rates, rate: float, burst: int) -> None:
        self.app, self.rates, self.rate, self.burst = app, rates, rate, burst

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http" and scope["path"] not in OPEN:
            key = scope["state"].get("key")
            who = f"key {key}" if key is not None else _address(scope)
            if wait := self.rates.wait_of(who, self.rate, self.burst):
                await too_many(scope, send, wait, f"at most {self.rate:g} requests a second")
                return
        await self.app(scope, receive, send)


async def too_many(scope: Scope, send: Send, wait: float, message: str) -> None:
    """Answer 429 and say when to come again."""
    later = ((b"retry-after", str(ceil(wait)).encode()),)
    await refuse(scope, send, 429, f"{message}; wait {wait:.1f} s", later)


async def _unknown(scope: Scope, send: Send, message: str) -> None:
    await refuse(scope, send, 401, message, ((b"www-authenticate", b"Bearer"),))


def _given(scope: Scope) -> bytes | None:
    for name, value in scope["headers"]:
        if name == b"authorization":
            kind, _, key = bytes(value).partition(b" ")
            return key.strip() if kind.lower() == b"bearer" else b""
        if name == b"x-api-key":
            return bytes(value)
    return None


def _address(scope: Scope) -> str:
    """Return who asks; of IPv6 the network, for a single client has all its addresses."""
    client = scope.get("client")
    host = client[0] if client else ""
    return str(ipaddress.ip_network(f"{host}/64", strict=False)) if ":" in host and "%" not in host else host
