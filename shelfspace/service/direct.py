"""Routes whose endpoint reads the request and writes the response itself, and how most requests find theirs at once."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from shelfspace.errors import ShelfspaceError
from shelfspace.service.problems import of_http, on_purpose, unforeseen

SIMPLE = re.compile(r"/(?P<first>[^/{}]*)(/\{(?P<name>\w+):path\})?")
"""The paths that their first part tells: `/similar` and `/similar/{item:path}`."""


class Direct(APIRoute):
    """A route whose endpoint reads the request and writes the response itself: nothing stands between."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **settings: Any) -> None:
        """Make a route as FastAPI does, and answer without it."""
        super().__init__(path, endpoint, **settings)
        self.app = self._answered

    async def _answered(self, scope: Scope, receive: Receive, send: Send) -> None:
        response: Response = await self.endpoint(Request(scope, receive, send))
        await response(scope, receive, send)

    async def at_once(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that was found to be this route's; what is raised is told as the application tells it."""
        request = Request(scope, receive, send)
        try:
            response: Response = await self.endpoint(request)
        except HTTPException as problem:
            response = await of_http(request, problem)
        except ShelfspaceError as problem:
            response = await on_purpose(request, problem)
        except Exception as problem:  # noqa: BLE001 - it is logged, and told as a 500
            response = await unforeseen(request, problem)
        await response(scope, receive, send)


class Table:
    """The routes of simple paths, by method and first part.

    A router tries one route after the other, of some fifty here, and has layers of its own around them: together a
    quarter of what a quick answer takes. Whatever is not in the table is the router's.

    Args:
        routes: all routes, in their order; of two that fit the first one counts.
    """

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._routes: dict[tuple[str, str, bool], tuple[Direct, str | None]] = {}
        for route in routes:
            if not isinstance(route, Direct) or (path := SIMPLE.fullmatch(route.path)) is None:
                continue
            for method in route.methods or ():
                key = method, path["first"], path["name"] is not None
                self._routes.setdefault(key, (route, path["name"]))

    def of(self, scope: Scope) -> tuple[Direct, Mapping[str, str]] | None:
        """Return the route of a request and what its path says, None where the router has to look."""
        if scope.get("root_path"):
            return None
        first, slash, rest = scope["path"][1:].partition("/")
        found = self._routes.get((scope["method"], first, bool(slash)))
        if found is None:
            return None
        route, name = found
        return route, {name: rest} if name is not None else {}
