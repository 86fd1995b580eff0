"""From a task's signature to what its routes read: a query, a JSON object, or a form with a photo."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Required, get_args, get_origin

from pydantic import Field as Bounded
from pydantic import TypeAdapter
from typing_extensions import TypedDict

from shelfspace import doors
from shelfspace.errors import InputError
from shelfspace.service.reading import (
    MAX_ID,
    STRICT,
    Id,
    pairs_of,
    read,
    table,
    value_of,
    without_none,
)
from shelfspace.service.settings import Serving
from shelfspace.tasks import Answer, Task
from shelfspace.tasks.pasts import Event

UNTOLD = frozenset({"against"})
"""Arguments that name a file of the server: no request may give one."""

MAX_LIST = 1_000
"""Events of a history, items of a basket, queries of before."""

MAX_WORDS = 10_000
"""Characters of a phrase, or of a filter."""

BOUNDS: Mapping[str, tuple[float, float]] = {
    "diversity": (0.0, 1.0),
    "explore": (0.0, 1.0),
    "expand": (0, 1_000),
    "least": (0.0, 1.0),
    "seed": (0, 2**53),
}

LONG = frozenset({"phrase", "where", "profile"})

QUERIES_KEPT = 1_024
"""Queries that are read once: most callers send the same few."""


class Happened(TypedDict, total=False):
    """Something a shopper did."""

    __pydantic_config__ = STRICT  # type: ignore[misc]
    item_id: Required[Id]
    timestamp: float | Annotated[str, Bounded(max_length=64)]
    event: Annotated[str, Bounded(max_length=100)]


@dataclass(frozen=True)
class Question:
    """A task, as it is asked over HTTP.

    name: of the task and of its routes;  ask: the task;  subject: what it is asked about;
    scalars: what a query may say;  lists: what only a body may;  takes_photo: whether a form may bring one.
    """

    name: str
    ask: Callable[..., Answer]
    subject: doors.Field
    scalars: tuple[doors.Field, ...]
    lists: tuple[doors.Field, ...]
    takes_photo: bool
    settings: Serving
    of_query: TypeAdapter[dict[str, Any]] = field(init=False)
    of_body: TypeAdapter[dict[str, Any]] = field(init=False)
    asked: Callable[[bytes], Mapping[str, Any]] = field(init=False)

    def __post_init__(self) -> None:
        subject = {self.subject.name: _described(self._text(self.subject.name), self.subject)}
        query = {f.name: self._kind(f) for f in self.scalars}
        one = self._text(self.subject.name)
        many = Annotated[list[one], Bounded(min_length=1, max_length=self.settings.max_batch)]  # type: ignore[valid-type]
        body = {
            self.subject.name: _described(one | many if self.batches else one, self.subject),
            **{f.name: self._kind(f, nullable=True) for f in (*self.scalars, *self.lists)},
        }
        put = object.__setattr__
        put(self, "of_query", table(f"{self.name}_query", subject | query))
        put(self, "of_body", table(self.name, body))
        put(self, "asked", lru_cache(QUERIES_KEPT)(self._asked))

    @classmethod
    def of(cls, name: str, task: Task, settings: Serving) -> "Question":
        """Read a task's signature."""
        fields = doors.fields(task.ask)
        told = [f for f in fields if not f.is_subject and f.name not in UNTOLD]
        paths = [f for f in told if Path in get_args(f.annotation)]
        lists = [f for f in told if _is_list(f.annotation)]
        return cls(
            name,
            task.ask,
            next(f for f in fields if f.is_subject),
            tuple(f for f in told if f not in paths and f not in lists),
            tuple(lists),
            bool(paths),
            settings,
        )

    @property
    def batches(self) -> bool:
        """Whether the subject may be a list."""
        return list[str] in get_args(self.subject.annotation)

    @property
    def names(self) -> list[str]:
        """What a body may say."""
        return [f.name for f in (self.subject, *self.scalars, *self.lists)]

    def of_form(self, texts: Sequence[tuple[str, str]]) -> dict[str, Any]:
        """Return what the fields of a form say; a list is a field that comes several times.

        Raises:
            InputError: a field is unknown, comes twice, or is not what it must be.
        """
        given: dict[str, Any] = {}
        lists = {f.name for f in self.lists} | ({self.subject.name} if self.batches else set())
        for name, text in texts:
            if name in lists:
                given.setdefault(name, []).append(text)
            else:
                self._put(given, name, text)
        subject = given.get(self.subject.name)
        if isinstance(subject, list) and len(subject) == 1:
            given[self.subject.name] = subject[0]
        return self.of_json(given)

    def of_json(self, value: Any) -> dict[str, Any]:
        """Return what a JSON object says, as the task takes it.

        Raises:
            InputError: it is not what it must be.
        """
        if not isinstance(value, dict):
            raise InputError("the body is a JSON object with the names of the settings")
        if self.takes_photo and "photo" in value:
            raise InputError(
                "photo: a photo travels as a file: send multipart/form-data with a field `photo`"
            )
        given: dict[str, Any] = read(self.of_body, value, self.names, noun="setting")
        for f in self.lists:
            if given.get(f.name) and Event in _inner(f.annotation):
                given[f.name] = [e if isinstance(e, str) else Event(**e) for e in given[f.name]]
        return {name: said for name, said in given.items() if said is not None}

    def _asked(self, query: bytes) -> Mapping[str, Any]:
        """Return what a query says; not to be changed."""
        given: dict[str, Any] = {}
        only = {f.name for f in self.lists} | ({"photo"} if self.takes_photo else set())
        for name, text in pairs_of(query):
            if name in only:
                raise InputError(f"{name} does not travel in an address: POST it to /{self.name}")
            self._put(given, name, text)
        names = [self.subject.name, *(f.name for f in self.scalars)]
        found: dict[str, Any] = read(self.of_query, given, names, noun="setting")
        return found

    def _put(self, given: dict[str, Any], name: str, text: str) -> None:
        if name in given:
            raise InputError(
                f"{name[:100]} is given twice; a batch is a list in the body of POST /{self.name}"
            )
        kinds = {f.name: without_none(f.annotation) for f in self.scalars}
        given[name] = value_of(text, kinds.get(name, str))

    def _kind(self, setting: doors.Field, *, nullable: bool = False) -> Any:
        """Return the type that a setting is read as."""
        plain = without_none(setting.annotation)
        kind: Any
        if _is_list(setting.annotation):
            one = Id | Happened if Event in _inner(setting.annotation) else self._text(setting.name)
            kind = Annotated[list[one], Bounded(max_length=MAX_LIST)]  # type: ignore[valid-type]
        elif plain is str:
            kind = self._text(setting.name)
        elif plain in (int, float):
            low, high = (1, self.settings.max_k) if setting.name == "k" else BOUNDS[setting.name]
            kind = Annotated[plain, Bounded(ge=low, le=high)]
        else:
            kind = plain
        optional = nullable and type(None) in get_args(setting.annotation)
        return _described(kind | None if optional else kind, setting)

    def _text(self, name: str) -> Any:
        if name in LONG:
            return Annotated[str, Bounded(max_length=MAX_WORDS)]
        return Annotated[str, Bounded(max_length=MAX_ID)]


def _described(kind: Any, setting: doors.Field) -> Any:
    extra = {} if setting.required or setting.default is None else {"default": setting.default}
    return Annotated[kind, Bounded(description=setting.description, json_schema_extra=extra)]


def _is_list(annotation: Any) -> bool:
    kinds = [get_origin(kind) for kind in get_args(annotation)]
    return any(isinstance(kind, type) and issubclass(kind, Sequence) and kind is not list for kind in kinds)


def _inner(annotation: Any) -> set[Any]:
    """Return what the elements of a list may be: of `Sequence[str | Event] | None`, str and Event."""
    return {
        one for kind in get_args(annotation) for inner in get_args(kind) for one in (inner, *get_args(inner))
    }
