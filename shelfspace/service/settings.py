"""How a run is served: where, by how many, and what a request may cost."""

import ipaddress
import math
import os
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import ClassVar, Literal

import pydantic

from shelfspace.errors import ConfigError

VARIABLE = "SHELFSPACE_SERVING"
"""The variable of the environment through which a worker gets its settings."""

STORE = "SHELFSPACE_STORE"
"""The variable that holds the store's address, so that a password never stands on a command line."""

MEBIBYTE = 1 << 20

_POSITIVE = (
    "workers",
    "threads",
    "max_k",
    "max_batch",
    "max_events",
    "max_body_mb",
    "max_photo_mb",
    "max_url",
    "max_headers",
    "max_waiting",
    "max_connections",
    "timeout",
    "body_timeout",
    "header_timeout",
    "keep_alive",
    "grace",
)


@dataclass(frozen=True, kw_only=True)
class Serving:
    """What `shelfspace serve` is told.

    Args:
        run: the run folder.
        host: the address to listen on; without keys in the store only a loopback address is served.
        port: the port; 0 takes a free one.
        workers: processes; one a core is enough.
        threads: threads of the numeric libraries in each worker.
        store: the store's address, such as `postgresql://…`; the variable `SHELFSPACE_STORE` where not given, and the
            run's own `store.db` where neither is.
        against: another run, which answers a share of the shoppers; it follows the same store.
        share: the part of the shoppers that it answers, 0 to 1.
        salt: the name of the experiment: another one draws the shoppers anew.
        docs: whether `/docs` and `/openapi.json` are served.
        max_k: the longest answer that can be asked for.
        max_batch: the most subjects of one request.
        max_events: the most events or impressions of one request.
        max_body_mb: the largest body, in mebibytes.
        max_photo_mb: the largest photo, in mebibytes.
        max_url: the longest path and query, in bytes.
        max_headers: the most that all headers of a request may take, in bytes.
        max_waiting: how many requests a worker takes in at once; more get 503.
        max_connections: how many connections a worker holds open; more are closed.
        timeout: seconds until a request that has no answer yet gets 504.
        body_timeout: seconds in which a body must have come in.
        header_timeout: seconds in which a request's line and headers must have come in.
        keep_alive: seconds that an idle connection is kept.
        grace: seconds that requests under way are given when the server stops.
        rate: requests a second that one key may send, or one client address where there are no keys; None: any number.
        burst: how many may come at once before `rate` holds; twice the rate where not given.
        cors: origins whose pages may ask from a browser; none by default.
        proxies: addresses of proxies whose `X-Forwarded-For` is believed; none by default.
        max_lag: how many writes a worker may be behind the store and still call itself ready.
        log_level: of what is logged; each request is logged at `info`.

    Raises:
        ConfigError: a value is out of its range.

    Example:
        >>> Serving(run=Path("runs/shop"), workers=2, rate=100).burst_size
        200
    """

    run: Path
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    threads: int = 1
    store: str | None = field(default=None, repr=False)  # it may hold a password
    against: Path | None = None
    share: float = 0.5
    salt: str = ""
    docs: bool = True
    max_k: int = 1000
    max_batch: int = 100
    max_events: int = 5000
    max_body_mb: float = 10.0
    max_photo_mb: float = 10.0
    max_url: int = 8192
    max_headers: int = 16384
    max_waiting: int = 128
    max_connections: int = 1000
    timeout: float = 10.0
    body_timeout: float = 10.0
    header_timeout: float = 10.0
    keep_alive: float = 30.0
    grace: float = 30.0
    rate: float | None = None
    burst: int | None = None
    cors: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()
    max_lag: int = 10_000
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    __pydantic_config__: ClassVar[pydantic.ConfigDict] = pydantic.ConfigDict(extra="forbid")

    def __post_init__(self) -> None:
        for name in _POSITIVE:
            self._refuse_unless(0 < getattr(self, name) < math.inf, name, "must be above 0")
        self._refuse_unless(0 <= self.port <= 65535, "port", "must be 0 to 65535")
        self._refuse_unless(bool(self.host), "host", "must not be empty; 0.0.0.0 is every address")
        self._refuse_unless(self.rate is None or 0 < self.rate < math.inf, "rate", "must be above 0")
        self._refuse_unless(self.burst is None or self.burst >= 1, "burst", "must be at least 1")
        self._refuse_unless(self.burst is None or self.rate is not None, "burst", "needs a rate")
        self._refuse_unless(0 <= self.share <= 1, "share", "must be 0 to 1")
        self._refuse_unless(self.max_lag >= 0, "max_lag", "must be 0 or more")

    @property
    def address(self) -> str | Path:
        """Where the store is: what was given, else what the environment says, else the run folder."""
        return self.store or os.environ.get(STORE) or self.run

    @property
    def max_body(self) -> int:
        """The largest body in bytes."""
        return int(self.max_body_mb * MEBIBYTE)

    @property
    def burst_size(self) -> int:
        """How many requests of one key may come at once."""
        return self.burst or max(1, math.ceil(2 * (self.rate or 0)))

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def to_json(self) -> str:
        """Return the settings as JSON; the store's address is among them, so it is not for a log."""
        return _adapter().dump_json(self).decode()

    @classmethod
    def from_json(cls, text: str) -> "Serving":
        """Return the settings that `to_json` wrote.

        Raises:
            ConfigError: a setting is unknown or of the wrong type.
        """
        try:
            return _adapter().validate_json(text)
        except pydantic.ValidationError as problem:
            first = problem.errors()[0]
            place = ".".join(str(part) for part in first["loc"]) or "serving"
            raise ConfigError(f"serve: {place}: {first['msg']}") from None

    @classmethod
    def names(cls) -> list[str]:
        """Return the names of all settings."""
        return [f.name for f in fields(cls)]

    def _refuse_unless(self, fine: bool, name: str, why: str) -> None:
        if not fine:
            raise ConfigError(f"serve: {name} = {getattr(self, name)!r} {why}")


def _adapter() -> pydantic.TypeAdapter[Serving]:
    return pydantic.TypeAdapter(Serving)
