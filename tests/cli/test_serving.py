import json
import os
import sys

import pytest
import typer
from typer.testing import CliRunner

from shelfspace.cli import serving
from shelfspace.errors import ConfigError, InputError, MissingExtraError, SpaceError
from shelfspace.service.settings import STORE, VARIABLE, Serving


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.delenv(STORE, raising=False)
    (tmp_path / "current").write_text("1", "utf-8")
    return tmp_path


@pytest.fixture
def commands():
    app = typer.Typer()
    app.command("serve")(serving.serve)
    app.add_typer(serving.keys, name="keys")
    return lambda *given: CliRunner().invoke(app, [str(one) for one in given])


@pytest.fixture
def executed(monkeypatch):
    seen = []
    monkeypatch.setattr(os, "execve", lambda *given: seen.append(given))
    return seen


def test_keys_are_made_listed_and_revoked(run, commands):
    made = commands("keys", "add", run, "--name", "shop", "--scope", "read", "--scope", "write", "--json")
    key = json.loads(made.stdout.splitlines()[0])
    assert key["key"].startswith("ss_")
    assert (key["name"], key["scopes"]) == ("shop", ["read", "write"])
    assert commands("keys", "revoke", run, "--name", "shop").exit_code == 0
    (listed,) = json.loads(commands("keys", "list", run, "--json").stdout)
    assert listed["revoked"] > 0
    assert key["key"] not in commands("keys", "list", run).stdout


def test_an_unknown_scope_is_named(run, commands):
    told = commands("keys", "add", run, "--name", "shop", "--scope", "raed")
    assert isinstance(told.exception, InputError)
    assert "did you mean 'read'" in str(told.exception)


def test_what_is_asked_for_reaches_the_parent_of_the_workers(run, commands, executed):
    given = ("--workers", 2, "--rate", 50, "--cors", "https://a.example", "--no-docs", "--proxy", "10.0.0.1")
    assert commands("serve", run, *given).exit_code == 0
    ((program, command, env),) = executed
    assert (program, command[1:]) == (sys.executable, ["-m", "shelfspace.service.workers"])
    settings = Serving.from_json(env[VARIABLE])
    assert (settings.run, settings.workers, settings.rate, settings.docs) == (run, 2, 50.0, False)
    assert (settings.cors, settings.proxies) == (("https://a.example",), ("10.0.0.1",))


def test_every_default_is_that_of_the_settings(run, commands, executed):
    commands("serve", run)
    assert Serving.from_json(executed[0][2][VARIABLE]) == Serving(run=run)


def test_without_a_key_others_are_not_served(run, commands, executed):
    told = commands("serve", run, "--host", "0.0.0.0")
    assert isinstance(told.exception, ConfigError)
    assert f"shelfspace keys add {run} --name shop --scope read" in str(told.exception)
    commands("keys", "add", run, "--name", "shop", "--scope", "read")
    assert commands("serve", run, "--host", "0.0.0.0").exit_code == 0
    assert len(executed) == 1


def test_a_folder_without_a_space_is_refused(tmp_path, commands, executed):
    assert isinstance(commands("serve", tmp_path).exception, SpaceError)
    assert not executed


def test_what_is_not_installed_is_named(run, commands, monkeypatch):
    monkeypatch.setattr(serving, "NEEDED", ("no_such_package",))
    told = commands("serve", run)
    assert isinstance(told.exception, MissingExtraError)
    assert "pip install 'shelfspace[serve]'" in str(told.exception)
