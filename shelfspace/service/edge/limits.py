"""What a request may cost: bytes, seconds, and how many are worked on at once."""

import asyncio
from contextlib import suppress

from shelfspace.service.access import OPEN
from shelfspace.service.edge.asgi import CLOSE, SOON, App, LateError, Message, Receive, Scope, Send, refuse
from shelfspace.service.edge.deadlines import Deadlines
from shelfspace.service.settings import Serving

LINGER = 1.0
"""Seconds in which what still comes of a refused body is read and thrown away, so that the client sees why."""

BODIES = 8
"""How many of the largest bodies may lie in memory at once."""


class _Body:
    """What came of a body."""

    __slots__ = ("parts", "size")

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.size = 0

    def add(self, part: bytes) -> None:
        """Take a part."""
        self.parts.append(part)
        self.size += len(part)


class Limits:
    """Reads a request's body before anything else sees it, within bounds; then gives the answer its time.

    A body that is too large gets 413 at its first byte too many, or before any byte where its length says so; one that
    comes too slowly 408. A request that finds too many before it gets 503, one without an answer in time 504. A body
    waits here and not in the app: slow clients hold no place of those that are worked on.

    Args:
        app: what answers.
        settings: `max_body_mb`, `body_timeout`, `max_waiting`, `timeout`.
    """

    def __init__(self, app: App, settings: Serving) -> None:
        self.app = app
        self.max_body, self.max_waiting = settings.max_body, settings.max_waiting
        self.bodies = Deadlines(settings.body_timeout)
        self.answers = Deadlines(settings.timeout + 1.0)  # a route's own time-out comes first
        self.max_held = BODIES * self.max_body
        self.num_active = self.num_held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        length = _declared(scope)
        if length == 0:
            await self._answered(scope, receive, send)
        elif length is not None and length < 0:
            await refuse(scope, send, 400, "Content-Length is not a number", (CLOSE,))
        elif length is not None and length > self.max_body:
            await self._too_large(scope, receive, send)
        else:
            await self._with_body(scope, receive, send)

    async def _with_body(self, scope: Scope, receive: Receive, send: Send) -> None:
        came = _Body()
        try:
            if not await self._read(came, scope, receive, send):
                return
            await self._answered(scope, _replayed(b"".join(came.parts), receive), send)
        finally:
            self.num_held -= came.size

    async def _read(self, came: "_Body", scope: Scope, receive: Receive, send: Send) -> bool:
        """Read a body; False where the client is gone, or has been told why it is not read on."""
        task, more = self.bodies.begin(), True
        try:
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return False
                part, more = message.get("body", b""), message.get("more_body", False)
                came.add(part)
                self.num_held += len(part)
                if came.size > self.max_body or self.num_held > self.max_held:
                    break
        except asyncio.CancelledError:
            if not self.bodies.is_late(task):
                raise
            told = f"no whole body in {self.bodies.seconds:g} s"
            await refuse(scope, send, 408, told, (CLOSE,))
            return False
        finally:
            self.bodies.end(task)
        if came.size > self.max_body:
            came.parts.clear()
            await self._too_large(scope, receive, send)
            return False
        if self.num_held > self.max_held:
            await refuse(scope, send, 503, "too many bodies at once; ask again", (*SOON, CLOSE))
            return False
        return True

    async def _answered(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.num_active >= self.max_waiting and scope["path"] not in OPEN:
            await refuse(scope, send, 503, "too many requests at once; ask again", SOON)
            return
        self.num_active += 1
        task = self.answers.begin()
        try:
            await self.app(scope, receive, send)
        except asyncio.CancelledError:
            if not self.answers.is_late(task):
                raise
            raise LateError(f"no answer in {self.answers.seconds:g} s") from None
        finally:
            self.answers.end(task)
            self.num_active -= 1

    async def _too_large(self, scope: Scope, receive: Receive, send: Send) -> None:
        told = f"a body may have {self.max_body:,} bytes"
        await refuse(scope, send, 413, told, (CLOSE,), more_body=True)
        with suppress(TimeoutError):  # a connection closed on unread bytes would take the answer with it
            async with asyncio.timeout(LINGER):
                while (await receive()).get("more_body", False):
                    pass
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _declared(scope: Scope) -> int | None:
    """Return how long the body says it is: 0 without one, None where it comes in pieces, -1 where it is nonsense."""
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() and len(value) < 16 else -1
        if name == b"transfer-encoding":
            return None
    return 0


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return what hands a body over that is already here, then what comes after it."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
