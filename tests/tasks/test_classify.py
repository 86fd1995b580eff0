"""Labels foretold, from a file of listings to answers in Python and the shell."""

import json
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
from tests.classifying.shops import KINDS, listings

runner = CliRunner()

SETTINGS = """
[items]
path = "artikel.csv"
item_id = "Nr"
title = "Text"
category = "Gruppe"

[classify]
columns = ["category", "Farbe"]
"""


def write_shop(folder: Path) -> Path:
    """Write listings with odd column names: every ninth lacks its category, every seventh its colour, two are wrong."""
    catalogue = listings(300, seed=2)
    titles, paths, colours = (catalogue.column(n).to_pylist() for n in ("title", "category", "colour"))
    lines = ["Nr,Text,Gruppe,Farbe"]
    for n, (title, path, colour) in enumerate(zip(titles, paths, colours, strict=True)):
        said = KINDS["mug"] if n in (13, 14) and path[-1] != "mug" else path
        lines.append(f"n-{n},{title},{'/'.join(said) if n % 9 else ''},{colour if n % 7 else ''}")
    (folder / "artikel.csv").write_text("\n".join(lines) + "\n", "utf-8")
    (folder / "laden.toml").write_text(SETTINGS, "utf-8")
    return folder / "laden.toml"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("classify")
    ss.train(write_shop(folder), out=folder / "run")
    return folder / "run"


@pytest.fixture(scope="module")
def space(run: Path) -> ss.Space:
    return ss.open(run)


def test_listings_without_a_label_are_told_theirs(space: ss.Space):
    truth = listings(300, seed=2)
    paths, colours = (truth.column(name).to_pylist() for name in ("category", "colour"))
    found = list(space.classify())
    asked = {column: [one for one in found if one.column == column] for column in ("category", "Farbe")}
    assert [one.subject for one in asked["category"]] == [f"n-{n}" for n in range(0, 300, 9)]
    assert [one.subject for one in asked["Farbe"]] == [f"n-{n}" for n in range(0, 300, 7)]
    right = [
        one.label == " > ".join(paths[int(one.subject[2:])]) for one in asked["category"] if one.label
    ] + [one.label == colours[int(one.subject[2:])] for one in asked["Farbe"] if one.label]
    assert len(right) > 65
    assert np.mean(right) > 0.95
    assert all(one.given is None and one.rank == 1 for one in found)


def test_items_are_asked_for_in_one_column_with_several_labels(space: ss.Space):
    answer = space.classify(["n-1", "n-2"], column="Farbe", k=3)
    assert [(one.subject, one.rank) for one in answer] == [(f"n-{n}", r) for n in (1, 2) for r in (1, 2, 3)]
    scores = answer.table["score"].to_numpy().reshape(2, 3)
    assert (np.diff(scores, axis=1) <= 0).all()
    np.testing.assert_allclose(scores.sum(axis=1), 1.0, atol=1e-5)
    assert answer.table["label"].null_count == 0
    assert answer.to_frame().shape == (6, 7)
    assert json.loads(answer.to_json())["labels"][0]["given"] in ("red", "blue", "green")


def test_a_phrase_is_told_and_one_that_says_nothing_is_not(space: ss.Space):
    category, colour = space.classify(phrase="Brand new RED boot", why=True)
    assert (category.label, colour.label) == ("shoe > boot", "red")
    assert category.subject == "Brand new RED boot"
    odds = dict(colour.why)
    assert any(part.startswith("words: red") for part in odds)
    for phrase in ("😀", "???", "слово"):
        answer = space.classify(phrase=phrase)
        assert answer.table["label"].to_pylist() == [None, None]
        assert any("nothing that is sure enough" in note for note in answer.notes)
    with pytest.raises(InputError, match="100,000 characters"):
        space.classify(phrase="x" * 100_000)


def test_why_sums_to_the_log_odds(space: ss.Space):
    likeliest, second = space.classify("n-4", column="category", k=2, why=True)
    added = sum(amount for _, amount in likeliest.why)
    assert added == pytest.approx(np.log(likeliest.score / second.score), rel=1e-2)
    assert second.why == ()


def test_planted_errors_are_the_suspicious_labels(space: ss.Space):
    first, second, *_ = space.classify(suspicious=True, column="category")
    assert {first.subject, second.subject} == {"n-13", "n-14"}
    assert first.given == "home > mug"
    assert first.label != first.given
    (only,) = space.classify("n-13", suspicious=True, column="category", why=True)
    assert only.why
    assert len(space.classify("n-3", suspicious=True)) == 0


def test_another_catalogue_is_classified(space: ss.Space, tmp_path: Path):
    (tmp_path / "other.csv").write_text("sku,name\nx1,blue lamp\nx2,\nx3,green sandal deluxe\n", "utf-8")
    answer = space.classify(against=str(tmp_path / "other.csv"), column="category")
    assert [one.label for one in answer] == ["home > lamp", None, "shoe > sandal"]
    (tmp_path / "odd.csv").write_text("Nr,Was,Farbe\nx1,blue lamp,blue\n", "utf-8")
    (tmp_path / "odd.toml").write_text('[items]\npath = "odd.csv"\nitem_id = "Nr"\ntitle = "Was"\n', "utf-8")
    (one,) = space.classify(against=str(tmp_path / "odd.toml"), column="Farbe")
    assert (one.label, one.given) == ("blue", "blue")


def test_what_cannot_be_asked_is_refused(space: ss.Space):
    for given, said in (
        ({"column": "farbe"}, r"did you mean 'Farbe'"),
        ({"k": 0}, "k = 0"),
        ({"phrase": "  "}, "blank"),
        ({"k": 21}, "give 1 to 20"),
        ({"item": "n-1", "phrase": "a mug"}, "one of these"),
        ({"phrase": "a mug", "suspicious": True}, "own catalogue"),
    ):
        with pytest.raises(InputError, match=said):
            space.classify(**given)
    with pytest.raises(UnknownIdError, match="n-33333"):
        space.classify("n-33333")


def test_a_photo_where_none_were_learnt_from_is_said(space: ss.Space, tmp_path: Path):
    answer = space.classify(photo=str(tmp_path / "a.png"))
    assert answer.table["label"].to_pylist() == [None, None]
    assert any("photos were not learnt from" in note for note in answer.notes)


def test_the_figures_are_written_and_shown(run: Path):
    found = json.loads((run / "metrics.json").read_text("utf-8"))["classify"]
    about = found["columns"]["category"]
    assert about["fields"]["as they are"]["accuracy"]["value"] > 0.9
    assert about["classes"] == 4
    card = (run / "card.md").read_text("utf-8")
    assert "## Labels foretold" in card
    assert f"On {about['cases']:,} listings that were held out" in card


def test_the_shell_asks(run: Path, tmp_path: Path):
    shown = runner.invoke(app, ["classify", str(run), "n-0", "--column", "category", "--json"])
    assert shown.exit_code == 0, shown.output
    assert json.loads(shown.stdout)["labels"][0]["subject"] == "n-0"
    for name in ("labels.parquet", "labels.csv", "labels.json"):
        done = runner.invoke(app, ["classify", str(run), "--why", "--to", str(tmp_path / name)])
        assert done.exit_code == 0, done.output
    assert pq.read_table(tmp_path / "labels.parquet").num_rows == 34 + 43
    assert "shoe > boot" in (tmp_path / "labels.csv").read_text("utf-8")
    table = runner.invoke(app, ["classify", str(run), "--suspicious"])
    assert "n-13" in table.output


def test_it_is_fitted_beside_the_rest_which_stays(small_shop: Path, tmp_path: Path):
    run = tmp_path / "run"
    before = ss.train(small_shop, sets=["recipe.use=linear", "match={}"], out=run)
    with pytest.raises(InputError, match=r"shelfspace fit .*run classify"):
        before.classify()
    after = ss.fit(run, "classify")
    (found,) = after.classify("sku-new")
    assert (found.label, found.given) == ("boot", "boot")
    assert after.match().table.equals(before.match().table)
    assert after.recommend("user-7").table.equals(before.recommend("user-7").table)
    metrics = json.loads((run / "metrics.json").read_text("utf-8"))
    assert {"classify", "match", "time"} <= set(metrics)
    with pytest.raises(ConfigError, match=r"no column 'categry'; did you mean 'category'"):
        ss.fit(run, "classify", sets=["classify.columns=['categry']"])
    with pytest.raises(ConfigError, match=r"no setting 'colums'; did you mean 'columns'"):
        ss.fit(run, "classify", sets=["classify.colums=['category']"])
    with pytest.raises(ConfigError, match=r"classify = 3: write a section"):
        ss.fit(run, "classify", sets=["classify=3"])
    with pytest.raises(DataError, match="nothing to learn to classify from"):
        ss.fit(run, "classify", sets=["classify.columns=['title']"])


def test_a_damaged_file_is_named(run: Path, tmp_path: Path):
    import shutil

    broken = Path(shutil.copytree(run, tmp_path / "run"))
    file = broken / "spaces" / "1" / "tasks" / "classify" / "learnt.npz"
    file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(SpaceError, match="classify"):
        ss.open(broken)


def test_answering_loads_no_torch_and_no_database(run: Path):
    code = (
        "import sys; import shelfspace as ss; s = ss.open(sys.argv[1]); s.classify(); s.classify(phrase='red mug');"
        "print(*sorted({'torch', 'ibis', 'duckdb', 'matplotlib'} & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", code, str(run)], text=True).strip() == ""


def test_what_is_blocked_never_comes(run):
    space = ss.open(run)
    gone = next(iter(space.classify())).subject
    odd = next(iter(space.classify(suspicious=True))).subject
    kept = space.with_rules({"block": [{"items": [gone, odd]}]})
    for labels in (
        kept.classify(),
        kept.classify(k=3),
        kept.classify(gone, k=3),
        kept.classify(suspicious=True),
    ):
        assert not {gone, odd} & {label.subject for label in labels}
        assert "2 blocked listings are left out" in labels.notes
    assert [label.subject for label in kept.classify(phrase="a mug")]
