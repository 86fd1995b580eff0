"""Runs beside each other, paired by user."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import shelfspace as ss
from shelfspace.errors import ConfigError, DataError, SpaceError

USERS = [f"u{n}" for n in range(60)]


def run(folder: Path, users, values, *, lengths=None, model="default", **about) -> Path:
    """Write what a run leaves of its measurement: one protocol, one metric."""
    folder.mkdir()
    counts = {"cases": len(users), "answers": 90, "candidates": 30} | about
    metrics = {"headline": "ndcg@10", "protocols": {"time": counts}}
    (folder / "metrics.json").write_text(json.dumps(metrics), "utf-8")
    columns = {"user_id": pa.array(users, pa.string()), "protocol": ["time"] * len(users)}
    columns |= {"model": [model] * len(users), "ndcg@10": np.asarray(values, np.float32)}
    if lengths is not None:
        columns["history"] = np.asarray(lengths, np.int32)
    pq.write_table(pa.table(columns), folder / "per_user.parquet")
    return folder


@pytest.fixture
def values() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    one = rng.random(60).astype(np.float32).astype(np.float64)
    return one, (one + 0.05 + 0.02 * rng.random(60)).astype(np.float32).astype(np.float64)


def test_means_and_differences_are_those_by_hand(tmp_path: Path, values):
    one, two = values
    runs = run(tmp_path / "a", USERS, one), run(tmp_path / "b", USERS, two)
    found = ss.compare(*runs)
    first, second = found.rows
    assert (first.name, second.name) == tuple(map(str, runs))
    assert (first.difference, first.outcome) == (None, "")
    assert first.mean.value == pytest.approx(one.mean(), abs=1e-12)
    assert second.difference.value == pytest.approx((two - one).mean(), abs=1e-12)
    rng = np.random.default_rng(1)
    drawn = [(two - one)[rng.integers(0, 60, 60)].mean() for _ in range(4000)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert (second.difference.low, second.difference.high) == pytest.approx((low, high), abs=2e-4)
    assert second.outcome == "better", "though their own intervals overlap"
    assert second.mean.low < first.mean.high
    turned = ss.compare(*runs[::-1]).rows[1]
    assert turned.outcome == "worse"
    assert turned.difference.value == pytest.approx(-second.difference.value)
    assert ss.compare(runs[0], run(tmp_path / "c", USERS, one)).rows[1].outcome == "equal"


def test_it_is_a_frame_and_json_and_a_table(tmp_path: Path, values):
    one, two = values
    found = ss.compare(run(tmp_path / "a", USERS, one), run(tmp_path / "b", USERS, two))
    assert found.to_frame()["difference_low"].isna().tolist() == [True, False]
    assert found.to_frame("polars").height == 2
    again = json.loads(json.dumps(found.to_json()))
    assert [row["outcome"] for row in again["rows"]] == [None, "better"]
    assert again["rows"][1]["users"] == 60
    assert "better" in repr(found)


def test_other_users_are_refused_or_left_out(tmp_path: Path, values):
    one, two = values
    first = run(tmp_path / "a", USERS, one)
    order = np.random.default_rng(2).permutation(60)[:45]
    others = [*(USERS[n] for n in order), "new", None]
    second = run(tmp_path / "b", others, [*two[order], 0.0, 0.0])
    with pytest.raises(DataError, match=r"lacks 15 users of .* and has 1 others.*--common compares"):
        ss.compare(first, second)
    found = ss.compare(first, second, common=True)
    assert found.rows[1].users == 45
    assert found.rows[1].difference.value == pytest.approx((two - one)[order].mean())
    assert found.left_out == {str(first): 15, str(second): 2}
    assert "47 cases" in found.notes[0]
    with pytest.raises(DataError, match="no user in common"):
        ss.compare(first, run(tmp_path / "c", ["x"], [0.1]), common=True)


def test_the_same_users_asked_for_other_items_are_not_the_same_cases(tmp_path: Path, values):
    one, two = values
    runs = run(tmp_path / "a", USERS, one), run(tmp_path / "b", USERS, two, answers=91)
    with pytest.raises(DataError, match="has 91 answers"):
        ss.compare(*runs)
    assert ss.compare(*runs, common=True).notes == [f"{runs[1]} has 91 answers, {runs[0]} 90"]
    turned = run(tmp_path / "c", USERS[::-1], two[::-1])
    with pytest.raises(DataError, match="in another order"):
        ss.compare(runs[0], turned)
    assert ss.compare(runs[0], turned, common=True).rows[1].difference.value == pytest.approx(
        (two - one).mean()
    )


def test_slices_are_users_by_the_length_of_their_history(tmp_path: Path, values):
    one, two = values
    lengths = np.arange(60) % 10
    runs = [
        run(tmp_path / name, USERS, value, lengths=lengths) for name, value in zip("ab", values, strict=True)
    ]
    found = ss.compare(*runs, slices=True)
    by_slice = {row.slice: row for row in found.rows if row.difference is not None}
    assert list(by_slice) == ["all users", "cold users", "history 1–4", "history 5–19"]
    assert by_slice["cold users"].difference.value == pytest.approx((two - one)[lengths == 0].mean())
    assert sum(row.users for name, row in by_slice.items() if name != "all users") == 60
    with pytest.raises(DataError, match="measure it again"):
        ss.compare(run(tmp_path / "old", USERS, one), runs[0], slices=True)


def test_models_of_a_real_run(small_run: Path):
    found = ss.compare(small_run, models=["default", "item_knn"], metric="recall@10", slices=True)
    metrics = json.loads((small_run / "metrics.json").read_text("utf-8"))
    means = {row.name: row.mean.value for row in found.rows if row.slice == "all users"}
    for name in ("default", "item_knn"):
        assert means[name] == pytest.approx(metrics["time"][name]["recall@10"]["value"], abs=1e-6)
    cold = next(row for row in found.rows if row.slice != "all users")
    assert cold.mean.value == pytest.approx(
        metrics["slices"]["time"][cold.slice]["default"]["recall@10"]["value"], abs=1e-6
    )
    any_ = ss.compare(small_run, models=["default", "repeat"], protocol="time-any")
    assert any_.protocol == "time-any"


def test_what_cannot_be_compared(tmp_path: Path, values):
    first = run(tmp_path / "a", USERS, values[0])
    second = run(tmp_path / "b", USERS, values[1], model="other")
    for more, words in [
        ([], "nothing to compare with"),
        ([first], "nothing to compare with"),
        ([second], "model 'default' was not measured"),
    ]:
        with pytest.raises(ConfigError, match=words):
            ss.compare(first, *more)
    with pytest.raises(ConfigError, match="did you mean 'ndcg@10'"):
        ss.compare(first, models=["default", "x"], metric="ndgc@10")
    with pytest.raises(ConfigError, match="protocol 'tim' was not measured; did you mean 'time'"):
        ss.compare(first, models=["default", "x"], protocol="tim")
    with pytest.raises(SpaceError, match="metrics\\.json is missing"):
        ss.compare(first, tmp_path / "nowhere")
    (first / "per_user.parquet").write_bytes(b"garbage")
    with pytest.raises(SpaceError, match="is damaged"):
        ss.compare(first, second)
