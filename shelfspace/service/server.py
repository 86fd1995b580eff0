"""A web server that listens nowhere: its connections come from the parent of the workers."""

import asyncio
import gc
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import uvicorn

from shelfspace.service import channel
from shelfspace.service.channel import Channel
from shelfspace.service.edge.asgi import App
from shelfspace.service.edge.protocol import bounded
from shelfspace.service.logs import log
from shelfspace.service.settings import Serving

HANDED = 0.1
"""Seconds in which a connection that was just handed over may say what it wants, when the worker stops."""

BEAT = 1.0
"""Seconds between two signs of life to the parent."""


class HandedServer(uvicorn.Server):
    """uvicorn on uvloop and httptools, with the bounds of the settings.

    Args:
        app: what answers.
        settings: the server's.
        parent: where connections come from.
        beside: what runs as long as it answers.
    """

    def __init__(
        self, app: App, settings: Serving, parent: Channel, *beside: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        config = uvicorn.Config(
            app,
            loop="uvloop",
            http=bounded(settings, self._ended),
            ws="none",
            lifespan="on",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=bool(settings.proxies),
            forwarded_allow_ips=list(settings.proxies),
            timeout_keep_alive=settings.keep_alive,  # type: ignore[arg-type]
            timeout_graceful_shutdown=settings.grace,  # type: ignore[arg-type]
        )
        super().__init__(config)
        self.parent, self.beside = parent, beside
        self._tasks: set[asyncio.Task[Any]] = set()
        self._takes = False
        self._num_ended = 0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to take connections."""
        await super().startup(sockets=[])  # it listens nowhere
        asyncio.get_running_loop().add_reader(self.parent.fileno(), self._take)
        self._takes = True
        for work in (self._beat, *self.beside):
            self._keep(work())
        steady()
        self.parent.tell(channel.READY)
        log.info("a worker answers")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish the requests under way, and those on connections handed over before it was told to stop."""
        self._take()
        self._end_taking()
        await asyncio.sleep(HANDED)
        await super().shutdown(sockets=None)
        for task in self._tasks:
            task.cancel()

    def _take(self) -> None:
        while self._takes and (connection := self.parent.taken()) is not None:
            if isinstance(connection, bytes):  # the parent is gone, and a worker does not outlive it
                self._end_taking()
                self.should_exit = True
                return
            self._keep(self._accept(connection))

    def _end_taking(self) -> None:
        if self._takes:
            self._takes = False
            asyncio.get_running_loop().remove_reader(self.parent.fileno())

    async def _accept(self, connection: socket.socket) -> None:
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.get_running_loop().connect_accepted_socket(self._protocol, connection)
        except OSError:  # the client is gone already
            connection.close()
            self._ended()

    def _ended(self) -> None:
        """Count a connection that ended; the parent gives the next one to who holds the fewest."""
        self._num_ended += 1
        self._tell()

    def _tell(self) -> None:
        self.parent.tell(channel.ALIVE + b"%d" % self._num_ended)

    def _protocol(self) -> asyncio.Protocol:
        made: Any = self.config.http_protocol_class
        protocol: asyncio.Protocol = made(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return protocol

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT)
            self._tell()

    def _keep(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def steady() -> None:
    """Take what was loaded out of the garbage collector's sight, and have it look less often.

    A full collection over the 250,000 objects of a worker takes some 0.1 s, and next to nothing afterwards. It is done
    again when another version of the space answers: what is out of sight is not freed where it refers to itself.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)
