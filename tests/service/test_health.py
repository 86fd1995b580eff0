import asyncio
import threading

import httpx
import pytest
from fastapi import FastAPI

from shelfspace.errors import StoreError
from shelfspace.service import health
from shelfspace.service.health import Health, add_routes
from shelfspace.service.metrics import Metrics


class Followed:
    """A store and the space that follows it."""

    version = 1

    def __init__(self, latest=0, seq=0):
        self.last, self.seq = latest, seq

    def catch_up(self):
        self.seq += 1

    def latest(self):
        if isinstance(self.last, Exception):
            raise self.last
        return self.last


def asked(path, both, max_lag=10):
    app = FastAPI()
    add_routes(app, Health(both, both, max_lag), Metrics())

    async def ask():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get(path)

    return asyncio.run(ask())


def test_a_process_that_is_up_says_so():
    assert asked("/health/live", Followed(StoreError("away"))).json() == {"live": True}


def test_a_worker_that_has_followed_is_ready():
    told = asked("/health/ready", Followed(7, 5))
    assert (told.status_code, told.json()) == (
        200,
        {"ready": True, "reasons": [], "version": 1, "seq": 6, "lag": 1},
    )


@pytest.mark.parametrize(
    ("last", "reason"),
    [(50, "49 writes behind the store"), (StoreError("no"), "the store cannot be read")],
)
def test_one_that_has_not_says_why(last, reason):
    told = asked("/health/ready", Followed(last))
    assert (told.status_code, told.json()["reasons"]) == (503, [reason])


def test_a_store_that_hangs_costs_one_thread_however_often_it_is_asked(monkeypatch):
    monkeypatch.setattr(health, "PATIENCE", 0.05)
    both, gate, num = Followed(), threading.Event(), []
    both.latest = lambda: num.append(1) or gate.wait(5) or 0
    checked = Health(both, both, 10, now=iter(range(100)).__next__)

    async def twice():
        said = [await checked.ready() for _ in range(3)]
        gate.set()
        return said

    assert all(said["reasons"] == ["the store does not answer in 0.05 s"] for said in asyncio.run(twice()))
    assert len(num) == 1


def test_the_numbers_are_served_as_text():
    told = asked("/metrics", Followed())
    assert told.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "shelfspace_requests" in told.text
