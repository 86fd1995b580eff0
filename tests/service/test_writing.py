"""Writing over HTTP: what is kept, what is refused, and that answers follow at once."""

import time
from urllib.parse import quote

import pytest

from shelfspace.errors import StoreError
from shelfspace.service.bodies import moment_of
from shelfspace.store.store import Store
from tests.service.conftest import Served
from tests.service.test_routes import error_of


def test_an_event_is_on_disk_when_it_is_accepted(served: Served):
    event = {"item_id": "sku-003", "user_id": "u-disk", "event_id": "disk-1", "price": 3, "place": "home"}
    found = served.post("/events", event)
    assert found.json() == {
        "accepted": 1,
        "duplicates": 0,
        "seq": served.store.latest(),
        "unknown_items": [],
    }
    with Store.open(served.run) as another:
        [record] = another.of_user("u-disk")
    assert (record.kind, record.action, record.item_id, record.event_id) == (
        "event",
        "add",
        "sku-003",
        "disk-1",
    )
    assert record.body == {"price": 3, "place": "home"}


def test_the_next_answer_knows_the_event(served: Served):
    before = served.get("/recommend/u-fresh", k=5).json()
    assert "popular items" in before["notes"][0]
    served.post("/events", {"item_id": "sku-012", "user_id": "u-fresh"})
    after = served.get("/recommend/u-fresh", k=5).json()
    assert after["notes"] == []
    assert "sku-012" not in [hit["item_id"] for hit in after["hits"]]


def test_an_event_is_kept_once(served: Served):
    rows = [{"item_id": "sku-004", "session_id": "s", "event_id": "once"} for _ in range(3)]
    assert served.post("/events", rows).json()["duplicates"] == 2
    again = served.post("/events", rows[0]).json()
    assert (again["accepted"], again["duplicates"]) == (0, 1)


def test_events_of_unknown_items_are_kept_and_told(served: Served):
    rows = [{"item_id": item, "basket_id": "b"} for item in ("nix/1", "sku-001", "nix/1", "🧦")]
    found = served.post("/events", rows).json()
    assert (found["accepted"], found["unknown_items"]) == (4, ["nix/1", "🧦"])


def test_impressions_are_kept(served: Served):
    shown = {"list_id": "l-1", "item_id": "sku-001", "user_id": "u-shown", "place": 1, "propensity": 0.5}
    assert served.post("/impressions", [{**shown, "clicked": False, "variant": "b"}]).json()["accepted"] == 1
    [record] = served.store.of_user("u-shown")
    assert record.body == {"list_id": "l-1", "place": 1, "propensity": 0.5, "clicked": False, "variant": "b"}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"user_id": None}, "user_id"),
        ({"item_id": ""}, "item_id"),
        ({"item_id": 7}, "string"),
        ({"item_id": "a\nb"}, "pattern"),
        ({"item_id": "a" * 501}, "500"),
        ({"event_id": "e" * 201}, "200"),
        ({"event": "purchse"}, "did you mean 'purchase'?"),
        ({"usr_id": "u"}, "did you mean 'user_id'?"),
        ({"price": -1}, "greater than or equal to 0"),
        ({"price": "3"}, "number"),
        ({"quantity": "3"}, "number"),
        ({"timestamp": "yesterday"}, "is not a time"),
        ({"timestamp": "9999-12-31T23:59"}, "future"),
        ({"timestamp": "0001-01-01"}, "1970"),
        ({"timestamp": -1}, "1970"),
        ({"timestamp": True}, "timestamp"),
        ({"timestamp": 1e300}, "future"),
        ({"query": ["x"]}, "query"),
    ],
)
def test_bad_events_are_refused_whole_and_named(served: Served, more: dict, said: str):
    before = served.store.latest()
    sound = {"item_id": "sku-001", "user_id": "u"}
    assert said in error_of(served.post("/events", {**sound, **more}), 422)["message"]
    told = error_of(served.post("/events", [sound, {**sound, **more}]), 422)["message"]
    assert told.startswith("row 1")
    assert served.store.latest() == before


def test_an_event_says_whose_it_is(served: Served):
    assert "basket_id" in error_of(served.post("/events", {"item_id": "sku-001"}), 422)["message"]
    assert "item_id: Field required" in error_of(served.post("/events", {"user_id": "u"}), 422)["message"]


@pytest.mark.parametrize(
    "body", [b"[]", b"null", b"7", b"[[]]", b'[{"item_id": NaN}]', b"[" + b"{}," * 60 + b"{}]"]
)
def test_bad_lists_are_refused(served: Served, body: bytes):
    found = served.client.post("/events", content=body, headers={"content-type": "application/json"})
    error_of(found, 422)


def test_a_clock_may_be_a_little_ahead(served: Served):
    soon = {"item_id": "sku-001", "user_id": "u-clock", "timestamp": time.time() + 240}
    assert served.post("/events", soon).status_code == 200
    late = {**soon, "timestamp": time.time() + 400}
    assert "future" in error_of(served.post("/events", late), 422)["message"]


def test_moments_are_read_in_every_clock():
    assert moment_of("1970-01-01T01:00+01:00", "calendar", 10.0) == 0.0
    assert moment_of(5, "steps", 1.0) == 5.0
    with pytest.raises(Exception, match="counts steps"):
        moment_of("2024-01-01", "steps", 1.0)


@pytest.mark.parametrize("item", ["new-1", "a/b c", "🧦", "红袜子", "x/export", "100%"])
def test_a_listing_comes_changes_and_goes(served: Served, item: str):
    path = f"/items/{quote(item, safe='')}"
    put = served.client.put(path, json={"title": "wool scarf quite new", "price": 4, "category": ["a", "b"]})
    assert put.json()["unknown_items"] == []
    served.live._following.renew()
    found = served.post("/similar", {"phrase": "wool scarf quite new", "k": 3}).json()["hits"]
    assert item in [hit["item_id"] for hit in found]
    assert served.client.patch(path, json={"available": False}).status_code == 200
    found = served.post("/similar", {"phrase": "wool scarf quite new", "k": 20}).json()["hits"]
    assert item not in [hit["item_id"] for hit in found]
    assert served.client.delete(path).json()["accepted"] == 1


def test_what_is_deleted_is_in_no_answer(served: Served):
    first = served.get("/similar/sku-030", k=1).json()["hits"][0]["item_id"]
    assert served.client.delete(f"/items/{first}").status_code == 200
    assert first not in [hit["item_id"] for hit in served.get("/similar/sku-030", k=200).json()["hits"]]
    assert first not in [hit["item_id"] for hit in served.get("/recommend", k=200).json()["hits"]]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"titel": "x"}, "did you mean 'title'?"),
        ({"price": -1}, "price"),
        ({"price": "1"}, "number"),
        ({"image": "/etc/passwd"}, "image"),
        ({"image": "file:///etc/passwd"}, "image"),
        ({"available": "yes"}, "boolean"),
        ({"attributes": "red"}, "attributes"),
        ([], "dictionary"),
    ],
)
def test_bad_listings_are_refused(served: Served, columns: object, said: str):
    assert said in error_of(served.client.put("/items/sku-001", json=columns), 422)["message"]


@pytest.mark.parametrize("name", ["", "a" * 501, "%01", "%7F", "%C2%85"])
def test_bad_ids_are_refused(served: Served, name: str):
    assert "characters" in error_of(served.client.delete(f"/items/{name}"), 422)["message"]


def test_a_shopper_is_exported_and_forgotten(served: Served):
    served.post(
        "/events", [{"item_id": "sku-005", "user_id": "u/gone", "event_id": f"g{n}"} for n in range(2)]
    )
    assert served.client.put("/users/u%2Fgone", json={"age": "25-34", "likes": ["tea"]}).status_code == 200
    assert served.client.patch("/users/u%2Fgone", json={"age": None}).status_code == 200
    held = served.client.get("/users/u%2Fgone/export").json()
    assert [taken["item_id"] for taken in held["history"]] == ["sku-005", "sku-005"]
    assert [record["action"] for record in held["records"]] == ["add", "add", "put", "patch"]
    done = served.client.delete("/users/u%2Fgone").json()
    assert done["forgotten"] is True
    assert "next training" in done["note"]
    assert served.live.seq == done["seq"]
    held = served.client.get("/users/u%2Fgone/export").json()
    assert (held["history"], held["records"]) == ([], [])


def test_a_shopper_of_the_space_is_forgotten(served: Served):
    assert served.client.get("/users/user-9/export").json()["history"]
    served.client.delete("/users/user-9")
    assert served.client.get("/users/user-9/export").json()["history"] == []
    assert "popular items" in served.get("/recommend/user-9").json()["notes"][0]


@pytest.mark.parametrize("columns", [{"age": {"from": 3}}, {"": 1}, [], {"a": "x" * 1_001}])
def test_bad_profiles_are_refused(served: Served, columns: object):
    error_of(served.client.put("/users/user-1", json=columns), 422)


def test_a_store_that_cannot_be_written_says_when_to_come_again(served: Served, monkeypatch):
    def full(writes: object) -> None:
        raise StoreError("the disk is full; free some space")

    writer = next(r.endpoint.__self__ for r in served.app.routes if r.name == "events").writer
    monkeypatch.setattr(writer, "submit", full)
    found = served.post("/events", {"item_id": "sku-001", "user_id": "u"})
    assert error_of(found, 503)["code"] == "store"
    assert found.headers["retry-after"] == "1"
    assert served.get("/similar/sku-001").status_code == 200
