"""The names of ASGI that every part of the edge uses, and what a request that is turned away is told.

Source: the ASGI specification, version 3.0 (https://asgi.readthedocs.io).
"""

import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from typing import Any, Protocol

from shelfspace.service.problems import CODES

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = Iterable[tuple[bytes, bytes]]


class App(Protocol):
    """Anything that answers a request."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""


class LateError(Exception):
    """An answer took longer than it may; it becomes 504 where none has begun."""


CLOSE = (b"connection", b"close")

SOON = ((b"retry-after", b"1"),)

_CODES = {**CODES, 414: "url_too_long", 431: "headers_too_large"}


def header(scope: Scope, name: bytes) -> bytes | None:
    """Return a header's first value; `name` is in small letters."""
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value)
    return None


def body_of(status: int, message: str, request_id: str) -> bytes:
    """Return the one shape that every error has."""
    error = {"code": _CODES[status], "message": message, "request_id": request_id}
    return json.dumps({"error": error}, ensure_ascii=False).encode()


async def refuse(
    scope: Scope,
    send: Send,
    status: int,
    message: str,
    headers: Sequence[tuple[bytes, bytes]] = (),
    *,
    more_body: bool = False,
) -> None:
    """Answer with an error; with `more_body` the connection stays until an empty body is sent."""
    body = body_of(status, message, scope.get("state", {}).get("request_id", ""))
    told = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *headers]
    await send({"type": "http.response.start", "status": status, "headers": told})
    await send({"type": "http.response.body", "body": body, "more_body": more_body})
