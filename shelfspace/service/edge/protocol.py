"""The web server's reader of HTTP/1.1, with bounds that it has none for: on headers, on their time, on connections.

uvicorn gives up on an idle connection after an answer, never on one that sends its headers a byte a minute, and its
concurrency limit answers in another shape than ours.
"""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from shelfspace.service.edge.asgi import body_of
from shelfspace.service.settings import Serving

LOOK = 0.5
"""Seconds between two looks for connections that are too slow."""

_TOLD = {
    400: "this is not HTTP",
    408: "no whole request line and headers in time",
    414: "the path and query are too long",
    431: "the headers are too long",
    503: "too many connections; ask again",
}


class _TooMuchError(Exception):
    """A request's line or headers are longer than they may be."""


class Gathering:
    """A transport that sends what is written in one turn of the loop at once: the head of an answer with its body.

    A system call and a packet cost more than most answers take to be put together.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._held: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Write when the turn is over."""
        if not self._held:
            self._loop.call_soon(self._flush)
        self._held.append(data)

    def close(self) -> None:
        """Close when all is written."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._held:
            held, self._held = self._held, []
            self._transport.write(b"".join(held))


class Bounded(HttpToolsProtocol):
    """A connection; the bounds cost about 1 µs a request.

    settings: `max_url`, `max_headers`, `header_timeout`, `max_connections`;
    slow: connections with a request that is not whole yet and since when, the oldest first;
    ended: is told of each connection's end.
    """

    settings: ClassVar[Serving]
    slow: ClassVar[dict[Any, float]]
    ended: ClassVar[Callable[[], None]]

    num_bytes = 0
    refused = 400

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request, or turn the connection away."""
        gathering: Any = Gathering(transport, self.loop)
        super().connection_made(gathering)
        if len(self.connections) > self.settings.max_connections:
            self.refuse(503)
        else:
            self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self.slow.pop(self, None)
        super().connection_lost(exc)
        type(self).ended()

    def data_received(self, data: bytes) -> None:
        """Read on; the time of a request runs from its first byte."""
        if self not in self.slow and (self.cycle is None or self.cycle.response_complete):
            self._begin()
        if self.parser is not None and not self.transport.is_closing():
            super().data_received(data)

    def on_message_begin(self) -> None:
        """Begin to count."""
        self.num_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Read on, up to the longest path and query."""
        super().on_url(url)
        if len(self.url) > self.settings.max_url:
            self.refused = 414
            raise _TooMuchError

    def on_header(self, name: bytes, value: bytes) -> None:
        """Read on, up to the most that headers may take."""
        self.num_bytes += len(name) + len(value)
        if self.num_bytes > self.settings.max_headers:
            self.refused = 431
            raise _TooMuchError
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Stop the clock: from here on the limits of a request hold."""
        self.slow.pop(self, None)
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Say what was wrong, in the one shape that errors have."""
        self.refuse(self.refused)

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, at once where nobody reads the last answer."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            super().timeout_keep_alive_handler()

    def refuse(self, status: int) -> None:
        """Answer with an error where no answer has begun, and close the connection."""
        self.slow.pop(self, None)
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(_answer(status))
        self.transport.close()

    def _begin(self) -> None:
        if not self.slow:
            self.loop.call_later(LOOK, self._look)
        self.slow[self] = self.loop.time()

    def _look(self) -> None:
        past = self.loop.time() - self.settings.header_timeout
        for connection in [c for c, begun in self.slow.items() if begun < past]:
            connection.refuse(408)
        if self.slow:
            self.loop.call_later(LOOK, self._look)


def bounded(settings: Serving, ended: Callable[[], None]) -> type[Bounded]:
    """Return the reader of a server's connections; `ended` is told of each one's end."""
    return type("BoundedHere", (Bounded,), {"settings": settings, "slow": {}, "ended": staticmethod(ended)})


def _answer(status: int) -> bytes:
    body = body_of(status, _TOLD[status], "")
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", "content-type: application/json"]
    lines += [f"content-length: {len(body)}", "connection: close"]
    lines += ["retry-after: 1"] if status == 503 else []
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
