"""A service on a loopback port, as clients find it."""

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI

from shelfspace.live.live import Live
from shelfspace.service.app import create_app
from shelfspace.service.compared import add_variants
from shelfspace.service.health import Health, add_routes
from shelfspace.service.metrics import Metrics
from shelfspace.service.settings import Serving
from shelfspace.store.store import Store
from shelfspace.store.writer import Writer


@dataclass
class Running:
    """A service that runs, and what it stands on."""

    url: str
    app: FastAPI
    store: Store
    live: Live


@pytest.fixture(scope="session")
def running(small_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    run = tmp_path_factory.mktemp("running") / "run"
    shutil.copytree(small_run, run)
    with Store.open(run) as store:
        live, writer = Live.open(run, store), Writer(store)
        app = create_app(live, writer, store, settings=Serving(run=run))
        paths = {route.path for route in app.routes}
        if "/health/live" not in paths:
            add_routes(app, Health(live, store, max_lag=1000), Metrics())
        if "/variants" not in paths:
            add_variants(app.router, store, lambda: list(live.space.kinds))
        listening = socket.create_server(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", ws="none", lifespan="on"))
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        until = time.monotonic() + 30
        while not server.started:
            assert time.monotonic() < until, "the service did not start"
            time.sleep(0.01)
        yield Running(f"http://127.0.0.1:{listening.getsockname()[1]}", app, store, live)
        server.should_exit = True
        thread.join(timeout=30)
        listening.close()
        writer.close()
        live.close()
