"""How the edge's tests ask an app."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from shelfspace.errors import StoreError
from shelfspace.service.edge.watching import Watch
from shelfspace.service.settings import Serving

SETTINGS = Serving(run=Path("run"), max_body_mb=0.001, body_timeout=0.2, timeout=0.1, max_waiting=2)


@dataclass
class FakeKey:
    name: str
    scopes: frozenset[str]


@dataclass
class Ring:
    """A store's keys, which counts how often it is asked."""

    known: dict[str, FakeKey] = field(default_factory=dict)
    num_asked: int = 0
    is_away: bool = False

    def keys(self):
        return list(self.known.values())

    def key_of(self, key):
        self.num_asked += 1
        if self.is_away:
            raise StoreError("the store cannot be read")
        return self.known.get(key)


class Clock:
    def __init__(self):
        self.seconds = 1000.0

    def __call__(self):
        return self.seconds


def key_of(letter):
    return "ss_" + letter * 43


async def fine(scope, receive, send):
    """An app that says who asked, and how long the body was."""
    size, more = 0, True
    while more:
        message = await receive()
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    body = f"{scope['state'].get('key')} {size}".encode()
    head = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": body})


async def asked(app, method="GET", path="/similar/a", *, host="127.0.0.1", base="http://localhost", **more):
    """Ask an app that is watched, as the edge always is."""
    transport = httpx.ASGITransport(Watch(app), client=(host, 1), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=base) as client:
        return await client.request(method, path, **more)


def ask(app, *args, **more):
    return asyncio.run(asked(app, *args, **more))
