"""Whether the server is up, and whether it should be sent requests."""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Any, Protocol

from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response

from shelfspace.errors import StoreError
from shelfspace.service.metrics import CONTENT_TYPE, Metrics

PATIENCE = 2.0
"""Seconds that the store is given to say where it stands."""

REMEMBERED = 0.25
"""Seconds for which an answer holds, however many ask."""


class Follower(Protocol):
    """A space that follows the store."""

    @property
    def version(self) -> int:
        """The version of the space."""

    @property
    def seq(self) -> int:
        """The last write that it knows."""

    def catch_up(self) -> None:
        """Take in what it does not know yet."""


class Followed(Protocol):
    """A store that is followed."""

    def latest(self) -> int:
        """Return the number of the last write."""


class Health:
    """Says whether a worker can answer as it should.

    Args:
        live: the space that answers.
        store: what it follows.
        max_lag: how many writes it may be behind.
        now: the clock.
    """

    def __init__(
        self, live: Follower, store: Followed, max_lag: int, now: Callable[[], float] = monotonic
    ) -> None:
        self.live, self.store, self.max_lag, self._now = live, store, max_lag, now
        self._said: tuple[float, dict[str, Any]] | None = None
        self._asked: asyncio.Future[int] | None = None

    async def ready(self) -> dict[str, Any]:
        """Return `ready`, the `reasons` why not, the space's `version`, `seq` and `lag`."""
        if self._said is None or self._now() - self._said[0] > REMEMBERED:
            self._said = self._now(), await self._looked()
        return self._said[1]

    async def _looked(self) -> dict[str, Any]:
        reasons, lag = [], None
        try:
            latest = await self._latest()
            self.live.catch_up()
            lag = max(0, latest - self.live.seq)
            if lag > self.max_lag:
                reasons.append(f"{lag:,} writes behind the store")
        except StoreError:
            reasons.append("the store cannot be read")
        except TimeoutError:
            reasons.append(f"the store does not answer in {PATIENCE:g} s")
        about = {"version": self.live.version, "seq": self.live.seq, "lag": lag}
        return {"ready": not reasons, "reasons": reasons, **about}

    async def _latest(self) -> int:
        """Ask the store; one thread waits for it, however often this is asked meanwhile."""
        if self._asked is None or self._asked.done():
            self._asked = asyncio.ensure_future(asyncio.to_thread(self.store.latest))
        return await asyncio.wait_for(asyncio.shield(self._asked), PATIENCE)


def add_routes(app: FastAPI, health: Health, metrics: Metrics) -> None:
    """Add `/health/live`, `/health/ready` and `/metrics` to an app."""

    async def live() -> JSONResponse:
        """Say that the process is up."""
        return JSONResponse({"live": True})

    async def ready() -> JSONResponse:
        """Say whether the space is open, the store can be read and the worker has followed it; 503 where not."""
        said = await health.ready()
        return JSONResponse(said, 200 if said["ready"] else 503)

    async def numbers() -> Response:
        """Give the numbers of all workers, for Prometheus; needs the scope `admin`."""
        return Response(await asyncio.to_thread(metrics.text), media_type=CONTENT_TYPE)

    state = {"ready": True, "reasons": [], "version": 1, "seq": 1042, "lag": 0}
    behind = {**state, "ready": False, "reasons": ["the store cannot be read"], "lag": None}
    app.add_api_route(
        "/health/live",
        live,
        tags=["health"],
        operation_id="health_live",
        summary="Is the process up?",
        responses={200: _json("The process is up.", {"live": True}, _LIVE)},
    )
    app.add_api_route(
        "/health/ready",
        ready,
        tags=["health"],
        operation_id="health_ready",
        summary="Should it be sent requests?",
        responses={
            200: _json("Send requests.", state, _READY),
            503: _json("Do not, for these reasons.", behind, _READY),
        },
    )
    app.add_api_route(
        "/metrics",
        numbers,
        tags=["health"],
        operation_id="metrics",
        summary="Numbers for Prometheus",
        response_class=Response,
        openapi_extra={"security": [{"key": []}]},
        responses={
            200: {
                "description": "The numbers of all workers.",
                "content": {"text/plain": {"schema": {"type": "string"}}},
            }
        },
    )


_LIVE = {"type": "object", "properties": {"live": {"type": "boolean"}}, "required": ["live"]}

_READY = {
    "type": "object",
    "properties": {
        "ready": {"type": "boolean"},
        "reasons": {"type": "array", "items": {"type": "string"}},
        "version": {"type": "integer"},
        "seq": {"type": "integer"},
        "lag": {"type": ["integer", "null"]},
    },
    "required": ["ready", "reasons", "version", "seq", "lag"],
}


def _json(about: str, example: Any, schema: Any) -> dict[str, Any]:
    return {"description": about, "content": {"application/json": {"schema": schema, "example": example}}}
