import asyncio

import pytest

from shelfspace.service.edge.limits import BODIES, Limits
from shelfspace.service.problems import CODES
from tests.service.edge.asking import SETTINGS, ask, asked, fine


async def slow(scope, receive, send):
    await asyncio.sleep(30)


async def in_pieces(num, size=100, pause=0.0):
    for _ in range(num):
        await asyncio.sleep(pause)
        yield b"x" * size


@pytest.fixture
def app():
    return Limits(fine, SETTINGS)


def test_a_body_within_the_limit_comes_through_whole(app):
    assert ask(app, "POST", content=b"x" * 1000).text == "None 1000"
    assert ask(app, "POST", content=in_pieces(10)).text == "None 1000"
    assert ask(app, "POST", content=b"").text == "None 0"


@pytest.mark.parametrize("content", [b"x" * 1049, in_pieces(20)])
def test_a_larger_one_is_refused(app, content):
    told = ask(app, "POST", content=content)
    assert told.status_code == 413
    assert told.json()["error"]["message"] == "a body may have 1,048 bytes"
    assert told.headers["connection"] == "close"
    assert app.num_held == app.num_active == 0


def test_a_length_that_is_no_number_is_refused(app):
    for length in ("-1", "1e3", "١", "9" * 30):
        told = ask(app, "POST", headers={"Content-Length": length.encode()}, content=in_pieces(1))
        assert told.status_code in (400, 413)


def test_a_slow_body_is_refused(app):
    told = ask(app, "POST", content=in_pieces(10, pause=0.1))
    assert (told.status_code, told.json()["error"]["code"]) == (408, CODES[408])


def test_a_slow_answer_is_given_up():
    app = Limits(slow, SETTINGS)
    app.answers.seconds = 0.1
    told = ask(app)
    assert (told.status_code, told.headers["retry-after"]) == (504, "1")
    assert app.num_active == 0


def test_half_an_answer_is_cut_off_and_not_mended():
    async def half(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.sleep(30)

    app = Limits(half, SETTINGS)
    app.answers.seconds = 0.1
    assert ask(app).status_code == 200  # the transport of the test has no connection to cut


def test_more_at_once_than_may_be_get_503_and_bodies_that_are_coming_take_no_place():
    gate = asyncio.Event()

    async def waiting(scope, receive, send):
        await gate.wait()
        await fine(scope, receive, send)

    async def all_of_them():
        app = Limits(waiting, SETTINGS)
        two = [asyncio.create_task(asked(app)) for _ in range(2)]
        coming = asyncio.create_task(asked(app, "POST", content=in_pieces(3, pause=0.03)))
        await asyncio.sleep(0.02)
        third = await asked(app)
        probe = asyncio.create_task(asked(app, path="/health/live"))  # who is busy is still alive
        gate.set()
        return third, [await task for task in (*two, coming, probe)]

    third, others = asyncio.run(all_of_them())
    assert (third.status_code, third.headers["retry-after"]) == (503, "1")
    assert [answer.status_code for answer in others] == [200] * 4


def test_memory_for_bodies_is_bounded(app):
    app.num_held = BODIES * SETTINGS.max_body - 10
    assert ask(app, "POST", content=b"x" * 11).status_code == 503
    assert ask(app, "POST", content=b"x" * 10).status_code == 200


def test_a_client_that_goes_away_is_forgotten(app):
    async def gone():
        return {"type": "http.disconnect"}

    async def never(message):
        raise AssertionError(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "headers": [(b"content-length", b"5")],
        "state": {},
    }
    asyncio.run(app(scope, gone, never))
    assert app.num_held == app.num_active == 0
