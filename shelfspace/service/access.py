"""Whether keys are needed at all."""

from collections.abc import Collection
from typing import Protocol

from shelfspace.errors import ConfigError
from shelfspace.service.settings import Serving

OPEN = frozenset(
    ("/health/live", "/health/ready", "/docs", "/docs/oauth2-redirect", "/redoc", "/openapi.json")
)
"""Paths that need no key and count towards no limit."""

WARNING = (
    "no key is in the store: everybody on this machine may ask, write and erase; make one with "
    "`shelfspace keys add RUN --name … --scope read`"
)


class HasKeys(Protocol):
    """A store that holds keys."""

    def keys(self) -> Collection[object]:
        """Return all keys, revoked ones among them."""


def is_open(store: HasKeys, settings: Serving) -> bool:
    """Say whether anybody may ask: on a loopback address, while the store never held a key.

    Raises:
        ConfigError: other machines can reach the server, and there is no key.
    """
    if store.keys():
        return False
    if settings.is_loopback:
        return True
    raise ConfigError(
        f"no key is in the store, and {settings.host} can be reached by others; make one first: "
        f"shelfspace keys add {settings.run} --name shop --scope read"
    )
