from pathlib import Path

import pytest

from shelfspace.errors import ConfigError
from shelfspace.service.edge.keys import Keys, scope_needed
from shelfspace.service.edge.rates import Rates
from shelfspace.service.problems import CODES
from shelfspace.service.settings import Serving
from tests.service.edge.asking import Clock, FakeKey, Ring, ask, fine, key_of

SETTINGS = Serving(run=Path("run"))

READ, WRITE, ADMIN = key_of("r"), key_of("w"), key_of("a")


@pytest.fixture
def ring():
    scopes = {READ: "read", WRITE: "write", ADMIN: "admin"}
    return Ring({key: FakeKey(f"the-{scope}", frozenset({scope})) for key, scope in scopes.items()})


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def rates(tmp_path, clock):
    rates = Rates(tmp_path / "rates", clock)
    yield rates
    rates.close()


@pytest.fixture
def app(ring, rates, clock):
    return Keys(fine, ring, SETTINGS, rates, clock)


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


def test_without_a_key_or_with_a_wrong_one_401(app):
    for headers in (
        {},
        bearer("ss_short"),
        bearer(key_of("x")),
        {"Authorization": "Basic abc"},
        {"X-API-Key": "no"},
    ):
        told = ask(app, headers=headers)
        assert told.status_code == 401
        assert told.headers["www-authenticate"] == "Bearer"
        assert told.json()["error"]["code"] == CODES[401]
        assert told.json()["error"]["request_id"] == told.headers["x-request-id"]


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/", "read"),
        ("GET", "/similar/a/b", "read"),
        ("POST", "/recommend", "read"),
        ("POST", "/events", "write"),
        ("POST", "/impressions", "write"),
        ("PUT", "/items/a/b", "write"),
        ("PATCH", "/items/a", "write"),
        ("DELETE", "/items/a", "write"),
        ("PUT", "/users/a", "write"),
        ("PATCH", "/users/a/export", "write"),
        ("DELETE", "/users/a", "admin"),
        ("GET", "/users/a/export", "admin"),
        ("GET", "/users//export", "admin"),
        ("GET", "/metrics", "admin"),
        ("PUT", "/unknown", "write"),
    ],
)
def test_each_door_needs_its_scope_and_admin_has_all(app, method, path, scope):
    assert scope_needed(method, path) == scope
    answers = {
        name: ask(app, method, path, headers=bearer(key)).status_code
        for name, key in (("read", READ), ("write", WRITE), ("admin", ADMIN))
    }
    assert answers == {name: 200 if name in (scope, "admin") else 403 for name in answers}


def test_a_key_may_come_in_its_own_header_and_its_name_is_known_within(app):
    assert ask(app, headers={"X-API-Key": READ}).text == "the-read 0"


def test_health_and_the_pages_are_open(app):
    assert {
        ask(app, path=p).status_code for p in ("/health/live", "/health/ready", "/openapi.json", "/docs")
    } == {200}


def test_a_key_is_looked_up_once_in_some_seconds_and_revoked_within_five(app, ring, clock):
    for _ in range(10):
        assert ask(app, headers=bearer(READ)).status_code == 200
    assert ring.num_asked == 1
    del ring.known[READ]
    clock.seconds += 4.9
    assert ask(app, headers=bearer(READ)).status_code == 401


def test_guessing_is_slowed_down_and_keys_found_good_go_on(app, ring, clock):
    assert ask(app, headers=bearer(READ)).status_code == 200
    codes = {ask(app, headers=bearer(key_of(letter))).status_code for letter in "bcdefghijklmnopqstu"}
    assert codes == {401}
    told = ask(app, headers=bearer(key_of("z")))
    assert told.status_code == 429
    assert int(told.headers["retry-after"]) >= 1
    num_asked = ring.num_asked
    ask(app, headers=bearer(key_of("y")))
    assert ring.num_asked == num_asked
    assert ask(app, headers=bearer(READ)).status_code == 200
    assert ask(app, headers=bearer(key_of("y")), host="10.0.0.9").status_code == 401
    clock.seconds += 4.5  # known keys are looked up again, however many wrong ones came
    assert ask(app, headers=bearer(READ)).status_code == 200


def test_while_the_store_is_away_known_keys_are_believed_and_others_told_to_wait(app, ring, clock):
    ask(app, headers=bearer(READ))
    ring.is_away = True
    clock.seconds += 60
    assert ask(app, headers=bearer(READ)).status_code == 200
    told = ask(app, headers=bearer(WRITE))
    assert (told.status_code, told.headers["retry-after"]) == (503, "1")
    clock.seconds += 3600
    assert ask(app, headers=bearer(READ)).status_code == 503


def test_without_keys_this_machine_alone_is_answered(rates, clock):
    ring = Ring()
    app = Keys(fine, ring, SETTINGS, rates, clock)
    assert ask(app, "DELETE", "/users/a").status_code == 200
    assert ask(app, base="http://shop.example").status_code == 403  # a name that points at this machine
    with pytest.raises(ConfigError, match="shelfspace keys add run --name shop --scope read"):
        Keys(fine, ring, Serving(run=Path("run"), host="0.0.0.0"), rates, clock)


def test_a_first_key_closes_the_door(rates, clock):
    ring = Ring()
    app = Keys(fine, ring, SETTINGS, rates, clock)
    ring.known[READ] = FakeKey("first", frozenset({"read"}))
    clock.seconds += 5
    assert ask(app).status_code == 401
    assert ask(app, headers=bearer(READ)).status_code == 200
