"""What goes with a product, a basket, a shopper: from a file of orders to answers in Python and the shell."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import shelfspace as ss
from shelfspace.cli.app import app
from shelfspace.errors import ConfigError, DataError, InputError, SpaceError, UnknownIdError
from tests.bundling.shops import planned
from tests.contracts.task_contract import TaskContract

runner = CliRunner()

SETTINGS = """
[recipe]
use = "linear"

[events]
path = "bons.csv"
basket_id = "Bon"
user_id = "Kunde"
item_id = "Artikel"
timestamp = "Zeit"

[items]
path = "artikel.csv"
item_id = "Artikel"
title = "Text"
category = "Gruppe"

[training]
max_trials = 1

[bundle]
tune_cases = 10
test_cases = 20
"""


def write_shop(folder: Path) -> Path:
    catalogue, history = planned(num_users=150)
    ids = catalogue.ids.texts(history.item)
    start = np.datetime64("2023-01-01T10:00")
    lines = ["Bon,Kunde,Artikel,Zeit"]
    for item, user, basket in zip(ids, history.user().tolist(), history.basket.tolist(), strict=True):
        lines.append(f"b{basket},k-{user},{item},{start + np.timedelta64(basket, 'D')}")
    lines.append(f"b9999,k-0,pasta-5,{start + np.timedelta64(601, 'D')}")  # sold once, alone
    (folder / "bons.csv").write_text("\n".join(lines) + "\n", "utf-8")
    rows = ["Artikel,Text,Gruppe"]
    for item in catalogue.ids.array.to_pylist():
        kind, n = item.split("-")
        rows.append(f"{item},{kind} no {n},{kind}")
    (folder / "artikel.csv").write_text("\n".join([*rows, "odd-1,unheard thing,"]) + "\n", "utf-8")
    (folder / "laden.toml").write_text(SETTINGS, "utf-8")
    return folder / "laden.toml"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    ss.train(write_shop(folder), out=folder / "run")
    return folder / "run"


@pytest.fixture(scope="module")
def space(run: Path) -> ss.Space:
    return ss.open(run)


class TestBundle(TaskContract):
    task = "bundle"
    subjects = ("pasta-2", "soap-1")


def test_what_goes_with_it_comes_first_with_its_rule(space: ss.Space):
    hit = next(iter(space.bundle("pasta-2", k=1)))
    assert hit.item_id == "sauce-2"
    held = [set(space.catalogue.ids.texts(row.indices)) for row in _rows(space)]
    both = sum({"pasta-2", "sauce-2"} <= one for one in held)
    left, right = (sum(name in one for one in held) for name in ("pasta-2", "sauce-2"))
    assert hit.more["support"] == both
    assert hit.more["confidence"] == pytest.approx(both / left)
    assert hit.more["lift"] == pytest.approx(both * len(held) / (left * right))
    assert 1.0 < hit.more["lift_low"] < hit.more["lift"] < hit.more["lift_high"]
    assert hit.more["smoothed"] < 0.3


def _rows(space: ss.Space):
    members = space.tasks["bundle"].complements.baskets.members
    for n in range(members.shape[0]):
        yield members[[n]]


def test_a_basket_is_a_rule_of_all_its_items(space: ss.Space):
    answer = space.bundle(basket=["pasta-2", "sauce-2", "pasta-2"], k=5, why=True)
    held = [set(space.catalogue.ids.texts(row.indices)) for row in _rows(space)]
    for hit in answer:
        assert hit.item_id not in ("pasta-2", "sauce-2")
        assert hit.more["support"] == sum({"pasta-2", "sauce-2", hit.item_id} <= one for one in held)
        assert sum(part.amount for part in hit.why) == pytest.approx(hit.score, rel=1e-4)
        assert {part.item_id for part in hit.why} == {"pasta-2", "sauce-2"}


def test_what_no_basket_holds_and_what_is_unknown_is_told(space: ss.Space):
    answer = space.bundle(basket=["pasta-1", "sauce-2", "soap-3", "towel-4", "pasta-0", "nonsense", "soap-2"])
    assert len(answer) > 3
    assert set(answer.table["support"].to_pylist()) == {0}
    assert set(answer.table["lift"].to_pylist()) == {None}
    assert any("'nonsense'" in note and note.startswith("left out") for note in answer.notes)
    assert any("no basket holds all 6" in note for note in answer.notes)
    with pytest.raises(UnknownIdError, match="in the basket: unknown item 'pasta-77'; did you mean"):
        space.bundle(basket=["pasta-77"])
    with pytest.raises(InputError, match="a basket of 1,001 items is too large"):
        space.bundle(basket=["pasta-1"] * 1001)


def test_sold_once_and_never_sold_are_answered_and_say_so(space: ss.Space):
    once = space.bundle("pasta-5", k=3)
    assert any("'pasta-5' is in 1 of the baskets" in note for note in once.notes)
    assert all(hit.item_id.startswith("sauce") for hit in once)
    assert all(hit.more["smoothed"] == 1.0 for hit in once)
    never = space.bundle("sauce-5", k=3)
    assert any("'sauce-5' was never sold" in note for note in never.notes)
    assert all(hit.item_id.startswith("pasta") for hit in never)
    odd = space.bundle("odd-1", k=3)
    assert any("'odd-1' was never sold" in note for note in odd.notes)
    assert all(hit.more["support"] == 0 and hit.more["lift"] is None for hit in odd)


def test_a_shoppers_next_basket(space: ss.Space):
    answer = space.bundle(user="k-3", k=8, why=True)
    own = space.history.of_users([space.users.row("k-3")])
    for hit in answer:
        taken = len(set(own.basket[own.item == space.catalogue.ids.row(hit.item_id)].tolist()))
        assert hit.more["support"] == taken
        assert sum(part.amount for part in hit.why) == pytest.approx(hit.score, rel=1e-4)
    with pytest.raises(UnknownIdError, match="'k-999'"):
        space.bundle(user="k-999")


@pytest.mark.parametrize(
    "given", [{}, {"item": "pasta-1", "user": "k-1"}, {"basket": []}, {"basket": ["pasta-1"], "user": "k-1"}]
)
def test_one_thing_is_asked_with(space: ss.Space, given):
    with pytest.raises(InputError, match="give one of these: items, a basket, or a user"):
        space.bundle(**given)
    with pytest.raises(UnknownIdError):
        space.bundle("x" * 10_000)


def test_it_is_measured_and_on_the_card(run: Path):
    found = json.loads((run / "metrics.json").read_text("utf-8"))["bundle"]
    assert found["rest"]["cases"] == 20
    assert {"bundle", "lift", "popularity", "confidence", "cosine"} == set(found["one"]["models"])
    assert "## What goes with what" in (run / "card.md").read_text("utf-8")


def test_the_shell_asks_and_writes_all_rules(run: Path, tmp_path: Path):
    shown = runner.invoke(app, ["bundle", str(run), "pasta-2", "--json", "--why"])
    assert shown.exit_code == 0, shown.output
    assert json.loads(shown.stdout)["hits"][0]["item_id"] == "sauce-2"
    done = runner.invoke(app, ["bundle", str(run), "--basket", "pasta-2", "--basket", "sauce-1", "--json"])
    assert json.loads(done.stdout)["hits"][0]["subject"] == "pasta-2 + sauce-1"
    done = runner.invoke(app, ["bundle", str(run), "--user", "k-3", "--json"])
    assert json.loads(done.stdout)["hits"][0]["subject"] == "k-3"
    for name in ("rules.parquet", "rules.csv"):
        done = runner.invoke(app, ["bundle", str(run), "--all", "--k", "3", "--to", str(tmp_path / name)])
        assert done.exit_code == 0, done.output
    rules = pq.read_table(tmp_path / "rules.parquet")
    assert len(set(rules["subject"].to_pylist())) >= 24
    assert set(rules["rank"].to_pylist()) == {1, 2, 3}
    assert {"support", "confidence", "lift", "lift_low", "lift_high"} <= set(rules.column_names)


def test_it_is_fitted_beside_the_rest(run: Path, tmp_path: Path):
    copy = Path(shutil.copytree(run, tmp_path / "run"))
    before = ss.open(copy).bundle("pasta-1", k=3)
    shutil.rmtree(copy / "spaces" / "1" / "tasks" / "bundle")
    with pytest.raises(InputError, match=r"shelfspace fit .*run bundle"):
        ss.open(copy).bundle("pasta-1")
    after = ss.fit(copy, "bundle")
    assert after.bundle("pasta-1", k=3).table.equals(before.table)
    assert after.recommend("k-7").table.equals(ss.open(run).recommend("k-7").table)
    with pytest.raises(ConfigError, match=r"no setting 'tune_case'; did you mean 'tune_cases'"):
        ss.fit(copy, "bundle", sets=["bundle.tune_case=5"])


def test_a_shop_without_baskets_or_times_is_refused(tmp_path: Path):
    (tmp_path / "likes.csv").write_text(
        "user_id,item_id\n" + "".join(f"u{n % 9},i{n % 7}\n" for n in range(60)), "utf-8"
    )
    settings = {"events": {"path": str(tmp_path / "likes.csv")}, "bundle": {}, "recipe": {"use": "linear"}}
    with pytest.raises(DataError, match="nothing says what was bought together"):
        ss.train(settings, out=tmp_path / "run")


def test_a_damaged_file_is_named(run: Path, tmp_path: Path):
    copy = Path(shutil.copytree(run, tmp_path / "run"))
    file = copy / "spaces" / "1" / "tasks" / "bundle" / "bundle.npz"
    file.write_bytes(file.read_bytes()[:300])
    with pytest.raises(SpaceError, match="bundle"):
        ss.open(copy)


def test_answering_loads_no_torch_and_no_database(run: Path):
    code = (
        "import sys; import shelfspace as ss; s = ss.open(sys.argv[1]); s.bundle('pasta-1'); s.bundle(user='k-1');"
        "print(*sorted({'torch', 'ibis', 'duckdb', 'matplotlib'} & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", code, str(run)], text=True).strip() == ""
