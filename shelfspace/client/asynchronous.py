"""The client for code that runs in an event loop."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from copy import copy
from functools import wraps
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import httpx

from shelfspace.client import asking, writing
from shelfspace.client.bulk import Events, events_of
from shelfspace.client.calls import Call, Reply
from shelfspace.client.connecting import (
    address_of,
    headers_of,
    reply_of,
    request_of,
    session_of,
    sign,
    unreached,
)
from shelfspace.client.patience import Patience, conversation, fresh_request_id
from shelfspace.client.replies import Kept
from shelfspace.client.writes import MOST, Event, Impression, bodies

P = ParamSpec("P")
T = TypeVar("T")


def _method(call: Callable[P, Call[T]]) -> "Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, T]]":
    """Return a method that makes the request and reads its reply; its signature is the request's."""

    @wraps(call)
    async def method(self: "AsyncClient", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.do(call(*args, **kwargs))

    sign(method, call)
    return method


class AsyncClient:
    """As `Client`, and every method is awaited.

    Args:
        url: of the service, as `http://127.0.0.1:8000`.
        key: an API key; without it, the environment variable SHELFSPACE_KEY.
        timeout: seconds to wait for an answer, and to connect.
        patience: how often and how long a request is tried.
        http: an httpx client of your own, for proxies or certificates; it stays yours to close.

    Raises:
        ConfigError: the address cannot be one.
        ClientError: from every method, where the service refuses or is out of reach.

    Example:
        >>> async with AsyncClient("http://127.0.0.1:8000") as client:  # doctest: +SKIP
        ...     hits = await client.similar("sku-42", k=5)
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        timeout: float = 10.0,
        patience: Patience | None = None,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        self.url = address_of(url)
        self.patience = patience or Patience()
        self._headers = headers_of(key)
        self._timeout = timeout
        self._owned = http is None
        self._http = http if http is not None else httpx.AsyncClient()

    def __repr__(self) -> str:
        return f"AsyncClient({self.url!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Give the connections back."""
        if self._owned:
            await self._http.aclose()

    def for_session(self, session_id: str) -> "AsyncClient":
        """Return the same client, on the same connections, whose questions are a session's.

        Where two variants are served, a question without a user is answered by that of its session.
        """
        other = copy(self)
        other._owned = False
        other._headers = self._headers | session_of(session_id)
        return other

    ads = _method(asking.ads)
    bundle = _method(asking.bundle)
    classify = _method(asking.classify)
    match = _method(asking.match)
    people = _method(asking.people)
    recommend = _method(asking.recommend)
    search = _method(asking.search)
    similar = _method(asking.similar)

    put_item = _method(writing.put_item)
    patch_item = _method(writing.patch_item)
    delete_item = _method(writing.delete_item)
    put_user = _method(writing.put_user)
    patch_user = _method(writing.patch_user)
    forget = _method(writing.forget)
    export_user = _method(writing.export_user)

    variants = _method(writing.variants)
    about = _method(writing.about)
    live = _method(writing.live)
    health = _method(writing.health)
    metrics = _method(writing.metrics)

    async def send(self, events: Iterable[Event | Mapping[str, Any]], *, batch: int = MOST) -> Kept:
        """Send events; when it returns they are on the service's disk; see `Client.send`."""
        kept = Kept()
        for body in bodies(Event, events, most=batch):
            kept += await self.do(writing.events(body))
        return kept

    async def impressions(
        self, shown: Iterable[Impression | Mapping[str, Any]], *, batch: int = MOST
    ) -> Kept:
        """Send what was shown, and what of it was clicked; as `send`."""
        kept = Kept()
        for body in bodies(Impression, shown, most=batch):
            kept += await self.do(writing.impressions(body))
        return kept

    async def bulk(
        self,
        source: Events,
        *,
        columns: Mapping[str, str] | None = None,
        load: str | None = None,
        batch: int = MOST,
    ) -> Kept:
        """Send the events of a file, which is read in the event loop's own thread; see `Client.bulk`."""
        return await self.send(events_of(source, columns=columns, load=load), batch=batch)

    async def do(self, call: Call[T]) -> T:
        """Make a request, again where that may help, and read its reply."""
        request_id = fresh_request_id()
        request = request_of(call, self.url, self._headers, request_id)
        talk = conversation(call, self.patience, request_id)
        wait = next(talk)
        while True:
            await asyncio.sleep(wait)
            try:
                wait = talk.send(await self._sent(request, request_id))
            except StopIteration as done:
                answer: T = done.value
                return answer

    async def _sent(self, request: dict[str, Any], request_id: str) -> Reply | str:
        try:
            return reply_of(await self._http.request(**request, timeout=self._timeout), request_id)
        except httpx.TransportError as problem:
            return unreached(problem, self.url)
