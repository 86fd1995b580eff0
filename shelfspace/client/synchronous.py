"""The client that waits for its answers."""

import time
from collections.abc import Callable, Iterable, Mapping
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


def _method(call: Callable[P, Call[T]]) -> "Callable[Concatenate[Client, P], T]":
    """Return a method that makes the request and reads its reply; its signature is the request's."""

    @wraps(call)
    def method(self: "Client", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.do(call(*args, **kwargs))

    sign(method, call)
    return method


class Client:
    """The service, as an object: a method for each of its routes.

    Connections are kept and used again; one client may be shared by threads. What passes (no connection, 429, 502, 503)
    is tried again, see `Patience`.

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
        >>> client = Client("http://127.0.0.1:8000")  # doctest: +SKIP
        >>> [hit.item_id for hit in client.similar("sku-42", k=5)]  # doctest: +SKIP
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        timeout: float = 10.0,
        patience: Patience | None = None,
        http: httpx.Client | None = None,
    ) -> None:
        self.url = address_of(url)
        self.patience = patience or Patience()
        self._headers = headers_of(key)
        self._timeout = timeout
        self._owned = http is None
        self._http = http if http is not None else httpx.Client()

    def __repr__(self) -> str:
        return f"Client({self.url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        if self._owned:
            self._http.close()

    def for_session(self, session_id: str) -> "Client":
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

    def send(self, events: Iterable[Event | Mapping[str, Any]], *, batch: int = MOST) -> Kept:
        """Send events; when it returns they are on the service's disk.

        Args:
            events: any number, also a stream; mappings are read by the names of `Event`.
            batch: at most so many in one request.

        Raises:
            InputError: one cannot be an event; the batches before its own are kept.
            ClientError: likewise; send the same `Event` objects again, and none is kept twice.
        """
        return sum((self.do(writing.events(body)) for body in bodies(Event, events, most=batch)), Kept())

    def impressions(self, shown: Iterable[Impression | Mapping[str, Any]], *, batch: int = MOST) -> Kept:
        """Send what was shown, and what of it was clicked; as `send`."""
        return sum(
            (self.do(writing.impressions(body)) for body in bodies(Impression, shown, most=batch)), Kept()
        )

    def bulk(
        self,
        source: Events,
        *,
        columns: Mapping[str, str] | None = None,
        load: str | None = None,
        batch: int = MOST,
    ) -> Kept:
        """Send the events of a file; see `shelfspace.client.bulk.events_of`. Memory for one batch.

        Raises:
            InputError: a line cannot be an event; the batches before its own are kept.
            DataError: the file cannot be read.
        """
        return self.send(events_of(source, columns=columns, load=load), batch=batch)

    def do(self, call: Call[T]) -> T:
        """Make a request, again where that may help, and read its reply."""
        request_id = fresh_request_id()
        request = request_of(call, self.url, self._headers, request_id)
        talk = conversation(call, self.patience, request_id)
        wait = next(talk)
        while True:
            time.sleep(wait)
            try:
                wait = talk.send(self._sent(request, request_id))
            except StopIteration as done:
                answer: T = done.value
                return answer

    def _sent(self, request: dict[str, Any], request_id: str) -> Reply | str:
        try:
            return reply_of(self._http.request(**request, timeout=self._timeout), request_id)
        except httpx.TransportError as problem:
            return unreached(problem, self.url)
