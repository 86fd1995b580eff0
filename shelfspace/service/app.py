"""The application: routes around a space that follows its store."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cached_property, partial
from importlib.metadata import version
from typing import Any

import orjson
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from shelfspace.service import pages
from shelfspace.service.asking import Asking, Choosing, Living, Watch
from shelfspace.service.direct import Direct, Table
from shelfspace.service.persons import Persons
from shelfspace.service.problems import HANDLERS
from shelfspace.service.routes import add_asking, add_writing
from shelfspace.service.settings import Serving
from shelfspace.service.shapes import Home
from shelfspace.service.writing import Writing, Written
from shelfspace.store.store import Store
from shelfspace.tasks import TASKS

ABOUT = """Asks a space, and keeps what the shop tells it.

An answer is made from one version of the space, named in `X-Space-Version`, and from all that was kept before it was
asked for. What was accepted is on disk. Ids are the shop's own texts; in a path they are percent-encoded. Every error
has one shape, `{"error": {"code", "message", "request_id"}}`.
"""


class Service(FastAPI):
    """A FastAPI application whose page also says how keys travel; most requests go to their route at once."""

    @cached_property
    def table(self) -> Table:
        """What finds the routes of most requests; made at the first one, when all routes are there."""
        return Table(self.routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        found = self.table.of(scope) if scope["type"] == "http" else None
        if found is None:
            await super().__call__(scope, receive, send)
            return
        scope["app"] = self
        scope["route"], scope["path_params"] = found
        await found[0].at_once(scope, receive, send)

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI page; made once."""
        if self.openapi_schema is None:
            page = super().openapi()
            page.setdefault("components", {})["securitySchemes"] = pages.SECURITY
        return self.openapi_schema or {}


def create_app(
    live: Living,
    writer: Writing,
    store: Store,
    *,
    settings: Serving,
    variants: Choosing | None = None,
    watch: Watch | None = None,
) -> FastAPI:
    """Return the application of one worker.

    Args:
        live: the space, as it follows the store.
        writer: what puts writes on disk.
        store: where they are; it is read for what is held of a shopper, and told to forget one.
        settings: what a request may cost.
        variants: spaces to choose from for each question; `live` takes part in what is written.
        watch: what is told of each answer to one subject.

    Example:
        >>> app = create_app(live, Writer(store), store, settings=Serving(run=run))  # doctest: +SKIP
    """
    asking = Asking(live, settings, variants=variants, watch=watch)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        asking.close()

    app = Service(
        title="Shelfspace",
        version=version("shelfspace"),
        description=ABOUT,
        exception_handlers=HANDLERS,
        lifespan=lifespan,
        redirect_slashes=False,
        docs_url="/docs" if settings.docs else None,
        redoc_url=None,
        openapi_url="/openapi.json" if settings.docs else None,
    )
    add_asking(app.router, asking)
    add_writing(app.router, Written(live, writer, settings), Persons(live, store))
    app.router.add_api_route(
        "/",
        partial(_home, live),
        operation_id="home",
        name="home",
        tags=["about"],
        summary="Say what answers here.",
        response_class=Response,
        responses=pages.responses(Home, ()),
        openapi_extra={"security": [{"key": []}]},
        route_class_override=Direct,
    )
    return app


async def _home(live: Living, request: Request) -> Response:
    live.catch_up()
    space = live.space
    said = {
        "name": "shelfspace",
        "version": version("shelfspace"),
        "space_version": live.version,
        "seq": live.seq,
        "num_items": len(space.catalogue),
        "num_users": len(space.users),
        "tasks": {name: f"/{name}" for name in TASKS},
        "docs": "/docs",
        "openapi": "/openapi.json",
    }
    return Response(orjson.dumps(said), media_type="application/json")
