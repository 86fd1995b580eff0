"""What a caller sent, read strictly: nothing is guessed, and what is refused is told by its name."""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Required, get_args
from urllib.parse import parse_qsl

import orjson
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from typing_extensions import TypedDict

from shelfspace.errors import InputError, did_you_mean

STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

MAX_ID = 500
MAX_FIELDS = 100
"""Of a query or a form."""

ID_PATTERN = r"^[^\x00-\x1f\x7f-\x9f]+$"
Id = Annotated[str, Field(min_length=1, max_length=MAX_ID, pattern=ID_PATTERN)]
"""An id as a shop may have it: 1 to 500 characters, none of which controls anything."""

_ID = re.compile(rf"[^\x00-\x1f\x7f-\x9f]{{1,{MAX_ID}}}")
_INTEGER = re.compile(r"-?\d{1,18}", re.ASCII)
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d{1,3})?", re.ASCII)
_FLAGS = {"true": True, "false": False}

MOST_KNOWN = 30
"""So many names are told where none is like the one given."""

MOST_TOLD = 3
"""So many faults are told of one body."""


def table(name: str, fields: Mapping[str, Any], *, required: Iterable[str] = ()) -> TypeAdapter[Any]:
    """Return what reads a JSON object with these fields and no others.

    Args:
        name: of its schema.
        fields: name -> type.
        required: those that must be there; of the others only those given come out.
    """
    needed = set(required)
    kinds = {key: Required[kind] if key in needed else kind for key, kind in fields.items()}
    held = TypedDict(name, kinds, total=False)  # type: ignore[misc]
    held.__pydantic_config__ = STRICT  # type: ignore[attr-defined]
    return TypeAdapter(held)


def read(
    adapter: TypeAdapter[Any], value: Any, known: Iterable[str], *, noun: str = "field", first: int = 0
) -> Any:
    """Return a value as an adapter reads it.

    Args:
        adapter: of its type.
        value: as JSON has it.
        known: the names of fields that there are.
        noun: what these are called.
        first: the number of the first row, where it is a list.

    Raises:
        InputError: it is not what it must be; the first faults are told.
    """
    try:
        return adapter.validate_python(value)
    except ValidationError as problem:
        raise InputError("; ".join(_faults(problem, known, noun, first))) from None


def _faults(problem: ValidationError, known: Iterable[str], noun: str, first: int) -> list[str]:
    """Return the first faults of a value in plain words."""
    told: dict[str, None] = {}
    for fault in problem.errors(include_url=False, include_context=False, include_input=False):
        row, *rest = fault["loc"] or ("",)
        path = [f"row {first + row}", *rest] if isinstance(row, int) else [row, *rest]
        if fault["type"] == "extra_forbidden":
            wrong = str(path.pop())[:100]
            near = did_you_mean(wrong, known) or f"; known: {', '.join(list(known)[:MOST_KNOWN])}"
            message = f"there is no {noun} {wrong!r}{near}"
        else:
            message = fault["msg"]
        told[": ".join(part for part in (".".join(map(str, path))[:200], message) if part)] = None
        if len(told) == MOST_TOLD:
            break
    return list(told)


def checked_id(text: str, kind: str) -> str:
    """Return an id that a path brought.

    Raises:
        InputError: it is empty, too long, or holds control characters.
    """
    if not _ID.fullmatch(text):
        raise InputError(
            f"the id of this {kind} must have 1 to {MAX_ID} characters, and no control characters"
        )
    return text


def pairs_of(query: bytes) -> list[tuple[str, str]]:
    """Return the names and values of a query, in order.

    Raises:
        InputError: there are too many.
    """
    try:
        return parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        raise InputError(f"a query has at most {MAX_FIELDS} fields") from None


def value_of(text: str, kind: Any) -> Any:
    """Return the JSON value that a text stands for; the text itself where it stands for none of that kind."""
    if kind is bool:
        return _FLAGS.get(text, text)
    if kind is int and _INTEGER.fullmatch(text):
        return int(text)
    if kind is float and _NUMBER.fullmatch(text):
        return float(text)
    return text


def without_none(annotation: Any) -> Any:
    """Return a type without None: of `int | None`, int."""
    several = [kind for kind in get_args(annotation) if kind is not type(None)]
    return several[0] if len(several) == 1 and type(None) in get_args(annotation) else annotation


async def json_of(request: Request, most: int) -> Any:
    """Return the JSON of a body.

    Args:
        request: of it.
        most: bytes that it may have.

    Raises:
        InputError: it is no JSON; NaN and Infinity are none.
        HTTPException: it is too large, or of another kind.
    """
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise HTTPException(415, f"a body is application/json, not {kind[:100]}; say so in Content-Type")
    try:
        return orjson.loads(await body_of(request, most))
    except orjson.JSONDecodeError as problem:
        raise InputError(f"the body is no JSON: {problem}") from None


async def body_of(request: Request, most: int) -> bytes:
    """Return a body, read no further than it may be long.

    Raises:
        HTTPException: it is too large.
    """
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > most:
            raise HTTPException(413, f"a body has at most {most:,} bytes", {"Connection": "close"})
        chunks.append(chunk)
    return b"".join(chunks)
