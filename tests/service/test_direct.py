"""Most requests find their route at once, and it is the one that the router would find."""

import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.testclient import TestClient

from shelfspace.errors import UnknownIdError
from shelfspace.service.direct import Direct, Table
from tests.service.conftest import Served

PATHS = [
    "/similar",
    "/similar/",
    "/similar/sku-001",
    "/similar/a/b",
    "/events",
    "/items/sku-001",
    "/users/user-7",
    "/users/user-7/export",
    "/",
    "/nowhere",
    "/docs",
    "/similarly",
]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("path", PATHS)
def test_a_route_that_is_found_is_the_routers(served: Served, method: str, path: str):
    app = served.app
    assert isinstance(app, FastAPI)
    scope = {"type": "http", "method": method, "path": path, "headers": [], "root_path": ""}
    found = Table(app.routes).of(scope)
    if found is None:
        return
    for route in app.routes:
        match, said = route.matches(scope)
        if match is Match.FULL:
            assert route is found[0]
            assert said.get("path_params", {}) == found[1]
            return
    pytest.fail("the router has none")


def test_the_routes_of_every_task_are_found(served: Served):
    app = served.app
    assert isinstance(app, FastAPI)
    table = Table(app.routes)
    for path in ("/similar/x", "/recommend/x", "/search/x", "/events", "/items/x"):
        method = "POST" if path == "/events" else "PUT" if path == "/items/x" else "GET"
        assert table.of({"type": "http", "method": method, "path": path}) is not None, path
    assert table.of({"type": "http", "method": "GET", "path": "/similar/x", "root_path": "/shop"}) is None


@pytest.mark.parametrize(
    ("problem", "status", "code"),
    [(UnknownIdError("no such item"), 404, "unknown_id"), (ValueError("a fault"), 500, "internal")],
)
def test_what_is_raised_is_told_as_the_application_tells_it(problem: Exception, status: int, code: str):
    async def fails(request: Request) -> Response:
        raise problem

    app = FastAPI()
    app.router.add_api_route("/fails", fails, route_class_override=Direct, response_class=Response)
    [route] = [one for one in app.routes if isinstance(one, Direct)]
    said = TestClient(route.at_once).get("/fails")
    assert (said.status_code, said.json()["error"]["code"]) == (status, code)
    assert "a fault" not in said.text
