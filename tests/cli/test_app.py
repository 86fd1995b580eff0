"""The command, as a person runs it."""

import json
import subprocess
import sys
from pathlib import Path

import pyarrow
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

COMMAND = [sys.executable, "-c", "from shelfspace.cli.app import main; main()"]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, text=True, check=False)


def test_the_whole_way(small_shop: Path, tmp_path: Path):
    out = tmp_path / "run"
    checked = run("check", small_shop, "--out", tmp_path / "check", "--json")
    assert checked.returncode == 0, checked.stderr
    assert json.loads(checked.stdout)
    assert {p.name for p in (tmp_path / "check").iterdir()} == {
        "check.html",
        "check.json",
        "quarantine.parquet",
    }
    trained = run("train", small_shop, "--out", out, "--set", "recipe.use=quick")
    assert trained.returncode == 0, trained.stderr
    assert "default" in trained.stdout
    exported = run("export", out, "--to", tmp_path / "vectors.parquet", "--json")
    assert json.loads(exported.stdout)["rows"] == 121
    assert pq.read_table(tmp_path / "vectors.parquet").column_names == ["item_id", "title", "vector"]
    measured = run("evaluate", out, "--json")
    assert (
        json.loads(measured.stdout)["time"] == json.loads((out / "metrics.json").read_text("utf-8"))["time"]
    )


def test_tune_and_compare(small_shop: Path, small_run: Path, tmp_path: Path):
    space = tmp_path / "space.toml"
    space.write_text("[tune]\nlinear.item_knn.back = '0.0..1.0'\n", "utf-8")
    more = ["--set", "recipe.use=quick", "--trials", 2, "--out", tmp_path / "t"]
    tuned = run("tune", small_shop, *more, "--space", space, "--space", "blend.num_candidates=50|100")
    assert tuned.returncode == 0, tuned.stderr
    assert "the best of 2 trials" in tuned.stdout
    assert "linear.item_knn.back = " in next(
        line for line in tuned.stderr.splitlines() if "trial   2" in line
    )
    compared = run(
        "compare", small_run, "--models", "default,item_knn", "--json", "--to", tmp_path / "c.json"
    )
    assert compared.returncode == 0, compared.stderr
    assert json.loads(compared.stdout) == json.loads((tmp_path / "c.json").read_text("utf-8"))
    assert "default" in run("compare", small_run, "--models", "default,item_knn", "--slices").stdout


def test_similar_and_recommend(small_run: Path):
    hits = json.loads(run("similar", small_run, "sku-001", "--k", 3, "--json").stdout)["hits"]
    assert [hit["rank"] for hit in hits] == [1, 2, 3]
    hits = json.loads(run("recommend", small_run, "user-1", "--why", "--k", 2, "--json").stdout)["hits"]
    for hit in hits:
        assert sum(part["amount"] for part in hit["why"]) == pytest.approx(hit["score"], rel=1e-4)
    session = ["--history", "sku-001@2024-12-01T10:00", "--history", "sku-007"]
    assert "sku-" in run("recommend", small_run, *session).stdout


@pytest.mark.parametrize("name", ["recs.parquet", "recs.csv", "recs.json"])
def test_everyone_at_once(small_run: Path, tmp_path: Path, name: str):
    done = run("recommend", small_run, "--all", "--k", 4, "--why", "--to", tmp_path / name)
    assert done.returncode == 0, done.stderr
    path = tmp_path / name
    if path.suffix == ".json":
        rows = len(path.read_text("utf-8").splitlines())
    else:
        rows = (pq.read_table(path) if path.suffix == ".parquet" else pyarrow.csv.read_csv(path)).num_rows
    assert rows > 4 * 300
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_a_log_of_what_was_shown_is_estimated(small_run: Path, tmp_path: Path):
    shown, log = tmp_path / "shown.parquet", tmp_path / "log.parquet"
    more = ["--k", 5, "--explore", 0.3, "--seed", 1, "--diversity", 0.1]
    done = run("recommend", small_run, "--all", *more, "--to", shown)
    assert done.returncode == 0, done.stderr
    table = pq.read_table(shown)
    assert {"propensity", "list_id"} <= {*table.column_names}
    clicked = pyarrow.array([rank == 1 for rank in table["rank"].to_pylist()])
    pq.write_table(table.append_column("clicked", clicked), log)
    said = json.loads(run("offpolicy", small_run, log, "--json").stdout)
    assert said["values"]["logged"]["value"] == pytest.approx(1.0)
    assert said["values"]["ips"]["low"] < 1.0 < said["values"]["ips"]["high"]
    assert "clicks a list" in run("offpolicy", small_run, log, "--clip", 50).stdout


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["similar", "RUN", "sku-0001"], 2, "did you mean 'sku-001'"),
        (["similar", "RUN"], 2, "name an item, or give a phrase or a photo"),
        (["similar", "RUN", "--photo", "a.jpg"], 2, "this space reads no photos"),
        (["similar", "RUN", "sku-001", "--k", "0"], 2, "k = 0 is out of range"),
        (["similar", "RUN", "sku-001", "--where", "price<"], 2, "cannot read the filter"),
        (["recommend", "RUN", "--all"], 2, "give --to FILE.parquet"),
        (["recommend", "RUN", "--all", "--to", "recs.xlsx"], 2, "must end in .parquet"),
        (["recommend", "RUN", "--history", "sku-9999"], 2, "in the history: unknown item"),
        (["recommend", "RUN", "--history", "sku-001@soon"], 2, "write it as 2011-12-09T12:50"),
        (["recommend", "RUN", "user-1", "--seen", "maybe"], 2, "maybe"),
        (["recommend", "RUN", "user-1", "--diversity", "2"], 2, "diversity = 2.0 is out of range"),
        (["offpolicy", "RUN", "nowhere.parquet"], 2, "nowhere.parquet"),
        (["recommend", "nowhere", "user-1"], 2, "no run folder at nowhere"),
        (["train", "nowhere.toml"], 2, "no settings file at nowhere.toml"),
        (["trian"], 2, "trian"),
        (["tune", "nowhere.toml", "--out", "t"], 2, "no settings file at nowhere.toml"),
        (["tune", "nowhere.toml", "--out", "t", "--space", "x.toml"], 2, "nor a file"),
        (["tune", "nowhere.toml", "--out", "t", "--pruning", "mdian"], 2, "did you mean 'median'"),
        (["compare", "RUN"], 2, "there is nothing to compare with"),
        (["compare", "RUN", "--models", "default,item_kn"], 2, "did you mean 'item_knn'"),
    ],
)
def test_what_a_person_gets_wrong_is_told_in_a_line(small_run: Path, arguments, code, word):
    done = run(*[small_run if a == "RUN" else a for a in arguments])
    assert done.returncode == code
    assert word in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr


def test_an_unknown_user_is_answered_and_told(small_run: Path):
    done = run("recommend", small_run, "nobody")
    assert done.returncode == 0
    assert "user 'nobody' is not known; the shop's popular items answer" in done.stderr


def test_recipes_are_listed():
    assert set(json.loads(run("recipes", "--json").stdout)) >= {"shop", "quick"}
    assert "shop: " in run("recipes").stdout


def test_sections_in_square_brackets_are_in_the_help():
    assert "[items]" in run("match", "--help").stdout
