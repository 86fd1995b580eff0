import json
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shelfspace.errors import ConfigError
from shelfspace.evaluation.gate import Measured, judge
from shelfspace.evaluation.leaks import LEAKS, SHUFFLED_TIMES, Leak
from shelfspace.evaluation.measure import measure
from shelfspace.evaluation.report import Neighbours, write_report
from shelfspace.evaluation.search import tune
from shelfspace.evaluation.slices import item_slices
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import History
from shelfspace.shop.ids import Ids
from shelfspace.shop.shop import Shop
from shelfspace.shop.splits import split

ITEMS, USERS = 60, 150
IDS = Ids([f"user {n}" for n in range(USERS)], "user")


@pytest.fixture(scope="module")
def blocks():
    rng = np.random.default_rng(0)
    size = 3000
    user = rng.integers(0, USERS, size)
    item = (rng.zipf(1.5, size) + user % 3 * 20) % ITEMS
    history = History.of(user, item, np.sort(rng.random(size)) * 50, num_users=USERS, num_items=ITEMS)
    catalogue = Catalogue(
        Ids([str(n) for n in range(ITEMS)], "item"),
        pa.table({"title": [str(n) for n in range(ITEMS)]}),
        np.full(ITEMS, -np.inf),
        np.arange(ITEMS, dtype=np.int32),
    )
    shop = Shop(catalogue, IDS, history, {"purchase": 1.0}, SimpleNamespace())
    return {protocol: split(shop, protocol).test for protocol in ("time", "time-any")}


def measured(blocks, quality):
    """Scorers that know the truth more or less well."""
    found = {}
    for protocol, cases in blocks.items():
        truth = {tuple(row): n for n, row in enumerate(cases.queries.indptr[:-1, None])}
        assert len(truth) <= len(cases)

        def scorer(weight, seed, cases=cases):
            noise = np.random.default_rng(seed).random((len(cases), ITEMS))
            return lambda q, a: (noise + weight * cases.relevant.toarray()).astype(np.float32)

        scorers = {name: scorer(weight, seed) for seed, (name, weight) in enumerate(quality.items())}
        results = measure(cases, scorers, item_slices=item_slices(cases.fit))
        found[protocol] = Measured(cases, results)
    return found


def test_better_equal_and_worse(blocks):
    baselines = ["popularity", "knn", "absent"]
    good = judge(
        measured(blocks, {"default": 0.6, "popularity": 0.0, "knn": 0.2}), users=IDS, baselines=baselines
    )
    assert good.verdict == "better"
    assert "default is better than the best baseline, knn, under time" in good.text
    bad = judge(
        measured(blocks, {"default": 0.1, "popularity": 0.0, "knn": 0.6}), users=IDS, baselines=baselines
    )
    assert bad.verdict == "worse"
    assert "WORSE" in bad.text
    even = judge(measured(blocks, {"default": 0.3, "knn": 0.3}), users=IDS, baselines=baselines)
    assert even.verdict == "equal"
    alone = judge(measured(blocks, {"default": 0.3}), users=IDS, baselines=baselines)
    assert alone.verdict == "equal"
    assert "no baseline" in alone.text


def test_worse_under_one_protocol_is_worse(blocks):
    good = measured(blocks, {"default": 0.6, "knn": 0.1})
    bad = measured(blocks, {"default": 0.1, "knn": 0.6})
    assert (
        judge({"time": good["time"], "time-any": bad["time-any"]}, users=IDS, baselines=["knn"]).verdict
        == "worse"
    )


def test_the_files(blocks, tmp_path):
    both = measured(blocks, {"default": 0.6, "popularity": 0.0, "knn": 0.2})
    vectors = np.random.default_rng(0).normal(size=(ITEMS, 4)).astype(np.float32)
    gate = judge(both, users=IDS, baselines=["popularity", "knn"], vectors=vectors, looked_for=LEAKS)
    gate.write(tmp_path)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    ndcg = metrics["time"]["default"]["ndcg@10"]
    assert ndcg["low"] < ndcg["value"] < ndcg["high"]
    assert ndcg["value"] == pytest.approx(both["time"].results["default"].mean("ndcg@10"), abs=1e-6)
    names = {f"{name}@{k}" for name in ("hr", "recall", "precision", "ndcg", "map", "mrr") for k in (10, 20)}
    assert set(metrics["time-any"]["knn"]) == names
    assert metrics["differences"]["time"]["knn"]["ndcg@10"]["low"] > 0
    assert metrics["slices"]["time"]["tail items"]["cases"] > 0
    assert set(metrics["lists"]["time"]["knn"]) == {"coverage@10", "novelty@10", "diversity@10"}
    assert metrics["protocols"]["time"]["cases"] == len(blocks["time"])
    assert metrics["verdict"]["outcome"] == "better"
    table = pq.read_table(tmp_path / "per_user.parquet")
    assert table.num_rows == 3 * sum(map(len, blocks.values()))
    rows = table.filter((pa.compute.field("protocol") == "time") & (pa.compute.field("model") == "knn"))
    assert rows["user_id"].to_pylist() == [f"user {n}" for n in blocks["time"].rows]
    assert np.mean(rows["ndcg@10"]) == pytest.approx(metrics["time"]["knn"]["ndcg@10"]["value"], abs=1e-5)


def test_leaks_are_in_the_verdict_by_name(blocks):
    leak = Leak(SHUFFLED_TIMES, "all events", 0.3, "times lie at random")
    gate = judge(measured(blocks, {"default": 0.6, "knn": 0.2}), users=IDS, baselines=["knn"], leaks=[leak])
    assert gate.metrics["verdict"]["leaks"] == ["shuffled times"]
    assert "LEAKS FOUND" in gate.text
    assert "shuffled times (all events): times lie at random" in gate.text


def test_an_unknown_headline_is_named(blocks):
    with pytest.raises(ConfigError, match=r"ndgc@10"):
        judge({}, users=IDS, baselines=[], headline="ndgc@10")


@pytest.mark.parametrize("rich", [True, False])
def test_the_report_is_whole_in_itself(blocks, tmp_path, rich):
    leak = Leak(SHUFFLED_TIMES, "all events", 0.3, "times lie at <random>")
    gate = judge(
        measured(blocks, {"default": 0.1, "knn": 0.6} if rich else {"default": 0.1}),
        users=IDS,
        baselines=["knn"],
        leaks=[leak] if rich else [],
        looked_for=LEAKS,
    )
    gate.write(tmp_path)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    vectors = np.random.default_rng(0).normal(size=(ITEMS, 4)).astype(np.float32)
    vectors[3] = np.nan
    search = tune(lambda s: s, {}, lambda s: 0.5, budget_seconds=1, start={})
    more = {
        "searches": {"knn": search.to_json()},
        "neighbours": [Neighbours("a <b> & c", [("d", 0.5)])],
        "vectors": vectors,
        "labels": ["shoes", None] * (ITEMS // 2),
        "card": {"title": "A <shop>", "Users": "150"},
    }
    write_report(tmp_path / "report.html", metrics=metrics, **(more if rich else {}))
    page = (tmp_path / "report.html").read_text("utf-8")
    assert ("WORSE than the best baseline" in page) is rich
    assert ("A &lt;shop&gt;" in page) is rich
    assert ("at &lt;random&gt;" in page) is rich
    assert ("a &lt;b&gt; &amp; c" in page) is rich
    assert "http" not in page.replace("http://www.w3.org", "")
    assert 'alt="ndcg@10 of each model under time"' in page
    assert "<script" not in page
