import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from shelfspace.errors import ConfigError
from shelfspace.service.problems import CODES
from shelfspace.service.settings import VARIABLE, Serving
from shelfspace.service.workers import listening
from tests.service.running import Running

STANDIN = Path(__file__).with_name("standin.py")

PARENT = """
import os, sys, tempfile
from pathlib import Path
from shelfspace.service.logs import configure
from shelfspace.service.problems import CODES
from shelfspace.service.settings import VARIABLE, Serving
from shelfspace.service.workers import Parent, listening
settings = Serving.from_json(os.environ[VARIABLE])
configure()
with listening(settings.host, 0) as taken, tempfile.TemporaryDirectory() as shared:
    Parent(settings, taken, Path(shared), (sys.executable, sys.argv[1])).run()
"""


@contextmanager
def running(**settings):
    told = Serving(run=Path("run"), port=0, **settings).to_json()
    with tempfile.TemporaryDirectory() as folder:  # a parent that is killed leaves its own behind
        process = subprocess.Popen(
            [sys.executable, "-c", PARENT, str(STANDIN)],
            env=os.environ | {VARIABLE: told, "TMPDIR": folder},
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            server = Running(process)
            server.num_ready(settings.get("workers", 1))
            yield server
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            process.stderr.close()


@pytest.fixture(scope="module")
def server():
    with running(
        workers=2, max_body_mb=1, body_timeout=1, header_timeout=0.6, timeout=0.5, keep_alive=1, grace=5
    ) as server:
        yield server


def test_connections_are_spread_evenly(server):
    clients = [httpx.Client(base_url=server.address) for _ in range(12)]
    spread = Counter(client.get("/pid").json()["pid"] for client in clients)
    for client in clients:
        client.close()
    assert len(spread) == 2
    assert min(spread.values()) >= 5


def test_all_workers_are_counted_together(server):
    before = _asked(server)
    for _ in range(6):
        httpx.get(f"{server.address}/pid")
    assert _asked(server) == before + 6


def test_a_body_of_fifty_megabytes_is_refused_and_never_held(server):
    pid = httpx.get(f"{server.address}/pid").json()["pid"]
    before = _peak(pid)
    for body in (b"x" * 50_000_000, iter([b"x" * 1_000_000] * 50)):
        told = httpx.put(f"{server.address}/items/a", content=body, timeout=10)
        assert told.status_code == 413
        assert told.json()["error"]["code"] == CODES[413]
        assert told.headers["connection"] == "close"
    assert _peak(pid) - before < 20_000


def test_slow_headers_and_slow_bodies_are_cut_off(server):
    with server.raw() as headers, server.raw() as body:
        headers.sendall(b"GET /pid HTTP/1.1\r\nHost: localhost\r\nX-A: ")
        body.sendall(b"PUT /items/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\nabc")
        begun = time.monotonic()
        assert _all(headers).startswith(b"HTTP/1.1 408 ")
        assert time.monotonic() - begun < 3
        assert _all(body).startswith(b"HTTP/1.1 408 ")
        assert time.monotonic() - begun < 3


def test_a_silent_connection_is_closed(server):
    with server.raw() as silent, server.raw() as blank:
        blank.sendall(b"GET /pid HTTP/1.1\r\nHost: localhost\r\n\r\n")
        time.sleep(0.2)
        blank.sendall(b"\r\n")  # no request, but more than nothing
        assert _all(silent).startswith(b"HTTP/1.1 408 ")
        assert _all(blank).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET /%s HTTP/1.1\r\nHost: localhost\r\n\r\n" % (b"a" * 9000), 414),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: %s\r\n\r\n" % (b"a" * 17000), 431),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n%s\r\n" % (b"X-A: b\r\n" * 5000), 431),
        (b"no http\r\n\r\n", 400),
        (b"PUT /items/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: a\r\n\r\n", 400),
    ],
)
def test_what_is_too_long_or_no_http_is_refused_in_the_one_shape(server, request_line, status):
    with server.raw() as connection:
        connection.sendall(request_line)
        head, _, body = _all(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert set(json.loads(body)["error"]) == {"code", "message", "request_id"}


def test_a_late_answer_is_504(server):
    told = httpx.get(f"{server.address}/slow", params={"seconds": 5})
    assert (told.status_code, told.json()["error"]["code"]) == (504, CODES[504])


def test_a_fault_is_told_without_its_words(server):
    told = httpx.get(f"{server.address}/fail", headers={"X-Request-ID": "mine-1"})
    assert told.status_code == 500
    assert "secret" not in told.text
    line = server.wait_for(lambda line: line.get("request_id") == "mine-1" and "status" in line)
    assert (line["status"], line["level"], line["route"]) == (500, "error", "/fail")
    assert "secret" not in json.dumps(server.lines)


def test_a_worker_that_is_killed_is_started_again(server):
    pid = httpx.get(f"{server.address}/pid").json()["pid"]
    num = sum(line.get("message") == "a worker answers" for line in server.lines)
    os.kill(pid, signal.SIGKILL)
    server.wait_for(lambda line: line.get("worker") == pid and "ended" in line["message"])
    answers = {httpx.get(f"{server.address}/pid").json()["pid"] for _ in range(4)}  # the other one goes on
    assert pid not in answers
    server.num_ready(num + 1)


def test_the_end_waits_for_requests_under_way():
    with running(workers=1, timeout=10, grace=5) as server:
        told = []
        asking = threading.Thread(
            target=lambda: told.append(httpx.get(f"{server.address}/slow", params={"seconds": 0.7}))
        )
        asking.start()
        time.sleep(0.3)
        assert server.stop() == 0
        asking.join()
        assert told[0].status_code == 200
        line = server.wait_for(lambda line: line.get("route") == "/slow")
        assert "seconds" not in json.dumps(line)


def test_where_no_worker_can_start_the_server_ends():
    process = subprocess.run(
        [sys.executable, "-c", PARENT, str(STANDIN)],
        env=os.environ | {VARIABLE: Serving(run=Path("run")).to_json(), "SHELFSPACE_FAILS": "1"},
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert process.returncode == 1
    assert "no worker could be started" in process.stderr


def test_an_address_that_is_taken_is_named():
    with listening("127.0.0.1", 0) as taken, pytest.raises(ConfigError, match="cannot listen on 127"):
        listening("127.0.0.1", taken.getsockname()[1])


def test_a_worker_does_not_outlive_its_parent(server):  # the last that asks this server
    pid = httpx.get(f"{server.address}/pid").json()["pid"]
    server.process.kill()
    server.process.wait()
    until = time.monotonic() + 5
    while Path(f"/proc/{pid}").exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists()


def _asked(server):
    text = httpx.get(f"{server.address}/metrics").text
    return sum(
        float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if line.startswith("shelfspace_requests_total{") and 'route="/pid"' in line
    )


def _peak(pid):
    status = Path(f"/proc/{pid}/status").read_text("utf-8")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])


def _all(connection):
    parts = []
    try:
        while part := connection.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)
