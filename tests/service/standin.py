"""A worker with a small app and no space, for what is true of any app: `python standin.py`, as the parent starts it."""

import asyncio
import os
import signal
import sys
from pathlib import Path

if "SHELFSPACE_FAILS" in os.environ:
    sys.exit(3)

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from shelfspace.service.channel import Channel
from shelfspace.service.edge.rates import Rates
from shelfspace.service.edge.standing import guarded
from shelfspace.service.logs import Drain, configure
from shelfspace.service.metrics import Metrics
from shelfspace.service.server import HandedServer
from shelfspace.service.settings import VARIABLE, Serving
from shelfspace.service.workers import SHARED


class NoKeys:
    """A store without keys."""

    def keys(self):
        return []

    def key_of(self, key):
        return None


async def pid(request: Request) -> Response:
    return JSONResponse({"pid": os.getpid()})


async def slow(request: Request) -> Response:
    await asyncio.sleep(float(request.query_params["seconds"]))
    return JSONResponse({"pid": os.getpid()})


async def size(request: Request) -> Response:
    return JSONResponse({"size": len(await request.body()), "pid": os.getpid()})


async def fail(request: Request) -> Response:
    raise ValueError("a secret of user-7")


def routes(metrics: Metrics) -> list[Route]:
    async def numbers(request: Request) -> Response:
        return Response(metrics.text(), media_type="text/plain")

    return [
        Route("/pid", pid),
        Route("/slow", slow),
        Route("/items/{item:path}", size, methods=["PUT"]),
        Route("/fail", fail),
        Route("/metrics", numbers),
    ]


def main() -> None:
    settings = Serving.from_json(os.environ[VARIABLE])
    configure(settings.log_level)
    drain, metrics = Drain(), Metrics()
    app = guarded(
        Starlette(routes=routes(metrics)),
        ring=NoKeys(),
        settings=settings,
        metrics=metrics,
        rates=Rates(Path(os.environ[SHARED]) / "rates"),
        put=drain.put,
        version=lambda: 1,
    )
    server = HandedServer(app, settings, Channel.inherited())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, server.handle_exit)
    server.run()
    drain.close()


if __name__ == "__main__":
    main()
