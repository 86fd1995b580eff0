"""Each request gets an id, safe headers, a measure and a line in the log; what fails inside it gets a plain 500."""

import re
from collections.abc import Callable
from random import getrandbits
from time import perf_counter

from shelfspace.service.edge.asgi import SOON, App, LateError, Message, Receive, Scope, Send, header, refuse
from shelfspace.service.logs import log

SANE = re.compile(rb"[A-Za-z0-9._:-]{1,64}")

SAFE = ((b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store"))

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

Told = Callable[[Scope, str, int, float], None]
"""Is told of a request: its scope, the route's template, the status, and how many seconds it took."""


class Watch:
    """The outermost layer: every answer passes here, also what an inner layer turned away.

    It costs about 5 µs a request beside what `told` costs.

    Args:
        app: what answers.
        told: those who want to know of every request.
    """

    def __init__(self, app: App, *told: Told) -> None:
        self.app, self.told = app, told

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun, status, whole = perf_counter(), 0, False
        given = header(scope, b"x-request-id")
        own = given if given and SANE.fullmatch(given) else b"%016x" % getrandbits(64)
        scope.setdefault("state", {})["request_id"] = own.decode()

        async def answer(message: Message) -> None:
            nonlocal status, whole
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", own), *SAFE]
            else:
                whole = not message.get("more_body", False)
            await send(message)

        try:
            await self.app(scope, receive, answer)
        except LateError as problem:
            if status:
                raise
            await refuse(scope, answer, 504, str(problem), SOON)
        except Exception as problem:
            if whole:  # the app answered with 500, and has logged why
                return
            log.error("a request failed", exc_info=problem, extra={"request_id": own.decode()})
            if status:  # half an answer cannot be taken back: the server closes the connection
                raise
            await refuse(scope, answer, 500, "the server could not answer; its log says why")
        finally:
            seconds = perf_counter() - begun
            for told in self.told:
                told(scope, route_of(scope), status, seconds)


def route_of(scope: Scope) -> str:
    """Return the template of the route that answered, `/similar/{item}`: never what stood in its place."""
    route = scope.get("route")
    if route is None:
        return "other"
    return getattr(route, "path_format", None) or getattr(route, "path", None) or "other"


def method_of(scope: Scope) -> str:
    """Return the method, of the few that are known."""
    method: str = scope["method"]
    return method if method in METHODS else "OTHER"
