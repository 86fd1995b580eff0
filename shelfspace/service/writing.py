"""What a shop writes: events, impressions, items and users. A reply says that it is on disk."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
from starlette.requests import Request
from starlette.responses import Response

from shelfspace.errors import DataError, InputError, did_you_mean
from shelfspace.service.asking import Living
from shelfspace.service.bodies import EVENT, IMPRESSION, PROFILE, Rows, listing_of, moment_of
from shelfspace.service.reading import checked_id, json_of, read
from shelfspace.service.settings import Serving
from shelfspace.space import Space
from shelfspace.store.records import Appended, Write

AHEAD = 300.0
"""Seconds that a caller's clock may be ahead of ours."""

CHUNK = 500
"""Events that are read before others get their turn."""

FEW = 50
"""More writes are handed over in a thread: it takes some microseconds for each."""


class Writing(Protocol):
    """What puts writes on disk; see `shelfspace.store.writer.Writer`."""

    def submit(self, writes: Sequence[Write]) -> "Future[Appended]":
        """Return what comes true when they are."""
        ...


class Written:
    """What takes writes in."""

    def __init__(self, live: Living, writer: Writing, settings: Serving) -> None:
        self.live, self.writer, self.settings = live, writer, settings

    async def events(self, request: Request) -> Response:
        """Take `POST /events`."""
        return await self._many(request, EVENT, _event)

    async def impressions(self, request: Request) -> Response:
        """Take `POST /impressions`."""
        return await self._many(request, IMPRESSION, _impression)

    async def put_item(self, request: Request) -> Response:
        """Take `PUT /items/ITEM`: the whole listing."""
        columns = await self._listing(request)
        said = {name: value for name, value in columns.items() if value is not None}
        return await self._kept([Write("item", "put", item_id=_item(request), body=said)])

    async def patch_item(self, request: Request) -> Response:
        """Take `PATCH /items/ITEM`: some columns; null takes one out."""
        columns = await self._listing(request)
        return await self._kept([Write("item", "patch", item_id=_item(request), body=columns)])

    async def delete_item(self, request: Request) -> Response:
        """Take `DELETE /items/ITEM`."""
        return await self._kept([Write("item", "delete", item_id=_item(request))])

    async def put_user(self, request: Request) -> Response:
        """Take `PUT /users/USER`: the whole profile."""
        columns = await self._profile(request)
        said = {name: value for name, value in columns.items() if value is not None}
        return await self._kept([Write("user", "put", user_id=_user(request), body=said)])

    async def patch_user(self, request: Request) -> Response:
        """Take `PATCH /users/USER`: some columns; null takes one out."""
        columns = await self._profile(request)
        return await self._kept([Write("user", "patch", user_id=_user(request), body=columns)])

    async def _listing(self, request: Request) -> dict[str, Any]:
        given = await json_of(request, self.settings.max_body)
        return listing_of(given, self.live.space.catalogue.table.schema)

    async def _profile(self, request: Request) -> dict[str, Any]:
        given = await json_of(request, self.settings.max_body)
        found: dict[str, Any] = read(PROFILE, given, ())
        return found

    async def _many(
        self, request: Request, rows: Rows, write_of: "Callable[[_Row, _Now], Write]"
    ) -> Response:
        """Keep one row, or a list of them; all, or none."""
        given = await json_of(request, self.settings.max_body)
        num = len(given) if isinstance(given, list) else 1
        if not 1 <= num <= self.settings.max_events:
            raise InputError(f"{num:,} at once; give 1 to {self.settings.max_events:,}")
        now, writes = _Now(self.live.space, time.time() + AHEAD), list[Write]()
        if not isinstance(given, list):
            writes.append(write_of(read(rows.one, given, rows.names), now))
            return await self._kept(writes)
        for start in range(0, len(given), CHUNK):
            found: list[_Row] = read(rows.adapter, given[start : start + CHUNK], rows.names, first=start)
            for row in found:
                try:
                    writes.append(write_of(row, now))
                except InputError as problem:
                    raise InputError(f"row {len(writes)}: {problem}") from None
            if len(given) > CHUNK:
                await asyncio.sleep(0)  # others get their turn
        return await self._kept(writes)

    async def _kept(self, writes: Sequence[Write]) -> Response:
        """Reply when it is on disk."""
        try:
            submit = self.writer.submit
            kept = submit(writes) if len(writes) <= FEW else await asyncio.to_thread(submit, writes)
            done = await asyncio.wrap_future(kept)
        except DataError as problem:  # the caller's, not the shop's files'
            raise InputError(str(problem)) from None
        if len(writes) <= FEW:  # what is many is taken in before the next answer
            self.live.catch_up()
        items = dict.fromkeys(w.item_id for w in writes if w.item_id is not None and w.action != "put")
        reply = {
            "accepted": done.num_added,
            "duplicates": done.num_duplicates,
            "seq": done.seq,
            "unknown_items": [item for item in items if not self.live.knows(item)],
        }
        return Response(orjson.dumps(reply), media_type="application/json")


_Row = Mapping[str, Any]


@dataclass(frozen=True)
class _Now:
    """What rows are checked against.

    space: of it the kinds of event and the clock;  latest: seconds since 1970 that no row may be after.
    """

    space: Space
    latest: float


def _event(row: _Row, now: _Now) -> Write:
    """Return an event as it is kept."""
    body = dict(row)
    item_id, user_id, event_id = body.pop("item_id"), body.pop("user_id", None), body.pop("event_id", None)
    if user_id is None and "session_id" not in body and "basket_id" not in body:
        raise InputError("an event says whose it is: give user_id, session_id or basket_id")
    kind, kinds = body.get("event"), now.space.kinds
    if kind is not None and kinds and kind not in kinds:
        raise InputError(f"unknown event {kind!r}{did_you_mean(kind, kinds)}; known: {', '.join(kinds)}")
    if "timestamp" in body:
        body["timestamp"] = moment_of(body["timestamp"], now.space.history.clock, now.latest)
    return Write("event", "add", item_id, user_id, event_id, body)


def _impression(row: _Row, now: _Now) -> Write:
    """Return an impression as it is kept."""
    body = dict(row)
    item_id, user_id, event_id = body.pop("item_id"), body.pop("user_id", None), body.pop("event_id", None)
    if "timestamp" in body:
        body["timestamp"] = moment_of(body["timestamp"], now.space.history.clock, now.latest)
    return Write("impression", "add", item_id, user_id, event_id, body)


def _item(request: Request) -> str:
    return checked_id(request.path_params["item_id"], "item")


def _user(request: Request) -> str:
    return checked_id(request.path_params["user_id"], "user")
