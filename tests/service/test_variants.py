"""Two variants: who is answered by which, and what is counted of them."""

import asyncio
import math
from urllib.parse import quote

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from shelfspace.errors import ConfigError
from shelfspace.service.compared import Compared, add_variants
from shelfspace.service.outcomes import SALES, purchases_of, rates
from shelfspace.service.variants import Assignment, Variants
from shelfspace.shop import clean
from shelfspace.store.records import Write
from shelfspace.store.store import Store

USERS = [f"user-{n}" for n in range(20_000)]
NOW = 1_700_000_000.0


def test_users_are_spread_evenly_and_stay():
    places = np.array([Assignment(salt="winter").place(user) for user in USERS])
    counts = np.histogram(places, bins=50, range=(0, 1))[0]
    assert stats.chisquare(counts).pvalue > 0.01
    assert stats.kstest(places, "uniform").pvalue > 0.01
    assert Assignment(salt="winter").place("user-7") == places[7]
    # written down, so that no later version moves a running experiment's users
    assert places[:3].tolist() == pytest.approx([0.6965541, 0.0876615, 0.4257011], abs=1e-6)


def test_experiments_are_independent_of_each_other():
    one, other = (np.array([Assignment(salt=salt).place(user) for user in USERS]) for salt in ("x", "y"))
    table = np.histogram2d(one < 0.5, other < 0.5, bins=2)[0]
    assert stats.chi2_contingency(table).pvalue > 0.01


@given(st.text(max_size=40), st.text(max_size=10), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_only_moves_users_from_a_to_b(who, salt, share, other):
    low, high = sorted((share, other))
    assert 0.0 <= Assignment(salt=salt).place(who) < 1.0
    if Assignment(low, salt).of(who) == "b":
        assert Assignment(high, salt).of(who) == "b"
    assert Assignment(0.0, salt).of(who) == "a"
    assert Assignment(1.0, salt).of(who) == "b"


def test_the_salt_and_the_id_are_kept_apart():
    assert Assignment(salt="ab").place("c") != Assignment(salt="a").place("bc")


@pytest.mark.parametrize("share", [-0.1, 1.1, math.nan])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(ConfigError, match="from 0 to 1"):
        Assignment(share)


def test_variants_answer_by_the_assignment():
    variants = Variants("one", "other", Assignment(0.3, "s"))
    for user in USERS[:200]:
        name, live = variants.of(user)
        assert name == variants.assignment.of(user)
        assert live == {"a": "one", "b": "other"}[name]
    assert list(variants) == ["one", "other"]


def test_a_question_is_its_users_else_its_sessions_else_anybodys():
    variants = Variants("one", "other", Assignment(0.5, "s"))
    for n in range(50):
        who, other = f"who-{n} 鞋", f"other-{n}"
        wanted = variants.of(who)

        def asked(subject, given, session=None, list_id="l", variants=variants):
            return variants.of_question(subject, given, session=session, list_id=list_id)

        assert asked(("user", who), {}, session=other) == wanted
        assert asked(("item", other), {"user": who}, session=other) == wanted
        assert asked(("item", other), {}, session=quote(who, safe="")) == wanted
        assert asked(("user", None), {}, list_id=who) == wanted
        assert asked(("user", [who, other]), {}) == ("a", "one")


@pytest.fixture
def store(tmp_path):
    with Store.open(f"sqlite:///{tmp_path / 'store.db'}") as opened:
        yield opened


def shown(list_id, user=None, *, clicked=None, variant=None, at=NOW, **more):
    body = {"list_id": list_id, "place": 1, "clicked": clicked, "variant": variant, "timestamp": at} | more
    return Write("impression", "add", "sku", user, body={k: v for k, v in body.items() if v is not None})


def did(user, event="purchase", *, at=NOW, **more):
    return Write("event", "add", "sku", user, body={"event": event, "timestamp": at} | more)


def test_what_is_counted(store):
    store.append(
        [
            *(shown("l1", "u1", variant="a", clicked=n == 2) for n in range(4)),
            shown("l2", "u1", variant="a"),
            shown("l3", "u2", variant="b"),
            shown("l4", variant="b", session_id="s1"),
            shown("l5", variant="b"),
            shown("l6", variant="c"),
            shown("l7"),
            did("u2", "view", at=NOW + 5, list_id="l3"),
            did("u2", at=NOW + 60),
            did("u1", at=NOW - 1),
            did("u1", at=NOW + 8 * 86_400),
            did("u3", at=NOW + 1),
            Write(
                "event", "add", "sku", body={"event": "purchase", "session_id": "s1", "timestamp": NOW + 9}
            ),
            Write("event", "add", "sku", body={"event": "view", "list_id": "l5", "basket_id": "b"}),
            Write("item", "put", "sku", body={"title": "T"}),
        ]
    )
    found = rates(store)
    a, b = found.variants["a"], found.variants["b"]
    assert (a.users, a.lists, a.clicked, a.bought) == (1, 2, 1, 0)
    assert (b.users, b.lists, b.clicked, b.bought) == (2, 3, 2, 2)
    assert a.click_rate.value == 0.5
    assert b.conversion_rate.value == 1.0
    assert rates(store, window=9).variants["a"].bought == 1
    assert rates(store, bought={"view"}).variants["b"].bought == 1
    assert any("2 impressions say no variant" in note for note in found.notes)


def test_times_and_the_window_are_held_to(store):
    store.append([shown("l1", "u1", variant="a", at=NOW), shown("l2", "u1", variant="b", at=NOW + 100)])
    assert rates(store, start=NOW + 50).variants["b"].users == 1
    assert rates(store, start=NOW + 50).variants["a"].users == 0
    assert rates(store, end=NOW + 50).variants["a"].users == 1
    both = rates(store)
    assert sum(v.users for v in both.variants.values()) == 0
    assert any("1 users were shown both" in note for note in both.notes)


def test_steps_are_no_times(store):
    store.append([shown("l1", "u1", variant="a", at=3), did("u1", at=1)])
    assert rates(store).variants["a"].bought == 1


def test_the_assignment_speaks_for_impressions_that_say_no_variant_and_for_the_split(store):
    assignment = Assignment(0.5, "s")
    store.append([shown(f"l{n}", user) for n, user in enumerate(USERS[:400])])
    found = rates(store, assignment)
    assert {name: v.users for name, v in found.variants.items()} == {
        name: sum(assignment.of(user) == name for user in USERS[:400]) for name in ("a", "b")
    }
    assert not found.notes
    assert not rates(store, Assignment(0.9, "s")).notes
    store.append([shown(f"m{n}", f"only-a-{n}", variant="a") for n in range(200)])
    assert any("find the cause" in note for note in rates(store, assignment).notes)


def test_against_plain_loops_over_the_writes(store):
    rng = np.random.default_rng(0)
    writes, lists, clicks = [], {"a": 0, "b": 0}, {"a": 0, "b": 0}
    for n in range(600):
        user = f"u{rng.integers(90)}"
        variant = Assignment(0.4, "t").of(user)
        clicked = bool(rng.random() < 0.3)
        lists[variant] += 1
        clicks[variant] += clicked
        writes.append(shown(f"l{n}", user, variant=variant, clicked=clicked))
    store.append(writes)
    found = rates(store, Assignment(0.4, "t"))
    for name in ("a", "b"):
        assert (found.variants[name].lists, found.variants[name].clicked) == (lists[name], clicks[name])
        assert found.variants[name].click_rate.value == pytest.approx(clicks[name] / lists[name], rel=1e-12)
    value = clicks["b"] / lists["b"] - clicks["a"] / lists["a"]
    assert found.differences["click_rate"].value == pytest.approx(value, rel=1e-12)


def test_an_empty_store_says_what_to_send(store):
    found = rates(store)
    assert found.variants["a"].lists == 0
    assert found.to_json()["differences"]["click_rate"] == dict.fromkeys(
        ("value", "low", "high", "detectable", "more_users")
    )
    assert any("send impressions" in note for note in found.notes)
    assert found.to_table().row_count == 6


def test_what_a_purchase_is():
    assert purchases_of(["view", "purchase"]) == {"purchase"}
    assert purchases_of(["event"]) == {"event", None}
    assert set(clean.SALES) == SALES


def test_the_route_tells_it_and_its_page_is_right(store):
    store.append([shown("l1", "u1", variant="a", clicked=True), shown("l2", "u2", variant="b")])
    app = FastAPI()
    add_variants(app.router, store, lambda: ["view", "purchase"], Assignment(0.5))

    async def ask():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop.test") as http:
            return await http.get("/variants"), await http.get("/openapi.json")

    told, page = asyncio.run(ask())
    assert Compared.model_validate(told.json()).variants["a"].clicked == 1
    assert told.json() == rates(store, Assignment(0.5)).to_json()
    assert page.json()["paths"]["/variants"]["get"]["operationId"] == "variants"
    cells = list(rates(store).to_table().columns[1].cells)
    assert cells[0] == "1"
    assert cells[-2].startswith("100.00 %")
