"""Photos behind addresses, from a server on this machine."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from shelfspace.photos.decoding import Limits, PhotoError
from shelfspace.photos.fetching import Fetcher

PHOTO = b"\x89PNG and so on" * 100


class Handler(BaseHTTPRequestHandler):
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(f"{self.headers['Host']}{self.path}")
        if self.path.startswith("/loop"):
            self.send_response(302)
            self.send_header("Location", self.path + "x")
            self.end_headers()
        elif self.path == "/inside":
            self.send_response(302)
            self.send_header("Location", "http://169.254.169.254/latest/meta-data")
            self.end_headers()
        elif self.path == "/file":
            self.send_response(302)
            self.send_header("Location", "file:///etc/passwd")
            self.end_headers()
        elif self.path == "/moved":
            self.send_response(301)
            self.send_header("Location", "/photo.png?size=2")
            self.end_headers()
        elif self.path == "/slow":
            self.send_response(200)
            self.end_headers()
            self.wfile.flush()
            threading.Event().wait(2.0)
        elif self.path.startswith("/photo.png"):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(PHOTO)
        else:
            self.send_error(404)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, list[str]]]:
    Handler.asked = []
    serving = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=serving.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{serving.server_port}", Handler.asked
    serving.shutdown()
    serving.server_close()
    thread.join()


def inside(folder: Path, **settings) -> Fetcher:
    return Fetcher(folder, private=True, per_second=1000.0, **settings)


def test_a_photo_is_fetched_once(server, tmp_path: Path):
    address, asked = server
    fetcher = inside(tmp_path / "kept")
    path = fetcher.fetch(f"{address}/photo.png?size=1")
    assert path.read_bytes() == PHOTO
    before = len(asked)
    assert fetcher.fetch(f"{address}/photo.png?size=1") == path
    assert len(asked) == before
    assert asked[-1] == f"{address.removeprefix('http://')}/photo.png?size=1"
    assert fetcher.fetch(f"{address}/moved").read_bytes() == PHOTO


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/none", "the host answers 404"),
        ("/loop", "more than 3 redirects"),
        ("/file", "file: only http and https"),
        ("/slow", "cannot be fetched: ReadTimeoutError"),
    ],
)
def test_what_cannot_be_had_is_told(server, tmp_path: Path, path: str, told: str):
    with pytest.raises(PhotoError, match=told):
        inside(tmp_path, timeout=0.3).fetch(server[0] + path)
    assert list(tmp_path.iterdir()) == []


def test_a_photo_that_is_too_long_is_left(server, tmp_path: Path):
    with pytest.raises(PhotoError, match="more than 100 bytes"):
        inside(tmp_path, limits=Limits(max_bytes=100)).fetch(server[0] + "/photo.png")


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1/x.jpg",
        "http://localhost/x.jpg",
        "http://[::1]/x.jpg",
        "http://10.0.0.8/x.jpg",
        "http://169.254.169.254/latest",
        "http://192.168.1.1/x.jpg",
        "http://0.0.0.0/x.jpg",
        "http://2130706433/x.jpg",
    ],
)
def test_nothing_inside_the_house_is_asked(tmp_path: Path, address: str):
    with pytest.raises(PhotoError, match="is not a public address"):
        Fetcher(tmp_path).fetch(address)


def test_a_redirect_into_the_house_is_not_followed(server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    fetcher = Fetcher(tmp_path)
    look_up, first = fetcher._looked_up, []

    def once(host: str, port: int) -> str:
        first.append(host)
        return "127.0.0.1" if len(first) == 1 else look_up(host, port)

    monkeypatch.setattr(fetcher, "_looked_up", once)
    with pytest.raises(PhotoError, match=r"169\.254\.169\.254 is not a public address"):
        fetcher.fetch(server[0] + "/inside")


def test_a_host_with_one_private_address_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def both(host: str, port: int, **_: object) -> list:
        return [(0, 0, 0, "", ("93.184.216.34", port)), (0, 0, 0, "", ("10.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    with pytest.raises(PhotoError, match=r"shop\.example is not a public address"):
        Fetcher(tmp_path).fetch("http://shop.example/x.jpg")


@pytest.mark.parametrize("address", ["ftp://shop.example/x.jpg", "x.jpg", "http://", "http://[::1", "//x"])
def test_what_is_no_address_of_the_web_is_refused(tmp_path: Path, address: str):
    with pytest.raises(PhotoError):
        Fetcher(tmp_path).fetch(address)


def test_a_host_is_not_asked_faster_than_it_is_polite(server, tmp_path: Path):
    waits: list[float] = []
    fetcher = Fetcher(tmp_path, private=True, per_second=2.0, wait=waits.append)
    for n in range(3):
        fetcher.fetch(f"{server[0]}/photo.png?polite={n}")
    assert len(waits) == 2
    assert waits[0] == pytest.approx(0.5, abs=0.2)
    assert waits[1] == pytest.approx(1.0, abs=0.3)
