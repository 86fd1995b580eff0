"""Both clients against a service that a test plays."""

import asyncio
import json
from collections.abc import Callable

import httpx
import pytest

from shelfspace.client import AsyncClient, Client, ClientError, Event, Impression
from shelfspace.client.patience import Patience
from shelfspace.errors import ConfigError, InputError

CHANGED = {"accepted": 1, "duplicates": 0, "seq": 7, "unknown_items": []}
QUICK = Patience(pause=0.0)
HITS = {"hits": [{"subject": "a", "rank": 1, "item_id": "b", "title": "B", "score": 0.5}], "notes": ["n"]}


class Service:
    """Answers from a list of replies, then with the last of them, and keeps what it was asked."""

    def __init__(self, *replies: httpx.Response | Exception) -> None:
        self.replies = list(replies)
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.asked.append(request)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, Exception):
            raise reply
        return httpx.Response(reply.status_code, headers=reply.headers, content=reply.content)


def once(kind: type, service: Service, do: Callable, **settings):
    """Do something with a client of either kind, and return what it returned."""
    transport = httpx.MockTransport(service)
    if kind is Client:
        with httpx.Client(transport=transport) as http:
            return do(Client("http://shop.test/api/", patience=QUICK, http=http, **settings))

    async def run():
        async with httpx.AsyncClient(transport=transport) as http:
            return await do(AsyncClient("http://shop.test/api/", patience=QUICK, http=http, **settings))

    return asyncio.run(run())


pytestmark = pytest.mark.parametrize("kind", [Client, AsyncClient])


def kept(accepted: int, **more) -> httpx.Response:
    return httpx.Response(200, json={"accepted": accepted, "duplicates": 0, "seq": accepted} | more)


def test_a_question(kind):
    service = Service(httpx.Response(200, json=HITS, headers={"X-Request-ID": "theirs", "X-Variant": "a"}))
    hits = once(kind, service, lambda c: c.similar("a/b 100%", k=2), key="ss_secret")
    assert [(h.item_id, h.score) for h in hits] == [("b", 0.5)]
    assert (hits.notes, hits.request_id, hits.variant) == (("n",), "theirs", "a")
    [request] = service.asked
    assert request.url.raw_path.startswith(b"/api/similar/a%2Fb%20100%25?k=2&")
    assert request.headers["authorization"] == "Bearer ss_secret"
    assert len(request.headers["x-request-id"]) == 32


def test_a_photo(kind):
    service = Service(httpx.Response(200, json=HITS))
    once(kind, service, lambda c: c.similar(photo=b"\x89PNG", k=2))
    [request] = service.asked
    assert request.headers["content-type"].startswith("multipart/form-data")
    assert b'name="photo"' in request.content
    assert b"\x89PNG" in request.content
    assert b'name="k"\r\n\r\n2\r\n' in request.content


def test_it_comes_back_after_what_passes_with_the_same_events(kind):
    service = Service(httpx.ConnectError("refused"), httpx.ReadTimeout("slow"), httpx.Response(503), kept(2))
    done = once(kind, service, lambda c: c.send([{"item_id": "a", "user_id": "u"}, Event("b", user_id="u")]))
    assert done.accepted == 2
    assert len({request.content for request in service.asked[2:]}) == 1
    assert len(service.asked) == 4
    assert len({request.headers["x-request-id"] for request in service.asked}) == 1
    assert all(len(e["event_id"]) == 36 for e in json.loads(service.asked[-1].content))


def test_batches_add_up(kind):
    replies = [kept(4, unknown_items=["x"]), kept(4, unknown_items=["y", "x"]), kept(2, seq=10)]
    service = Service(*replies)
    done = once(kind, service, lambda c: c.send((Event(f"i{n}") for n in range(10)), batch=4))
    assert (done.accepted, done.duplicates, done.seq, done.unknown_items) == (10, 0, 10, ("x", "y"))
    assert [len(json.loads(r.content)) for r in service.asked] == [4, 4, 2]
    shown = Impression("l1", "a", place=1, clicked=True, variant="b")
    service = Service(kept(1))
    assert once(kind, service, lambda c: c.impressions([shown])).accepted == 1
    assert json.loads(service.asked[0].content) == [shown.to_json()]


def test_a_file(kind, tmp_path):
    (tmp_path / "log.csv").write_text("user_id,item_id\nu,a\nu,b\n")
    service = Service(kept(1))
    done = once(kind, service, lambda c: c.bulk(tmp_path / "log.csv", load="l", batch=1))
    assert done.accepted == 2
    assert [json.loads(r.content)[0]["event_id"] for r in service.asked] == ["l:1", "l:2"]


@pytest.mark.parametrize(
    ("do", "method", "path", "body"),
    [
        (lambda c: c.put_item("a/b", {"title": "T"}), "PUT", b"/api/items/a%2Fb", {"title": "T"}),
        (lambda c: c.patch_item("a", {"price": 2}), "PATCH", b"/api/items/a", {"price": 2}),
        (lambda c: c.delete_item("a"), "DELETE", b"/api/items/a", None),
        (lambda c: c.put_user("u", {"age": "x"}), "PUT", b"/api/users/u", {"age": "x"}),
        (lambda c: c.patch_user("u", {"age": "x"}), "PATCH", b"/api/users/u", {"age": "x"}),
        (lambda c: c.forget("u"), "DELETE", b"/api/users/u", None),
    ],
)
def test_changes(kind, do, method, path, body):
    service = Service(
        httpx.Response(200, json={**CHANGED, "forgotten": True, "note": "at the next training"})
    )
    assert once(kind, service, do).seq == 7
    [request] = service.asked
    assert (request.method, request.url.raw_path) == (method, path)
    assert (json.loads(request.content) if request.content else None) == body


def test_what_the_service_tells(kind):
    home = {
        "name": "shelfspace",
        "version": "1",
        "space_version": 2,
        "seq": 3,
        "num_items": 4,
        "num_users": 5,
    }
    service = Service(httpx.Response(200, json=home | {"tasks": {"similar": "/similar"}, "docs": "/docs"}))
    assert once(kind, service, lambda c: c.about()).tasks == ("similar",)
    held = {"user_id": "u/1", "history": [{"item_id": "a"}], "profile": {}, "records": []}
    service.replies = [httpx.Response(200, json=held)]
    assert once(kind, service, lambda c: c.export_user("u/1")).history == ({"item_id": "a"},)
    service.replies = [httpx.Response(200, json={"live": True})]
    assert once(kind, service, lambda c: c.live())
    assert [r.url.path for r in service.asked] == ["/api/", "/api/users/u/1/export", "/api/health/live"]
    state = {"ready": False, "reasons": ["stopping"], "version": 1, "seq": 2, "lag": None}
    health = once(kind, Service(httpx.Response(503, json=state)), lambda c: c.health())
    assert (health.ready, health.reasons) == (False, ("stopping",))
    assert once(kind, Service(httpx.Response(200, text="a 1\n")), lambda c: c.metrics()) == "a 1\n"


def test_a_session_is_named_on_the_same_connections(kind):
    service = Service(httpx.Response(200, json=HITS))
    once(kind, service, lambda c: c.for_session("s 鞋").similar("a"), key="k")
    assert service.asked[0].headers["x-session-id"] == "s%20%E9%9E%8B"
    assert service.asked[0].headers["authorization"] == "Bearer k"
    with pytest.raises(InputError, match="empty"):
        kind("http://shop.test").for_session("")


def test_variants(kind):
    rate = {"value": 0.5, "low": 0.4, "high": 0.6}
    variant = {"users": 4, "lists": 8, "clicked": 4, "bought": 2, "click_rate": rate, "conversion_rate": rate}
    said = {
        "variants": {"a": variant, "b": variant},
        "differences": {"click_rate": rate | {"detectable": None, "more_users": 9}},
        "notes": ["few users"],
    }
    rates = once(kind, Service(httpx.Response(200, json=said)), lambda c: c.variants())
    assert rates.variants["b"].click_rate.high == 0.6
    assert rates.differences["click_rate"].more_users == 9


def test_refusals_and_what_is_out_of_reach(kind):
    refused = {"error": {"code": "unknown_id", "message": "no item 'a'", "request_id": "q"}}
    with pytest.raises(ClientError, match="no item 'a'") as caught:
        once(kind, Service(httpx.Response(404, json=refused)), lambda c: c.similar("a"))
    assert (caught.value.status, caught.value.code) == (404, "unknown_id")
    service = Service(httpx.ConnectError("refused"))
    with pytest.raises(ClientError, match="is the service up") as caught:
        once(kind, service, lambda c: c.similar("a"), key="ss_secret")
    assert caught.value.status is None
    assert len(service.asked) == 5
    assert "ss_secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["shop.test", "ftp://shop.test", "http://", "http://u:p@shop.test", "http://h?x=1"]
)
def test_an_address_that_cannot_be_one(kind, url):
    with pytest.raises(ConfigError, match="address"):
        kind(url)


def test_the_key_may_come_from_the_environment_and_is_not_shown(kind, monkeypatch):
    monkeypatch.setenv("SHELFSPACE_KEY", "ss_env")
    service = Service(httpx.Response(200, json=HITS))
    once(kind, service, lambda c: c.similar("a"))
    assert service.asked[0].headers["authorization"] == "Bearer ss_env"
    assert "ss_env" not in repr(kind("http://shop.test"))
    monkeypatch.delenv("SHELFSPACE_KEY")
    once(kind, service, lambda c: c.similar("a"))
    assert "authorization" not in service.asked[1].headers


def test_bad_input_is_refused_before_it_is_sent(kind):
    service = Service(kept(1))
    with pytest.raises(InputError, match="did you mean 'user_id'"):
        once(kind, service, lambda c: c.send([{"item_id": "a", "user": "u"}]))
    assert not service.asked


def test_its_own_connections_are_closed(kind):
    if kind is Client:
        with Client("http://shop.test") as client:
            assert not client._http.is_closed
        assert client._http.is_closed
    else:

        async def run():
            async with AsyncClient("http://shop.test") as client:
                assert not client._http.is_closed
            assert client._http.is_closed

        asyncio.run(run())
