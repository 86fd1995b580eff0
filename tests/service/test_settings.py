from dataclasses import replace
from pathlib import Path

import pytest

from shelfspace.errors import ConfigError
from shelfspace.service.access import is_open
from shelfspace.service.settings import STORE, Serving

PLAIN = Serving(run=Path("run"))


def test_settings_travel_as_json():
    settings = replace(
        PLAIN, workers=3, rate=5.0, cors=("https://shop.example",), store="postgresql://u:p@h/d"
    )
    assert Serving.from_json(settings.to_json()) == settings


def test_a_password_in_the_address_is_not_shown():
    assert "secret" not in repr(replace(PLAIN, store="postgresql://u:secret@h/d"))


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"port": 70000}, "port = 70000"),
        ({"workers": 0}, "workers = 0"),
        ({"timeout": float("inf")}, "timeout = inf"),
        ({"rate": -1.0}, "rate = -1.0"),
        ({"burst": 5}, "burst = 5 needs a rate"),
        ({"host": ""}, "host"),
    ],
)
def test_a_value_out_of_its_range_is_named(given, named):
    with pytest.raises(ConfigError, match=named):
        replace(PLAIN, **given)


def test_an_unknown_setting_is_named():
    with pytest.raises(ConfigError, match="prt"):
        Serving.from_json('{"run": "run", "prt": 1}')


def test_the_store_is_the_given_one_else_the_environments_else_the_runs(monkeypatch):
    monkeypatch.delenv(STORE, raising=False)
    assert PLAIN.address == Path("run")
    monkeypatch.setenv(STORE, "sqlite:///other.db")
    assert PLAIN.address == "sqlite:///other.db"
    assert replace(PLAIN, store="sqlite:///given.db").address == "sqlite:///given.db"


@pytest.mark.parametrize(
    ("host", "is_local"),
    [
        ("127.0.0.1", True),
        ("localhost", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("shop", False),
    ],
)
def test_only_loopback_addresses_are_of_this_machine(host, is_local):
    assert replace(PLAIN, host=host).is_loopback is is_local


def test_without_keys_only_this_machine_is_served():
    class Keyed:
        def __init__(self, *keys):
            self.kept = keys

        def keys(self):
            return self.kept

    assert is_open(Keyed(), PLAIN)
    assert not is_open(Keyed("one"), PLAIN)
    assert not is_open(Keyed("one"), replace(PLAIN, host="0.0.0.0"))
    with pytest.raises(ConfigError, match="shelfspace keys add run --name shop --scope read"):
        is_open(Keyed(), replace(PLAIN, host="0.0.0.0"))
