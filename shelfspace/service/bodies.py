"""What bodies of writes may say, and how it is kept."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any

import pyarrow as pa
from pydantic import Field, TypeAdapter

from shelfspace.errors import InputError
from shelfspace.service.reading import ID_PATTERN, STRICT, Id, read, table
from shelfspace.shop.history import Clock
from shelfspace.tasks import TASKS

DAY = 86_400.0

Text = Annotated[str, Field(max_length=1_000)]
Name = Annotated[str, Field(min_length=1, max_length=100)]
Amount = Annotated[float, Field(ge=0)]
Many = Annotated[list[Text], Field(max_length=200)]
EventId = Annotated[str, Field(min_length=1, max_length=200, pattern=ID_PATTERN)]
Moment = (
    Annotated[float, Field(description="seconds since 1970, or a step where the shop counts steps")]
    | Annotated[str, Field(max_length=64, json_schema_extra={"format": "date-time"})]
)


@dataclass(frozen=True)
class Rows:
    """Rows of a kind: what reads a list of them, and one of them."""

    name: str
    fields: Mapping[str, Any]
    required: tuple[str, ...]
    one: TypeAdapter[Any] = field(init=False)
    adapter: TypeAdapter[Any] = field(init=False)

    def __post_init__(self) -> None:
        one = table(self.name, self.fields, required=self.required)
        object.__setattr__(self, "one", one)
        object.__setattr__(self, "adapter", TypeAdapter(list[one._type]))  # type: ignore[name-defined]

    @property
    def names(self) -> Iterable[str]:
        """What a row may say."""
        return self.fields


EVENT = Rows(
    "Event",
    {
        "item_id": Id,
        "user_id": Annotated[Id, Field(description="one of user_id, session_id and basket_id must be there")],
        "session_id": Id,
        "basket_id": Id,
        "event": Annotated[Name, Field(description="a kind that the space knows, such as `view`")],
        "timestamp": Annotated[Moment, Field(description="when it was; without it, now")],
        "quantity": float,
        "price": Amount,
        "rating": float,
        "query": Annotated[Text, Field(description="what was searched for")],
        "place": Annotated[Text, Field(description="where on the page")],
        "campaign": Text,
        "event_id": Annotated[
            EventId, Field(description="an event whose id is there already is passed over")
        ],
        "list_id": Annotated[
            Id, Field(description="the list that it was chosen from, as `explore` names it")
        ],
    },
    ("item_id",),
)

IMPRESSION = Rows(
    "Impression",
    {
        "list_id": Id,
        "item_id": Id,
        "user_id": Id,
        "session_id": Id,
        "place": Annotated[int, Field(ge=0, le=1_000_000, description="from 1")],
        "propensity": Annotated[float, Field(gt=0, le=1, description="the chance that it stood there")],
        "clicked": bool,
        "variant": Name,
        "task": Annotated[Name, Field(examples=[next(iter(TASKS))])],
        "timestamp": Moment,
        "event_id": EventId,
    },
    ("list_id", "item_id"),
)

PROFILE: TypeAdapter[dict[str, Any]] = TypeAdapter(
    Annotated[dict[Name, bool | float | Text | Many | None], Field(max_length=100)], config=STRICT
)

CONTRACT: Mapping[str, Any] = {
    "title": Annotated[str, Field(max_length=10_000)],
    "description": Annotated[str, Field(max_length=100_000)],
    "category": Annotated[
        Text | Annotated[list[Text], Field(max_length=20)],
        Field(description="one, or a path from broad to narrow"),
    ],
    "brand": Text,
    "price": Amount,
    "available": Annotated[bool, Field(description="what is not stands in no answer")],
    "attributes": Many,
    "image": Annotated[
        str,
        Field(max_length=2_000, pattern=r"^https?://[^\s]+$", description="an address, kept and not fetched"),
    ],
}
"""Columns of the data contract that a listing may bring."""


def listing(schema: pa.Schema) -> tuple[TypeAdapter[dict[str, Any]], list[str]]:
    """Return what reads a listing, and the names of its columns: the contract's, and the catalogue's own."""
    own = {f.name: _kind(f.type) for f in schema if f.name not in CONTRACT and not f.name.startswith("__")}
    kinds = {name: kind | None for name, kind in {**CONTRACT, **own}.items()}
    return table("Listing", kinds), list(kinds)


_listing = lru_cache(8)(listing)


def listing_of(given: Any, schema: pa.Schema) -> dict[str, Any]:
    """Return the columns of a listing as they are kept.

    Raises:
        InputError: a column is unknown, or not what it must be.
    """
    adapter, names = _listing(schema)
    found: dict[str, Any] = read(adapter, given, names, noun="column")
    return found


def moment_of(given: str | float, clock: Clock, latest: float) -> float:
    """Return a time in seconds since 1970, or the step that it is.

    Args:
        given: ISO text, UTC where it names no zone, or a number.
        clock: of the shop.
        latest: what it may not be after.

    Raises:
        InputError: it cannot be read, lies before 1970 or in the future.

    Example:
        >>> moment_of("1970-01-02T00:00Z", "calendar", 1e9)
        86400.0
    """
    if clock != "calendar":
        if isinstance(given, str) or given < 0:
            raise InputError(f"timestamp: {str(given)[:64]!r}: this shop counts steps; give a number from 0")
        return float(given)
    if isinstance(given, str):
        try:
            moment = datetime.fromisoformat(given)
        except ValueError:
            raise InputError(f"timestamp: {given!r} is not a time; write it as 2011-12-09T12:50") from None
        given = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if given < 0:
        raise InputError("timestamp: it lies before 1970")
    if given > latest:
        raise InputError(
            "timestamp: it lies in the future; times are seconds since 1970 (not milliseconds), in UTC"
        )
    return float(given)


def _kind(kind: pa.DataType) -> Any:
    if pa.types.is_boolean(kind):
        return bool
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return float
    if pa.types.is_list(kind):
        return Many
    return Annotated[str, Field(max_length=10_000)]
