"""What both clients make of their settings and of a call: addresses, headers, replies."""

import inspect
import os
from collections.abc import Callable
from typing import Any, get_args, get_type_hints
from urllib.parse import quote, urlsplit

import httpx

from shelfspace.client.calls import Call, Reply
from shelfspace.errors import ConfigError, InputError

KEY = "SHELFSPACE_KEY"
"""The environment variable a key is read from where none is given."""


def address_of(url: str) -> str:
    """Return the address without a slash at its end.

    Raises:
        ConfigError: it is no http or https address.
    """
    split = urlsplit(url)
    if split.scheme not in ("http", "https") or not split.hostname:
        raise ConfigError(f"{url!r} is no address of a service; it is like http://127.0.0.1:8000")
    if split.query or split.fragment or split.username:
        raise ConfigError("the address of a service holds no user, query or fragment; give the key as key=")
    return url.rstrip("/")


def headers_of(key: str | None) -> dict[str, str]:
    """Return what every request carries."""
    key = key if key is not None else os.environ.get(KEY) or None
    return {"Authorization": f"Bearer {key}"} if key else {}


def session_of(session_id: str) -> dict[str, str]:
    """Return the header that names a session.

    Raises:
        InputError: it is empty.
    """
    if not session_id:
        raise InputError("a session's id must not be empty")
    return {"X-Session-ID": quote(session_id, safe="")}


def request_of(call: Call[Any], address: str, headers: dict[str, str], request_id: str) -> dict[str, Any]:
    """Return the arguments of httpx's `request`."""
    said: dict[str, Any] = {"method": call.method, "url": address + call.target}
    own = headers | {"X-Request-ID": request_id, "Accept": "application/json"}
    if call.photo is not None:
        said |= {"files": {"photo": call.photo}, "data": dict(call.form)}
    elif call.body is not None:
        said |= {"content": call.body}
        own |= {"Content-Type": "application/json"}
    return said | {"headers": own}


def reply_of(response: httpx.Response, request_id: str) -> Reply:
    """Return what came back."""
    return Reply(
        response.status_code,
        response.headers,
        response.content,
        response.headers.get("x-request-id", request_id),
    )


def unreached(problem: httpx.TransportError, address: str) -> str:
    """Return what to say where nothing came back."""
    what = str(problem) or type(problem).__name__
    return f"{address} gave no answer: {what}; is the service up, and is this its address?"


def sign(method: Callable[..., Any], call: Callable[..., Call[Any]]) -> None:
    """Give a method the signature of the request that it makes, for `help` and for editors that look at it."""
    me = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    said = inspect.signature(call)
    (answer,) = get_args(get_type_hints(call)["return"])
    signature = said.replace(parameters=[me, *said.parameters.values()], return_annotation=answer)
    setattr(method, "__signature__", signature)  # noqa: B010  (a function has it, and its type does not say so)
