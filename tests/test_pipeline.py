"""A shop's files in, a run folder out."""

import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest

import shelfspace as ss
from shelfspace.errors import ConfigError, DataError, GateError, SpaceError


def test_a_run_holds_what_it_says(small_run: Path):
    names = {p.name for p in small_run.iterdir()}
    assert names == {
        "config.toml", "card.md", "metrics.json", "per_user.parquet", "check.json", "check.html",
        "quarantine.parquet", "report.html", "spaces", "current",
    }  # fmt: skip
    metrics = json.loads((small_run / "metrics.json").read_text("utf-8"))
    assert set(metrics["protocols"]) == {"time", "time-any"}
    default = metrics["time"]["default"]["ndcg@10"]
    assert default["low"] <= default["value"] <= default["high"]
    assert {"popularity", "item_knn", "ease"} <= set(metrics["time"])
    assert metrics["verdict"]["outcome"] in ("better", "equal")
    assert metrics["verdict"]["text"] in (small_run / "card.md").read_text("utf-8")


def test_the_figures_are_the_means_of_the_rows_of_users(small_run: Path):
    rows = pq.read_table(small_run / "per_user.parquet").to_pandas()
    metrics = json.loads((small_run / "metrics.json").read_text("utf-8"))
    mean = rows[(rows.protocol == "time") & (rows.model == "default")]["ndcg@10"].mean()
    assert mean == pytest.approx(metrics["time"]["default"]["ndcg@10"]["value"], abs=1e-6)


def test_the_blend_learns_the_tastes(small_run: Path):
    space = ss.open(small_run)
    for user in (1, 2, 3, 4, 5):
        hits = space.recommend(f"user-{user}", k=5)
        tastes = [int(hit.item_id.removeprefix("sku-")) % 6 for hit in hits if hit.item_id != "sku-new"]
        assert np.mean(np.array(tastes) == user) >= 0.6


def test_the_towers_are_kept_whatever_they_count_for_in_the_blend(small_run: Path):
    files = {p.name for p in (small_run / "spaces" / "1" / "encoders" / "learnt").iterdir()}
    assert files == {"item.onnx", "user.onnx", "readers.json", "model.safetensors"}
    again = ss.open(small_run).blend.retrievers["learnt"].files()
    assert set(again) == files


def test_another_run_is_a_start(small_shop: Path, small_run: Path, tmp_path: Path):
    space = ss.train(small_shop, start=small_run, same_shop=True, out=tmp_path / "again")
    cosine = (space.vectors * ss.open(small_run).vectors).sum(axis=1)
    assert cosine[np.abs(space.vectors).sum(axis=1) > 0].mean() > 0.9
    with pytest.raises(ConfigError, match="nothing to train"):
        ss.train(small_shop, sets=["recipe.use=quick"], start=small_run, out=tmp_path / "quick")


def test_a_product_that_was_never_sold_has_neighbours(small_run: Path):
    hits = ss.open(small_run).similar("sku-new", k=5)
    assert all("boot" in hit.title for hit in hits)


@pytest.mark.parametrize("library", [pd, pl])
def test_two_data_frames_are_a_shop(small_shop: Path, library, tmp_path: Path):
    folder = small_shop.parent
    settings = {
        "events": {"user_id": "Kunde", "item_id": "Artikel", "basket_id": "Bon", "timestamp": "Zeit"},
        "items": {"item_id": "Artikel", "title": "Bezeichnung"},
        "recipe": {"use": "quick"},
    }
    read = {"sep": ";"} if library is pd else {"separator": ";"}
    events = library.read_csv(folder / "umsatz.csv", **read)
    items = library.read_csv(folder / "artikel.csv")
    space = ss.train(settings, events=events, items=items, out=tmp_path / "run")
    assert len(space.catalogue) == 121
    assert space.recommend(history=["sku-006"], k=3).to_frame().shape[0] == 3


def test_without_any_settings_common_names_are_found(tmp_path: Path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({
        "uid": rng.integers(50, size=900).astype(str),
        "sku": rng.integers(30, size=900).astype(str),
        "datetime": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(10_000, size=900), "h"),
    })  # fmt: skip
    space = ss.train(events=frame, out=tmp_path / "run", sets=["recipe.use=quick"])
    assert len(space.users) == 50


def test_the_same_run_twice_gives_the_same_figures_and_answers(small_shop: Path, tmp_path: Path):
    runs = [tmp_path / "a", tmp_path / "b"]
    for run in runs:
        ss.train(small_shop, out=run)
    left, right = ((run / "metrics.json").read_text("utf-8") for run in runs)
    assert left == right
    a, b = (ss.open(run).recommend("user-3", k=20).table for run in runs)
    assert a.equals(b)


def test_a_run_that_is_killed_leaves_the_old_space_and_is_resumed_to_the_same_figures(
    small_shop: Path, small_run: Path, tmp_path: Path
):
    run = tmp_path / "run"
    shutil.copytree(small_run, run)
    before = (run / "current").read_text("utf-8")

    class Killed(BaseException):
        pass

    def kill(what: str, done: int, total: int) -> None:
        if what == "tuning ease":
            raise Killed

    with pytest.raises(Killed):
        ss.train(small_shop, out=run, told=kill)
    assert (run / "current").read_text("utf-8") == before
    assert ss.open(run).similar("sku-001", k=1)
    with pytest.raises(ConfigError, match=r"training\.seed differ"):
        ss.train(small_shop, out=run, resume=True, sets=["training.seed=7"])
    seen = []
    ss.train(small_shop, out=run, resume=True, told=lambda what, *_: seen.append(what))
    assert (run / "current").read_text("utf-8") == str(int(before) + 1)
    again, whole = (json.loads((r / "metrics.json").read_text("utf-8")) for r in (run, small_run))
    assert again["time"] == whole["time"]


def test_evaluate_measures_a_run_under_another_protocol(small_run: Path, tmp_path: Path):
    gate = ss.evaluate(small_run, protocol="cold-users", out=tmp_path)
    assert list(gate.metrics["protocols"]) == ["cold-users"]
    assert (tmp_path / "per_user.parquet").is_file()
    with pytest.raises(SpaceError, match=r"config\.toml is missing"):
        ss.evaluate(tmp_path / "nowhere")


def test_a_ranker_answers_where_the_settings_say_so(small_shop: Path, tmp_path: Path):
    run = tmp_path / "run"
    space = ss.train(small_shop, sets=["recipe.use=quick", "blend.use=lambdarank"], out=run)
    metrics = json.loads((run / "metrics.json").read_text("utf-8"))
    assert {mix["use"] for mix in metrics["blend"].values()} == {"lambdarank"}
    assert [one["name"] for one in metrics["blend"]["new"]["tried"]][-1] == "lambdarank"
    assert "trees (LambdaRank)" in (run / "card.md").read_text("utf-8")
    assert "held against the sum" in (run / "report.html").read_text("utf-8")
    assert set(space.blend.rankers) == {"new", "any"}
    for hit in space.recommend("user-7", k=5, why=True):
        assert sum(part.amount for part in hit.why) == pytest.approx(hit.score, rel=1e-4)


@pytest.mark.parametrize("equal", [False, True], ids=["in time", "of each user all at one moment"])
def test_histories_are_read_in_order_with_the_kinds_of_their_events(tmp_path: Path, equal: bool):
    """Also where order says nothing: a user's events at one moment are one basket, and the next one is foretold."""
    rng = np.random.default_rng(0)
    user, item = np.repeat(np.arange(80), 8), rng.integers(0, 40, 640)
    day = np.sort(rng.integers(0, 300, (80, 8)), axis=1).ravel()
    day = np.where(user < 40, day // 300 + user, day) if equal else day
    events = pd.DataFrame(
        {
            "user_id": user.astype(str),
            "item_id": item.astype(str),
            "timestamp": pd.Timestamp("2025-01-01") + pd.to_timedelta(day, "D"),
            "event": np.where(rng.random(640) < 0.5, "view", "purchase"),
        }
    )
    tiny = ["model.embedding_dim=8", "training.epochs=1", "training.max_trials=1", "training.budget=5s"]
    run = tmp_path / "run"
    space = ss.train({"recipe": {"use": "sequence"}}, events=events, sets=tiny, out=run)
    assert {"learnt", "learnt_knn"} <= json.loads((run / "metrics.json").read_text("utf-8"))["time"].keys()
    learnt = space.blend.retrievers["learnt"]
    kinds = onnxruntime.InferenceSession(learnt.towers.user, providers=["CPUExecutionProvider"]).get_inputs()
    assert "kind" in [given.name for given in kinds]
    reasons = learnt.reasons(space.history.of_users([3]), np.arange(5, dtype=np.int32))
    scores = learnt.score(space.history.of_users([3]))[0, :5]
    np.testing.assert_allclose([sum(r.amount for r in parts) for parts in reasons], scores, rtol=1e-4)


def test_strict_refuses_a_space_that_is_worse_and_keeps_the_old_one(
    small_shop: Path, small_run: Path, tmp_path: Path
):
    """A blend of popularity alone loses to the kNN kernel on a shop of tastes."""
    run = tmp_path / "run"
    shutil.copytree(small_run, run)
    sets = ["blend.models=['popularity']"]
    with pytest.raises(GateError, match="WORSE"):
        ss.train(small_shop, out=run, strict=True, sets=sets)
    assert (run / "current").read_text("utf-8") == (small_run / "current").read_text("utf-8")
    assert json.loads((run / "metrics.json").read_text("utf-8"))["verdict"]["outcome"] == "worse"


@pytest.mark.parametrize(
    ("settings", "error", "word"),
    [
        ({"evnts": {}}, ConfigError, "did you mean 'events'"),
        ({"training": {"bugdet": "1m"}}, ConfigError, "did you mean 'budget'"),
        ({"training": {"budget": "soon"}}, ConfigError, "write it as 90s"),
        ({"linear": {"ease": {"regularization": 1.0}}}, ConfigError, "did you mean 'regularisation'"),
        ({"linear": {"eese": {}}}, ConfigError, "did you mean 'ease'"),
        ({"linear": {"ease": "no"}}, ConfigError, "false to leave it out"),
        ({"evaluation": {"protocol": "tme"}}, ConfigError, "did you mean 'time'"),
        ({"evaluation": {"metric": "auc"}}, ConfigError, "metric"),
        ({"blend": {"standard_errors": -1.0}}, ConfigError, "0 or more"),
        ({"blend": {"use": "lambda"}}, ConfigError, "lambdarank"),
        ({"blend": {"slice": "auto"}}, ConfigError, "did you mean 'slices'"),
        ({"index": {"use": "hsnw"}}, ConfigError, "did you mean 'hnsw'"),
        ({"blend": {"models": ["itemknn"]}}, ConfigError, "did you mean 'item_knn'"),
    ],
)
def test_a_mistake_in_the_settings_is_told_before_anything_is_read(
    small_shop: Path, settings, error, word, tmp_path
):
    sets = [
        f"{a}.{b}={json.dumps(c)}" if not isinstance(c, dict) else ""
        for a, v in settings.items()
        for b, c in v.items()
    ]
    if all(sets) and sets:
        with pytest.raises(error, match=word):
            ss.train(small_shop, sets=sets, out=tmp_path / "run")
    else:
        with pytest.raises(error, match=word):
            ss.train(settings | {"events": {"path": str(small_shop)}}, out=tmp_path / "run")
    assert not (tmp_path / "run" / "current").exists()


def test_a_shop_with_nothing_to_learn_from_says_what_it_needs(tmp_path: Path):
    frame = pd.DataFrame({"user_id": ["a"] * 5, "item_id": ["x"] * 5})
    with pytest.raises(DataError, match=r"item|user"):
        ss.train(events=frame, out=tmp_path / "run")
    with pytest.raises(ConfigError, match="nothing to read"):
        ss.train(out=tmp_path / "run")


def test_a_further_member_is_a_model_beside_the_towers(small_shop: Path, tmp_path: Path):
    wide = ["members.wide.model.embedding_dim=32", "members.wide.training.learning_rate=0.01"]
    run = tmp_path / "run"
    space = ss.train(small_shop, sets=[*wide, 'blend.models=["learnt", "wide"]'], out=run)
    figures = json.loads((run / "metrics.json").read_text("utf-8"))
    assert {"learnt", "wide"} <= figures["time"].keys()
    assert figures["time"]["learnt"] != figures["time"]["wide"]
    assert space.blocks == {"learnt": space.blend.retrievers["learnt"].vectors.shape[1]}
    written = tomllib.loads((run / "config.toml").read_text("utf-8"))["members"]["wide"]
    assert written["training"]["patience"] == 0
    assert written["training"]["learning_rate"] == 0.01
    if "wide" in space.blend.retrievers:
        assert space.blend.retrievers["wide"].vectors.shape[1] == 32
    again = ss.evaluate(run)
    assert again.metrics["time"]["wide"] == figures["time"]["wide"]


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("members.learnt.model.embedding_dim=8", "that name is taken"),
        ("members.item_knn.model.embedding_dim=8", "a model of that name already"),
        ("members.wide.modell.embedding_dim=8", "did you mean 'model'"),
        ("members.wide.model.embeding_dim=8", "embedding_dim"),
        ("members.wide=3", "write a section"),
    ],
)
def test_a_member_that_cannot_be_is_told(small_shop: Path, tmp_path: Path, setting: str, told: str):
    with pytest.raises(ConfigError, match=told):
        ss.train(small_shop, sets=[setting], out=tmp_path / "run")


def test_a_run_that_learns_nothing_needs_no_torch(small_shop: Path, tmp_path: Path):
    code = f"""
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "onnx", "onnxscript", "transformers"):
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Hidden())
import shelfspace as ss
space = ss.train({str(small_shop)!r}, sets=["recipe.use=linear", "training.budget=5s"], out={str(tmp_path / "run")!r})
print(len(space.recommend(space.users.texts([0])[0], k=3)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "3"
