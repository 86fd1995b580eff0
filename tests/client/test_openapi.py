"""The client against the service's own page: every route has a method, every parameter its type and default."""

import asyncio
import dataclasses
import inspect
from types import UnionType
from typing import Literal, Union, get_args, get_origin, get_type_hints

import pytest

from shelfspace.client import (
    AsyncClient,
    Client,
    ClientError,
    Event,
    Impression,
    asking,
    rates,
    replies,
    writing,
)
from shelfspace.client.patience import Patience
from shelfspace.tasks import TASKS

METHODS = {
    "home": "about",
    "events": "send",
    "forget_user": "forget",
    "health_live": "live",
    "health_ready": "health",
}
"""Operations whose methods are called otherwise."""

SHAPES = {
    "Accepted": replies.Kept,
    "Forgotten": replies.Forgotten,
    "Exported": replies.Exported,
    "Estimate": rates.Estimate,
    "Variant": rates.VariantRates,
    "Difference": rates.Difference,
    "Compared": rates.Rates,
}


@pytest.fixture(scope="module")
def page(running):
    return running.app.openapi()


def operations(page):
    return {
        said["operationId"]: (verb.upper(), path, said)
        for path, verbs in page["paths"].items()
        for verb, said in verbs.items()
    }


def test_every_route_has_a_method_and_every_method_a_route(page):
    found = operations(page)
    named = {METHODS.get(name, name.removesuffix("_of").removesuffix("_many")) for name in found}
    public = {name for name in vars(Client) if not name.startswith("_")}
    assert named <= public
    assert public - named == {"bulk", "close", "do", "for_session"}
    for name, (verb, path, _) in found.items():
        method = METHODS.get(name, name)
        build = getattr(writing, {"send": "events"}.get(method, method), None)
        if build is not None:
            sample = {"body": b"[]", "item": "x", "user": "x", "columns": {}}
            call = build(**{p: sample[p] for p in inspect.signature(build).parameters})
            assert call.method == verb
            assert call.path == path.replace("{item_id}", "x").replace("{user_id}", "x")


@pytest.mark.parametrize("task", TASKS)
def test_the_parameters_of_a_task_are_those_of_its_routes(page, task):
    found = operations(page)
    method = inspect.signature(getattr(asking, task))
    hints = get_type_hints(getattr(asking, task))
    [subject] = [p.name for p in method.parameters.values() if p.kind is not p.KEYWORD_ONLY]
    verb, path, said = found[f"{task}_of"]
    assert (verb, path) == ("GET", f"/{task}/{{{subject}}}")
    query = {p["name"]: p["schema"] for p in said["parameters"] if p["in"] == "query"}
    contents = found[f"{task}_many"][2]["requestBody"]["content"]
    body = contents["application/json"]["schema"]["properties"]
    form = contents.get("multipart/form-data", {"schema": {"properties": {}}})["schema"]["properties"]
    told = {name for name in method.parameters if name != "photo"}
    assert set(body) == told
    assert set(form) == (set(method.parameters) if "photo" in method.parameters else set())
    assert "photo" in method.parameters or not form
    for name, schema in query.items():
        assert method.parameters[name].default == schema.get("default"), name
        assert kinds(schema) == kinds_of(hints[name]), name
    for name, schema in body.items():
        default = method.parameters[name].default
        assert (None if default is inspect.Parameter.empty else default) == schema.get("default"), name
        assert kinds(schema) - {"null"} == kinds_of(hints[name]), name
    sent = getattr(asking, task)("x")
    assert {pair.partition("=")[0] for pair in sent.query.split("&")} <= set(query)


def kinds(schema):
    """Return what a schema lets be said: names of types, or the words of a choice."""
    if "anyOf" in schema:
        return set().union(*(kinds(one) for one in schema["anyOf"]))
    return set(schema["enum"]) if "enum" in schema else {schema["type"]}


def kinds_of(hint):
    """Return the same of a Python type; None, which is left out, is nothing that is said."""
    if get_origin(hint) is Literal:
        return set(get_args(hint))
    if get_origin(hint) in (Union, UnionType):
        return set().union(*(kinds_of(one) for one in get_args(hint) if one is not type(None)))
    names = {str: "string", int: "integer", float: "number", bool: "boolean"}
    return {names.get(hint, "array")}


@pytest.mark.parametrize(("operation", "kind"), [("events", Event), ("impressions", Impression)])
def test_what_is_sent_has_the_names_of_the_page(page, operation, kind):
    schema = operations(page)[operation][2]["requestBody"]["content"]["application/json"]["schema"]
    one = next(part for part in schema["anyOf"] if part.get("type") == "object")
    assert set(one["properties"]) == {f.name for f in dataclasses.fields(kind)}
    required = {
        f.name
        for f in dataclasses.fields(kind)
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    }
    assert set(one["required"]) == required


def test_what_is_replied_has_the_names_of_the_page(page):
    schemas = page["components"]["schemas"]
    for name, kind in SHAPES.items():
        assert set(schemas[name]["properties"]) == {f.name for f in dataclasses.fields(kind)}, name
    home = {f.name for f in dataclasses.fields(replies.About)}
    assert home <= set(schemas["Home"]["properties"])
    ready = operations(page)["health_ready"][2]["responses"]["200"]["content"]["application/json"]["schema"]
    assert {f.name for f in dataclasses.fields(replies.Health)} == set(ready["properties"])


def test_a_day_at_the_shop(running, tmp_path):
    with Client(running.url) as client:
        assert client.live()
        assert client.health().ready
        assert set(client.about().tasks) == set(TASKS)
        assert any("popular items answer" in note for note in client.recommend("day-1", k=5).notes)
        seen = [Event("sku-003", user_id="day-1"), Event("sku-009", user_id="day-1")]
        assert client.send(seen).accepted == 2
        assert client.send(seen).duplicates == 2
        after = client.recommend("day-1", k=5)
        assert not any("popular items answer" in note for note in after.notes)
        assert len(after) == 5
        assert after.version == client.health().version
        assert {hit.subject for hit in client.similar(["sku-003", "sku-004"], k=3)} == {"sku-003", "sku-004"}
        assert client.recommend(history=["sku-003", Event("sku-004")], k=3, why=True)[0].why
        shown = [
            Impression("list-1", hit.item_id, place=hit.rank, user_id="day-1", variant="a", clicked=n == 0)
            for n, hit in enumerate(after)
        ]
        before = client.variants().variants["a"].clicked
        assert client.impressions(shown).accepted == 5
        assert client.variants().variants["a"].clicked == before + 1
        assert client.put_item("a/b 鞋", {"title": "leather boot by hand", "price": 9.5}).accepted == 1
        assert client.patch_item("a/b 鞋", {"available": False}).accepted == 1
        assert client.delete_item("a/b 鞋").accepted == 1
        assert client.put_user("day-1", {"age": "25-34"}).accepted == 1
        assert client.patch_user("day-1", {"age": None}).accepted == 1
        (tmp_path / "log.csv").write_text("user_id,item_id\n" + "day-1,sku-010\nday-1,no-such-thing\n" * 20)
        loaded = client.bulk(tmp_path / "log.csv", load="one", batch=15)
        assert (loaded.accepted, loaded.unknown_items) == (40, ("no-such-thing",))
        assert client.bulk(tmp_path / "log.csv", load="one").duplicates == 40
        assert len(client.export_user("day-1").records) == 49
        assert client.forget("day-1").forgotten
        assert client.export_user("day-1").records == ()
        assert "shelfspace_" in client.metrics()


def test_the_same_without_waiting(running):
    async def day():
        async with AsyncClient(running.url) as client:
            asked = (client.similar(f"sku-{n:03}", k=3) for n in range(20))
            found = await asyncio.gather(*asked)
            await client.send([Event("sku-003", user_id="async-1")])
            await client.forget("async-1")
            return found

    assert [[hit.rank for hit in hits] for hits in asyncio.run(day())] == [[1, 2, 3]] * 20


def test_refusals_say_what_to_do(running):
    with Client(running.url, patience=Patience(retries=0)) as client:
        with pytest.raises(ClientError, match="no-such-thing") as caught:
            client.similar("no-such-thing")
        assert (caught.value.status, caught.value.code) == (404, "unknown_id")
        with pytest.raises(ClientError) as caught:
            client.similar("sku-003", k=10**6)
        assert caught.value.status == 422
        with pytest.raises(ClientError) as caught:
            client.similar(photo=b"no photo")
        assert caught.value.status == 422
        with pytest.raises(ClientError) as caught:
            client.send([{"item_id": "sku-003"}])
        assert caught.value.status == 422
        for odd in ("..", ".", "a/../b", "%2e%2e", "?x=1", "#", "a b", "鞋", "x" * 400):
            with pytest.raises(ClientError) as caught:
                client.similar(odd)
            assert caught.value.status == 404, odd
            assert caught.value.code == "unknown_id", odd
