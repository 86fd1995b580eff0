"""What a request is and what its reply is, before and after the wire: no connection is known here."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlencode

from shelfspace.client.refused import ClientError
from shelfspace.errors import InputError

T = TypeVar("T")

Photo = str | os.PathLike[str] | bytes
"""A file on this machine, or what is in it; it is uploaded."""

LONGEST = 2_000
"""Characters of a path and query; what is longer travels as a body."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    request_id: str

    def json(self) -> Any:
        """Return the body, read as JSON.

        Raises:
            ClientError: it is none, as where something else than the service answered.
        """
        try:
            return json.loads(self.content)
        except ValueError:
            message = "what came back is no JSON; is this the address of the service?"
            raise ClientError(
                message, status=self.status, code="unreadable", request_id=self.request_id
            ) from None


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request, and how its reply is read.

    body: sent as JSON;  form and photo: sent as multipart instead;  accepts: statuses beside 2xx that are answers.
    """

    method: str
    path: str
    read: Callable[[Reply], T]
    query: str = ""
    body: bytes | None = None
    photo: tuple[str, bytes] | None = None
    form: Mapping[str, str] = field(default_factory=dict)
    accepts: tuple[int, ...] = ()

    @property
    def target(self) -> str:
        """The path with its query."""
        return f"{self.path}?{self.query}" if self.query else self.path


def path_of(*parts: str) -> str:
    """Return a path whose parts are percent-encoded, so that an id may hold slashes or be in any script.

    Raises:
        InputError: a part is empty.

    Example:
        >>> path_of("items", "a/b 100%")
        '/items/a%2Fb%20100%25'
    """
    if not all(parts):
        raise InputError("an id must not be empty")
    encoded = [quote(part, safe="") for part in parts]
    # a path step of dots alone would be taken for "here" or "above"
    return "/" + "/".join(step.replace(".", "%2E") if not step.strip(".") else step for step in encoded)


def json_of(value: Any) -> bytes:
    """Return a value as JSON.

    Raises:
        InputError: it holds what JSON cannot say.
    """
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError) as problem:
        raise InputError(f"this cannot be sent as JSON: {problem}") from None


def asked(
    task: str,
    subject: tuple[str, str | Sequence[str] | None],
    read: Callable[[Reply], T],
    *,
    photo: Photo | None = None,
    **settings: Any,
) -> Call[T]:
    """Return the request that asks a task: GET for what a URL can say, POST for lists, histories and photos.

    Args:
        task: its name.
        subject: the name of its subject and who or what it is; a list is a batch.
        read: how the reply is read.
        photo: what is uploaded.
        settings: by the names of the signature; None is left to the service.
    """
    name, given = subject
    told = {key: value for key, value in settings.items() if value is not None}
    if photo is not None:
        if given is not None and not isinstance(given, str):
            raise InputError(f"a photo is asked with one {name}, not with a batch")
        told |= {name: given} if given is not None else {}
        form = {key: _text(value) for key, value in told.items()}
        return Call("POST", f"/{task}", read, photo=_uploaded(photo), form=form)
    plain = given is None or isinstance(given, str)
    if plain and not any(isinstance(value, list | tuple) for value in told.values()):
        path = path_of(task, given) if isinstance(given, str) else f"/{task}"
        query = urlencode({key: _text(value) for key, value in told.items()}, quote_via=quote)
        if len(path) + len(query) <= LONGEST:
            return Call("GET", path, read, query=query)
    if given is not None:
        told[name] = given if isinstance(given, str) else list(given)
    return Call("POST", f"/{task}", read, body=json_of(told))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | tuple) else str(value)


def _uploaded(photo: Photo) -> tuple[str, bytes]:
    if isinstance(photo, bytes):
        return "photo", photo
    path = Path(photo)
    try:
        return path.name, path.read_bytes()
    except OSError as problem:
        raise InputError(f"the photo cannot be read: {problem}") from None
