"""The route that tells how two variants do."""

import asyncio
from collections.abc import Callable, Collection
from functools import partial

import orjson
from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from shelfspace.service import pages
from shelfspace.service.direct import Direct
from shelfspace.service.outcomes import Kept, purchases_of, rates
from shelfspace.service.shapes import Accepted
from shelfspace.service.variants import Assignment

Number = float | None

_RATE = {"value": 0.21, "low": 0.2, "high": 0.22}
_VARIANT = {
    "users": 5120,
    "lists": 20480,
    "clicked": 4300,
    "bought": 512,
    "click_rate": _RATE,
    "conversion_rate": _RATE,
}
_DIFFERENCE = {"value": 0.01, "low": -0.004, "high": 0.024, "detectable": 0.02, "more_users": 12000}


class Estimate(BaseModel):
    """A rate with its 95 % interval."""

    value: Number
    low: Number
    high: Number


class Variant(BaseModel):
    """What was counted of one variant."""

    users: int = Field(ge=0, description="who were shown a list")
    lists: int = Field(ge=0, description="that were shown")
    clicked: int = Field(ge=0, description="lists of which something was clicked")
    bought: int = Field(ge=0, description="users who bought within the window after their first list")
    click_rate: Estimate
    conversion_rate: Estimate


class Difference(Estimate):
    """A rate of b less that of a, with its 95 % interval."""

    detectable: Number = Field(description="the least difference that so many users show four times in five")
    more_users: int | None = Field(description="how many more it would take to show a change of 5 %")


class Compared(BaseModel):
    """How two variants do."""

    variants: dict[str, Variant]
    differences: dict[str, Difference]
    notes: list[str]


EXAMPLE = {
    "variants": {"a": _VARIANT, "b": _VARIANT},
    "differences": {"click_rate": _DIFFERENCE, "conversion_rate": _DIFFERENCE},
    "notes": [],
}


def add_variants(
    router: APIRouter, store: Kept, kinds: Callable[[], Collection[str]], assignment: Assignment | None = None
) -> None:
    """Add `GET /variants`, which needs the scope `admin`.

    Args:
        router: of the app.
        store: what is counted, in a thread of its own; one count at a time.
        kinds: what returns the kinds of events that the space knows.
        assignment: who is answered by which; None: only one space is served, and impressions say their variant.
    """
    alone = asyncio.Lock()

    async def variants(_: Request) -> Response:
        async with alone:
            count = partial(rates, store, assignment, bought=purchases_of(kinds()))
            found = await asyncio.to_thread(count)
        return Response(orjson.dumps(found.to_json()), media_type="application/json")

    told = {
        "model": Compared,
        "description": "How two variants do.",
        "content": {"application/json": {"example": EXAMPLE}},
    }
    router.add_api_route(
        "/variants",
        variants,
        operation_id="variants",
        name="variants",
        tags=["about"],
        summary="Say how two variants do.",
        response_class=Response,
        responses={**pages.responses(Accepted, (503,)), 200: told},
        route_class_override=Direct,
    )
