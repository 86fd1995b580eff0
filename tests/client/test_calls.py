"""What goes onto the wire."""

import json
from urllib.parse import parse_qs, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelfspace.client import Event
from shelfspace.client.asking import recommend, search, similar
from shelfspace.client.calls import path_of
from shelfspace.client.writing import export_user, put_item
from shelfspace.errors import InputError


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60))
def test_any_id_is_one_step_of_a_path_and_comes_back(text):
    path = path_of("similar", text)
    assert path.isascii()
    assert path.count("/") == 2
    assert "?" not in path
    assert "#" not in path
    assert unquote(path.rpartition("/")[2]) == text
    assert path.rpartition("/")[2].strip(".")


def test_what_a_url_can_say_is_asked_by_get():
    call = similar("a/b 鞋", k=5, where="price<20 and category:shoes", why=True)
    assert (call.method, call.path) == ("GET", "/similar/a%2Fb%20%E9%9E%8B")
    asked = parse_qs(call.query)
    assert asked["k"] == ["5"]
    assert asked["where"] == ["price<20 and category:shoes"]
    assert asked["why"] == ["true"]
    assert "phrase" not in asked
    assert recommend().path == "/recommend"


def test_lists_histories_and_what_is_long_travel_as_json():
    call = similar(["a", "b"], k=3)
    assert (call.method, call.path, call.query) == ("POST", "/similar", "")
    assert json.loads(call.body) == {
        "item": ["a", "b"],
        "k": 3,
        "diversity": 0.0,
        "diversify": "mmr",
        "why": False,
    }
    call = recommend("u", history=["a", Event("b", timestamp="2024-01-02", event="view", price=3.0)])
    assert json.loads(call.body)["history"] == [
        "a",
        {"item_id": "b", "timestamp": "2024-01-02", "event": "view"},
    ]
    assert json.loads(call.body)["user"] == "u"
    long = similar("a", where=" or ".join(f"brand:b{n}" for n in range(400)))
    assert long.method == "POST"
    assert json.loads(long.body)["item"] == "a"


def test_a_photo_is_uploaded_from_its_file_or_from_what_is_in_it(tmp_path):
    (tmp_path / "cup.png").write_bytes(b"png")
    call = search("red cup", photo=tmp_path / "cup.png", k=4)
    assert call.photo == ("cup.png", b"png")
    assert call.form == {"phrase": "red cup", "k": "4", "expand": "0", "why": "false"}
    assert similar(photo=b"jpg").photo == ("photo", b"jpg")
    with pytest.raises(InputError, match="not with a batch"):
        similar(["a"], photo=b"jpg")
    with pytest.raises(InputError, match="cannot be read"):
        similar(photo=tmp_path / "none.png")


def test_what_cannot_be_sent_is_refused_before_it_is():
    with pytest.raises(InputError, match="must not be empty"):
        similar("")
    with pytest.raises(InputError, match="JSON"):
        put_item("a", {"price": float("nan")})
    assert export_user("../..").path == "/users/..%2F../export"
    assert put_item("..", {}).path == "/items/%2E%2E"
