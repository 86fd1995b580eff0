"""A run served as it is in earnest: the parent, a worker, keys, and nothing that trains."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from shelfspace.service.edge.keys import scope_needed
from shelfspace.service.settings import STORE, VARIABLE, Serving
from shelfspace.store.store import Store
from shelfspace.tasks import TASKS
from tests.service.running import Running


@pytest.fixture(scope="module")
def run(small_run, tmp_path_factory):
    run = tmp_path_factory.mktemp("worker") / "run"
    shutil.copytree(small_run, run)
    return run


@pytest.fixture(scope="module")
def keys(run):
    store = Store.open(run)
    made = {scope: store.add_key(f"the-{scope}", [scope]) for scope in ("read", "write", "admin")}
    store.close()
    return made


@pytest.fixture(scope="module")
def server(run, keys):
    env = {name: value for name, value in os.environ.items() if name != STORE}
    process = subprocess.Popen(
        [sys.executable, "-m", "shelfspace.service.workers"],
        env=env | {VARIABLE: Serving(run=run, port=0).to_json()},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield Running(process, seconds=60)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stderr.close()


@pytest.fixture(scope="module")
def client(server, keys):
    with httpx.Client(base_url=server.address, timeout=30) as client:
        yield lambda method, path, scope=None, **more: client.request(
            method, path, headers={"Authorization": f"Bearer {keys[scope]}"} if scope else {}, **more
        )


def test_doors_open_to_their_keys(client):
    assert client("GET", "/health/ready").json()["ready"]
    assert client("GET", "/similar/sku-001").status_code == 401
    assert client("GET", "/similar/sku-001", "write").status_code == 403
    assert client("GET", "/similar/sku-001", "read").json()["hits"]
    assert client("POST", "/events", "read", json={"item_id": "sku-001", "user_id": "u"}).status_code == 403
    assert client("DELETE", "/users/u", "write").status_code == 403
    assert client("GET", "/metrics", "read").status_code == 403


def test_what_was_written_is_counted_and_kept(client, run):
    event = {"item_id": "sku-001", "user_id": "u", "event_id": "e-1"}
    told = [client("POST", "/events", "write", json=event).json() for _ in range(2)]
    assert [(one["accepted"], one["duplicates"]) for one in told] == [(1, 0), (0, 1)]
    numbers = client("GET", "/metrics", "admin").text
    assert "\nshelfspace_writes_accepted_total 1.0" in numbers
    assert "\nshelfspace_writes_duplicate_total 1.0" in numbers
    assert 'route="/similar/{item}",status="403"' not in numbers  # who was turned away reached no route
    store = Store.open(run)
    assert [record.event_id for record in store.since(0)] == ["e-1"]
    store.close()


def test_each_route_of_the_page_needs_what_it_should(client):
    page = client("GET", "/openapi.json").json()
    needed = {
        (method.upper(), path): scope_needed(method.upper(), path)
        for path, methods in page["paths"].items()
        for method in methods
    }
    asking = {(m, p) for m, p in needed if p == "/" or p.split("/")[1] in TASKS}
    assert {asked for asked, scope in needed.items() if scope == "read"} == asking
    assert {p for (_, p), scope in needed.items() if scope is None} == {"/health/live", "/health/ready"}
    assert {asked for asked, scope in needed.items() if scope == "admin"} == {
        ("GET", "/metrics"),
        ("GET", "/variants"),
        ("DELETE", "/users/{user_id}"),
        ("GET", "/users/{user_id}/export"),
    }


def test_nothing_that_trains_is_loaded_and_no_key_is_logged(server, client, keys):
    worker = server.wait_for(lambda line: line.get("message") == "a worker answers")["pid"]
    maps = Path(f"/proc/{worker}/maps").read_text("utf-8")
    assert "onnxruntime" in maps
    assert "torch" not in maps
    server.wait_for(lambda line: line.get("route") == "/similar/{item}" and line["key"] == "the-read")
    assert not any(key in json.dumps(server.lines) for key in keys.values())
    assert server.stop() == 0
