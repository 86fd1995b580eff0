"""Photos behind addresses: fetched once, politely, and from nowhere inside the house."""

import hashlib
import ipaddress
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import urllib3

from shelfspace.photos.decoding import Limits, PhotoError

MAX_REDIRECTS = 3
PIECE = 1 << 16


@dataclass
class Fetcher:
    """Fetches photos into a folder, each address once.

    Only http and https are followed, at most `MAX_REDIRECTS` times. A host is looked up once for each request, every
    address of it must be a public one, and that very address is then connected to: a name that changes in between,
    or a redirect to the metadata of a cloud, leads nowhere.

    Args:
        folder: where photos are kept.
        per_second: requests a second to one host.
        timeout: seconds to connect, and for each piece; a photo takes at most six times as long.
        limits: bytes of a photo.
        private: private addresses are allowed, for a shop's own network.

    Example:
        >>> import tempfile
        >>> Fetcher(Path(tempfile.mkdtemp())).fetch("http://127.0.0.1/photo.jpg")
        Traceback (most recent call last):
        ...
        shelfspace.photos.decoding.PhotoError: 127.0.0.1 is not a public address
    """

    folder: Path
    per_second: float = 5.0
    timeout: float = 10.0
    limits: Limits = field(default_factory=Limits)
    private: bool = False
    wait: Callable[[float], None] = time.sleep
    _next: dict[str, float] = field(init=False, repr=False, default_factory=dict)

    def fetch(self, address: str) -> Path:
        """Return the file of a photo, fetched now or before.

        Raises:
            PhotoError: it cannot be had; the text says why. What failed is tried again the next time.
        """
        path = self.folder / hashlib.sha256(address.encode()).hexdigest()
        if path.is_file():
            return path
        data = self._follow(address)
        self.folder.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".unfinished")
        beside.write_bytes(data)
        beside.replace(path)
        return path

    def _follow(self, address: str) -> bytes:
        for _ in range(MAX_REDIRECTS + 1):
            found = self._ask(address)
            if isinstance(found, bytes):
                return found
            address = urljoin(address, found)
        raise PhotoError(f"more than {MAX_REDIRECTS} redirects")

    def _ask(self, address: str) -> bytes | str:
        """Return what an address holds, or where it says to go."""
        try:
            parts = urlsplit(address)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise PhotoError("not an address") from None
        if parts.scheme not in ("http", "https") or not host:
            raise PhotoError(f"{parts.scheme or 'nothing'}: only http and https are fetched")
        secure = parts.scheme == "https"
        port = port or (443 if secure else 80)
        place = self._looked_up(host, port)
        self._be_polite(host)
        timeout = urllib3.Timeout(connect=self.timeout, read=self.timeout)
        if secure:
            pool: urllib3.HTTPConnectionPool = urllib3.HTTPSConnectionPool(
                place, port, timeout=timeout, server_hostname=host, assert_hostname=host
            )
        else:
            pool = urllib3.HTTPConnectionPool(place, port, timeout=timeout)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        said_host = host if parts.port is None else f"{host}:{parts.port}"
        headers = {"Host": said_host, "User-Agent": "shelfspace", "Accept": "image/*"}
        try:
            answer = pool.urlopen(
                "GET", target, headers=headers, retries=False, redirect=False, preload_content=False
            )
            return self._taken(answer)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as problem:
            raise PhotoError(f"cannot be fetched: {type(problem).__name__}") from None
        finally:
            pool.close()

    def _taken(self, answer: urllib3.BaseHTTPResponse) -> bytes | str:
        if 300 <= answer.status < 400 and "location" in answer.headers:
            return answer.headers["location"]
        if answer.status != 200:
            raise PhotoError(f"the host answers {answer.status}")
        until, data = time.monotonic() + 6 * self.timeout, bytearray()
        while piece := answer.read(PIECE):
            data += piece
            if len(data) > self.limits.max_bytes:
                raise PhotoError(f"more than {self.limits.max_bytes:,} bytes")
            if time.monotonic() > until:
                raise PhotoError(f"not there after {6 * self.timeout:g} seconds")
        return bytes(data)

    def _looked_up(self, host: str, port: int) -> str:
        """Return the address of a host; all that it has must be public."""
        try:
            found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        except (OSError, UnicodeError):
            raise PhotoError(f"no host {host}") from None
        for place in found:
            if not self.private and not ipaddress.ip_address(place.partition("%")[0]).is_global:
                raise PhotoError(f"{host} is not a public address")
        return found[0]

    def _be_polite(self, host: str) -> None:
        now = time.monotonic()
        due = max(now, self._next.get(host, now))
        self._next[host] = due + 1.0 / self.per_second
        if due > now:
            self.wait(due - now)
