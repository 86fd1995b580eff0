"""A service over a small run of its own, asked without a socket."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from shelfspace.live.live import Live
from shelfspace.service.app import create_app
from shelfspace.service.settings import Serving
from shelfspace.store.store import Store
from shelfspace.store.writer import Writer


@dataclass
class Served:
    """What a worker has in its hands."""

    run: Path
    store: Store
    live: Live
    app: FastAPI
    client: TestClient

    def get(self, path: str, **query: object) -> httpx.Response:
        return self.client.get(path, params=query)

    def post(self, path: str, body: object) -> httpx.Response:
        return self.client.post(path, json=body)


@pytest.fixture(scope="module")
def served(small_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    run = tmp_path_factory.mktemp("served") / "run"
    shutil.copytree(small_run, run)
    with Store.open(run) as store:
        live, writer = Live.open(run, store), Writer(store)
        settings = Serving(run=run, max_k=200, max_batch=5, max_events=50, max_body_mb=1, max_photo_mb=0.5)
        app = create_app(live, writer, store, settings=settings)
        with TestClient(app, raise_server_exceptions=False) as client:
            yield Served(run, store, live, app, client)
        writer.close()
        live.close()
