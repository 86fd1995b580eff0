import asyncio
import json

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from shelfspace.service.edge.lines import request_lines
from shelfspace.service.edge.rates import Rates
from shelfspace.service.edge.standing import guarded
from shelfspace.service.edge.watching import Watch
from shelfspace.service.metrics import Metrics
from shelfspace.service.problems import CODES
from shelfspace.service.settings import Serving
from tests.service.edge.asking import Ring, ask, fine


def test_each_answer_has_an_id_and_safe_headers():
    first, second = ask(fine), ask(fine)
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    assert first.headers["x-content-type-options"] == "nosniff"
    assert first.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("given", "kept"), [("mine-1", True), ("a b", False), ("x" * 65, False), ("a\u00e9", False)]
)
def test_a_callers_id_is_kept_where_it_is_sane(given, kept):
    told = ask(fine, headers={"X-Request-ID": given.encode("latin-1")})
    assert (told.headers["x-request-id"] == given) is kept


def test_a_fault_says_nothing_of_itself(caplog):
    async def failing(scope, receive, send):
        raise ValueError("the password is 1234")

    told = ask(failing)
    assert (told.status_code, told.json()["error"]["code"]) == (500, CODES[500])
    assert "1234" not in told.text


def test_a_line_names_the_route_and_never_what_stood_in_its_place():
    lines = []

    async def one(request):
        return JSONResponse({})

    app = Watch(Starlette(routes=[Route("/similar/{item}", one)]), request_lines(lines.append, lambda: 7))

    async def both():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            await client.get(
                "/similar/user-7?secret=ss_x", headers={"X-Request-ID": "r1", "Authorization": "ss_y"}
            )
            await client.get("/nothing/user-7")

    asyncio.run(both())
    first, second = (json.loads(line) for line in lines)
    assert {k: first[k] for k in ("level", "request_id", "method", "route", "status", "key", "version")} == {
        "level": "info",
        "request_id": "r1",
        "method": "GET",
        "route": "/similar/{item}",
        "status": 200,
        "key": None,
        "version": 7,
    }
    assert (second["route"], second["status"]) == ("other", 404)
    assert not any(word in b"".join(lines) for word in (b"user-7", b"secret", b"ss_"))


@pytest.mark.parametrize(
    ("cors", "allowed"), [((), None), (("https://shop.example",), "https://shop.example")]
)
def test_other_origins_are_let_in_only_where_they_are_named(tmp_path, cors, allowed):
    rates = Rates(tmp_path / "rates")
    settings = Serving(run=tmp_path, cors=cors)
    app = guarded(
        fine,
        ring=Ring({"one": None}),
        settings=settings,
        metrics=Metrics(),
        rates=rates,
        put=lambda line: None,
        version=lambda: 1,
    )
    asking = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    told = ask(app, "OPTIONS", headers=asking)
    assert told.headers.get("access-control-allow-origin") == allowed
    assert told.status_code == (200 if allowed else 401)
    rates.close()
