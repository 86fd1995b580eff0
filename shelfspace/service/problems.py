"""What a caller is told when something cannot be done: one shape, a code a program can act on, words for people."""

import logging
import re
import uuid
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from shelfspace.errors import (
    ConfigError,
    DataError,
    FilterError,
    InputError,
    MissingExtraError,
    ShelfspaceError,
    SpaceError,
    StoreError,
    UnknownIdError,
)

log = logging.getLogger("shelfspace.service")

RETRY_AFTER = "1"
"""Seconds after which a caller may try again what the store could not take."""

CODES = {
    400: "bad_request",
    401: "key",
    403: "scope",
    404: "not_found",
    405: "method_not_allowed",
    408: "slow",
    413: "too_large",
    415: "unsupported_media_type",
    422: "invalid_input",
    429: "rate",
    500: "internal",
    503: "busy",
    504: "timeout",
}

_SANE = re.compile(r"[\w.:-]{1,100}", re.ASCII)

Handler = Callable[[Request, Any], Coroutine[Any, Any, Response]]


def problem(
    request: Request,
    status: int,
    message: str,
    *,
    code: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return `{"error": {"code", "message", "request_id"}}`."""
    said = {"code": code or CODES.get(status, "error"), "message": message, "request_id": request_id(request)}
    return Response(orjson.dumps({"error": said}), status, dict(headers or {}), media_type="application/json")


def request_id(request: Request) -> str:
    """Return the id of a request: the one that was given to it, the caller's own where it is sane, or a new one."""
    state: Mapping[str, Any] = request.scope.get("state", {})
    given = state.get("request_id") or request.headers.get("x-request-id", "")
    return given if _SANE.fullmatch(given) else uuid.uuid4().hex


def told(error: ShelfspaceError) -> tuple[int, str]:
    """Return the status and the code of what is raised on purpose; 500 where it is no matter of the caller's."""
    match error:
        case UnknownIdError():
            return 404, "unknown_id"
        case FilterError():
            return 422, "invalid_filter"
        case MissingExtraError():
            return 422, "not_available"
        case StoreError():
            return 503, "store"
        case ConfigError() | DataError() | SpaceError():
            return 500, "internal"
        case InputError():
            return 422, "invalid_input"
        case _:
            return 500, "internal"


async def on_purpose(request: Request, error: Exception) -> Response:
    """Answer what was raised on purpose."""
    assert isinstance(error, ShelfspaceError)
    status, code = told(error)
    if status == 500:
        return await unforeseen(request, error)
    headers = {"Retry-After": RETRY_AFTER} if status == 503 else None
    return problem(request, status, str(error), code=code, headers=headers)


async def of_http(request: Request, error: Exception) -> Response:
    """Answer what is no matter of the space: a path that is none, a method, a body."""
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return problem(request, 404, "there is no such path; /docs lists them")
    if error.status_code == 405:
        allowed = sorted(methods_of(request))
        message = f"{request.method} is not for this path; it takes {', '.join(allowed)}"
        return problem(request, 405, message, headers={"Allow": ", ".join(allowed)})
    return problem(request, error.status_code, str(error.detail), headers=error.headers)


async def unforeseen(request: Request, error: Exception) -> Response:
    """Answer a fault of the server without its internals, which are logged with the id of the request."""
    number = request_id(request)
    request.scope.setdefault("state", {})["request_id"] = number
    log.error("request %s failed", number, exc_info=error)
    return problem(request, 500, "the server could not answer; its log says why under this request_id")


def methods_of(request: Request) -> set[str]:
    """Return the methods that the path of a request takes."""
    routes = [r for r in request.app.routes if isinstance(r, Route)]
    found = [r.methods or () for r in routes if r.matches(request.scope)[0] is not Match.NONE]
    return {method for methods in found for method in methods}


HANDLERS: dict[int | type[Exception], Handler] = {
    ShelfspaceError: on_purpose,
    HTTPException: of_http,
    Exception: unforeseen,
}
