"""Asking over HTTP: what the tasks answer, and what bad input gets."""

import io
import struct
import time
import zlib
from pathlib import Path
from urllib.parse import quote

import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from shelfspace import doors
from shelfspace.service.app import create_app
from shelfspace.service.photos import form_of
from shelfspace.service.problems import HANDLERS
from shelfspace.service.questions import Question
from shelfspace.service.settings import Serving
from shelfspace.service.variants import Assignment, Variants
from shelfspace.store.writer import Writer
from shelfspace.tasks import TASKS
from tests.service.conftest import Served


def error_of(response, status: int) -> dict[str, str]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    assert set(response.json()) == {"error"}
    assert set(response.json()["error"]) == {"code", "message", "request_id"}
    return response.json()["error"]


def test_an_item_is_answered_as_the_space_answers(served: Served):
    found = served.get("/similar/sku-001", k=3, where="price<20")
    assert found.status_code == 200
    assert found.json() == served.live.space.similar("sku-001", k=3, where="price<20").to_dict()
    assert found.headers["x-space-version"] == "1"


def test_answers_are_told_and_named(served: Served):
    seen = []
    asked = create_app(
        served.live,
        Writer(served.store),
        served.store,
        settings=Serving(run=served.run),
        variants=Variants(served.live, served.live, Assignment(share=1.0)),
        watch=lambda task, hits: seen.append((task, len(hits))),
    )
    client = TestClient(asked)
    found = [
        client.get("/recommend/user-7?k=2"),
        client.post("/recommend", json={"user": ["user-1", "user-2"]}),
    ]
    assert [answer.headers["x-variant"] for answer in found] == ["b", "a"]
    assert found[0].headers["x-list-id"] != found[1].headers["x-list-id"]
    assert seen == [("recommend", 2)]  # a batch is nobody's


def test_a_shopper_is_answered_as_the_space_answers(served: Served):
    found = served.get("/recommend/user-7", k=4, seen="include")
    assert found.json() == served.live.space.recommend("user-7", k=4, seen="include").to_dict()


def test_reasons_travel(served: Served):
    hits = served.get("/recommend/user-7", k=2, why="true").json()["hits"]
    for hit in hits:
        assert sum(part["amount"] for part in hit["why"]) == pytest.approx(hit["score"], abs=1e-4)


def test_a_batch_answers_in_order(served: Served):
    found = served.post("/similar", {"item": ["sku-001", "sku-007"], "k": 2}).json()["hits"]
    assert [(hit["subject"], hit["rank"]) for hit in found] == [
        ("sku-001", 1),
        ("sku-001", 2),
        ("sku-007", 1),
        ("sku-007", 2),
    ]


def test_a_history_travels_with_times(served: Served):
    history = ["sku-001", {"item_id": "sku-007", "timestamp": "2024-11-02T10:00"}]
    found = served.post("/recommend", {"history": history, "k": 3})
    assert [hit["item_id"] for hit in found.json()["hits"]]
    assert error_of(served.post("/recommend", {"history": ["nix"]}), 404)["code"] == "unknown_id"


def test_the_subject_may_stand_in_the_query(served: Served):
    assert served.get("/similar", item="sku-001").json() == served.get("/similar/sku-001").json()
    twice = error_of(served.get("/similar/sku-001", item="sku-002"), 422)
    assert "twice" in twice["message"]


def test_a_phrase_answers(served: Served):
    found = served.post("/similar", {"phrase": "皮鞋 leather boot", "k": 1})
    assert "boot" in found.json()["hits"][0]["title"]


def test_an_unfitted_task_says_how_to_fit_it_and_no_path(served: Served):
    told = error_of(served.get("/search/boot"), 422)["message"]
    assert "shelfspace fit RUN search" in told
    assert str(served.run) not in told


def test_home_names_the_tasks(served: Served):
    home = served.get("/").json()
    assert set(home["tasks"]) == set(TASKS)
    assert home["space_version"] == 1


@pytest.mark.parametrize(
    "item",
    [
        "nix",
        "a/b",
        "🧦",
        "红袜子",
        "../../etc/passwd",
        "'; drop table items; --",
        "x" * 2_000,
        " ",
    ],
)
@pytest.mark.parametrize("task", ["similar", "recommend"])
def test_any_id_can_be_asked_for(served: Served, task: str, item: str):
    found = served.client.get(f"/{task}/{quote(item, safe='')}")
    if task == "similar":
        assert error_of(found, 404)["code"] == "unknown_id"
    else:  # whom nobody knows is answered with what is popular
        assert found.json()["hits"][0]["subject"] == item


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("k=0", "greater than or equal to 1"),
        ("k=201", "less than or equal to 200"),
        ("k=999999999999999999999999", "integer"),
        ("k=ten", "integer"),
        ("k=1&k=2", "twice"),
        ("kk=1", "did you mean 'k'?"),
        ("why=yes", "boolean"),
        ("diversity=nan", "number"),
        ("diversity=inf", "number"),
        ("diversity=1e999", "finite"),
        ("diversify=best", "'mmr' or 'dpp'"),
        ("photo=/etc/passwd", "POST"),
        ("where=price<<20", "filter"),
        ("where=colour:red", "no field"),
        ("where=" + quote("price<20; drop table items"), "filter"),
        ("where=" + "(" * 3_000 + "price" + ")" * 3_000, "true or false"),
        ("where=" + "not " * 2_400 + "price<20", "deep"),
        ("where=" + "a" * 10_001, "10000"),
        ("&".join(f"k{n}=1" for n in range(500)), "100 fields"),
    ],
)
def test_bad_settings_are_refused_with_a_reason(served: Served, query: str, said: str):
    assert said in error_of(served.client.get(f"/similar/sku-001?{query}"), 422)["message"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "no JSON"),
        (b"", "no JSON"),
        (b"[1]", "object"),
        (b'"sku-001"', "object"),
        (b'{"item": "sku-001", "diversity": NaN}', "no JSON"),
        (b'{"item": "sku-001", "diversity": Infinity}', "no JSON"),
        (b'{"item": "\\ud800"}', "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b'{"item":' + b"[" * 500 + b"]" * 500 + b"}", "item"),
        (b'{"item": []}', "item"),
        (b'{"item": ["a","b","c","d","e","f"]}', "at most 5"),
        (b'{"item": "sku-001", "k": "5"}', "integer"),
        (b'{"item": "sku-001", "k": 1e400}', "no JSON"),
        (b'{"item": "sku-001", "k": true}', "integer"),
        (b'{"item": {"$gt": ""}}', "item"),
        (b'{"item": "sku-001", "photo": "/etc/passwd"}', "multipart"),
        (b'{"itme": "sku-001"}', "did you mean 'item'?"),
        (b"{}", "name an item"),
    ],
)
def test_bad_bodies_are_refused_with_a_reason(served: Served, body: bytes, said: str):
    found = served.client.post("/similar", content=body, headers={"content-type": "application/json"})
    assert said in error_of(found, 422)["message"]


def test_no_path_comes_from_a_request(served: Served):
    for task in ("match", "classify"):
        told = error_of(served.post(f"/{task}", {"against": "/etc/passwd"}), 422)["message"]
        assert "there is no setting 'against'" in told


def test_other_bodies_and_methods_are_refused(served: Served):
    text = served.client.post("/similar", content=b"item=1", headers={"content-type": "text/plain"})
    assert "text/plain" in error_of(text, 415)["message"]
    large = served.client.post(
        "/similar", content=b" " * 1_100_000, headers={"content-type": "application/json"}
    )
    assert error_of(large, 413)["code"] == "too_large"
    wrong = served.client.put("/similar", json={})
    assert error_of(wrong, 405)["code"] == "method_not_allowed"
    assert wrong.headers["allow"] == "GET, POST"
    assert error_of(served.get("/nix"), 404)["code"] == "not_found"


def test_the_request_id_of_the_caller_is_used_where_it_is_sane(served: Served):
    given = served.client.get("/nix", headers={"x-request-id": "abc-1"})
    assert error_of(given, 404)["request_id"] == "abc-1"
    made = served.client.get("/nix", headers={"x-request-id": 'a"b'})
    assert error_of(made, 404)["request_id"] != 'a"b'


def test_a_fault_of_the_server_tells_nothing_of_it(served: Served, monkeypatch):
    def broken(task: str) -> None:
        raise ZeroDivisionError("/secret/path")

    monkeypatch.setattr(served.live, "space_for", broken)
    told = served.get("/similar/sku-001")
    assert error_of(told, 500)["code"] == "internal"
    assert "secret" not in told.text


def test_a_long_answer_ends_in_time(served: Served, monkeypatch):
    question = Question.of("people", TASKS["people"], Serving(run=served.run))
    object.__setattr__(question, "ask", lambda *_, **__: time.sleep(0.5))
    [asking] = {r.endpoint.func.__self__ for r in served.app.routes if r.name == "people"}
    monkeypatch.setattr(asking, "settings", Serving(run=served.run, timeout=0.05))

    async def ask(request: Request) -> JSONResponse:
        return await asking.about_any(question, request)

    app = Starlette(routes=[Route("/people", ask)], exception_handlers=HANDLERS)
    assert error_of(TestClient(app).get("/people?user=user-1"), 504)["code"] == "timeout"


@pytest.mark.parametrize("name", TASKS)
def test_every_task_has_its_three_routes(served: Served, name: str):
    page = served.app.openapi()["paths"]
    [subject] = [f.name for f in doors.fields(TASKS[name].ask) if f.is_subject]
    assert page[f"/{name}"]["get"]["operationId"] == name
    assert page[f"/{name}/{{{subject}}}"]["get"]["operationId"] == f"{name}_of"
    assert page[f"/{name}"]["post"]["operationId"] == f"{name}_many"
    for field in doors.fields(TASKS[name].ask):
        said = [p for p in page[f"/{name}"]["get"]["parameters"] if p["name"] == field.name]
        assert all(p["description"] for p in said)


def test_every_route_has_an_example_of_each_answer(served: Served):
    for path, methods in served.app.openapi()["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"], (method, path)
            assert operation["tags"], (method, path)
            for status, answer in operation["responses"].items():
                assert "example" in answer["content"]["application/json"], (method, path, status)


def png(width: int, height: int) -> bytes:
    """Return a PNG that says it is so large, and holds next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 100))
        + chunk(b"IEND", b"")
    )


def photo() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(file, "JPEG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (png(60_000, 60_000), "pixels"),
        (png(2**31 - 1, 2**31 - 1), "pixels"),
        (b"GIF89a", "photo"),
        (b"%PDF-1.4", "not a photo"),
        (b"", "photo"),
        (photo()[:200], "photo: broken"),
    ],
)
def test_what_is_no_photo_is_refused(served: Served, data: bytes, said: str):
    found = served.client.post("/similar", files={"photo": ("a.jpg", data)})
    assert said in error_of(found, 422)["message"]


def test_a_form_is_read_strictly(served: Served):
    def told(status: int, **form: object) -> str:
        return error_of(served.client.post("/similar", **form), status)["message"]

    sound = {"photo": ("../../etc/passwd", photo())}
    assert "reads no photos" in told(422, files=sound, data={"k": "3"})
    assert "integer" in told(422, files=sound, data={"k": "three"})
    assert "did you mean 'phrase'?" in told(422, files=sound, data={"phrasse": "x"})
    assert "'photo'" in told(422, files={"item": ("a", b"sku-001")})
    assert "no file" in told(422, files={"k": (None, "3")})
    assert "at most" in told(413, files={"photo": ("a.jpg", b"\0" * 600_000)})
    boundless = {"content-type": "multipart/form-data"}
    assert "form" in told(422, content=b"--x--", headers=boundless)
    assert "multipart/form-data" in error_of(served.client.post("/people", files=sound), 415)["message"]


def test_a_photo_lies_in_a_file_until_it_is_answered():
    seen: list[Path] = []

    async def ask(request: Request) -> JSONResponse:
        async with form_of(request, max_body=100_000, max_photo_mb=0.1) as (texts, path):
            seen.append(path)
            return JSONResponse({"texts": texts, "size": len(path.read_bytes())})

    app = Starlette(routes=[Route("/", ask, methods=["POST"])], exception_handlers=HANDLERS)
    found = TestClient(app).post("/", files={"photo": ("../x.jpg", photo())}, data={"phrase": "in blue"})
    assert found.json() == {"texts": [["phrase", "in blue"]], "size": len(photo())}
    assert [path.name for path in seen] == ["photo"]
    assert not seen[0].exists()


def test_a_form_asks_as_json_does():
    question = Question.of("search", TASKS["search"], Serving(run=Path()))
    given = question.of_form(
        [("phrase", "scarf"), ("k", "3"), ("why", "true"), ("queries", "a"), ("queries", "b")]
    )
    assert given == {"phrase": "scarf", "k": 3, "why": True, "queries": ["a", "b"]}
