"""The gate tells the truth where there is nothing to find."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import shelfspace as ss

SETTINGS = {
    "events": {
        "user_id": "CustomerID",
        "item_id": "StockCode",
        "basket_id": "InvoiceNo",
        "timestamp": "InvoiceDate",
    },
    "recipe": {"use": "quick"},
    "linear": {"ease": {}, "low_rank": {"rank": 64}},
}


@pytest.fixture(scope="module")
def customers(data: Path) -> pa.Table:
    """The lines of six hundred customers of a real shop."""
    columns = ["CustomerID", "StockCode", "InvoiceNo", "InvoiceDate"]
    table = pq.read_table(data / "uci-online-retail" / "transactions.parquet", columns=columns).drop_null()
    known = table["CustomerID"].to_numpy()
    chosen = np.random.default_rng(0).choice(np.unique(known), 600, replace=False)
    return table.filter(pa.array(np.isin(known, chosen)))


def test_on_shuffled_events_nothing_beats_popularity(customers: pa.Table, tmp_path: Path):
    order = np.random.default_rng(1).permutation(customers.num_rows)
    shuffled = customers.set_column(1, "StockCode", customers["StockCode"].take(pa.array(order)))
    ss.train(SETTINGS, events=shuffled, out=tmp_path)
    metrics = json.loads((tmp_path / "metrics.json").read_text("utf-8"))
    rows = pq.read_table(tmp_path / "per_user.parquet").to_pandas()
    rows = rows[rows.protocol == "time"]
    by_model = {name: part["ndcg@10"].to_numpy() for name, part in rows.groupby("model")}
    for name, values in by_model.items():
        difference = values - by_model["popularity"]
        above = difference.mean() - 2.6 * difference.std() / np.sqrt(len(difference))
        assert above <= 0, f"{name} beats popularity where there is nothing to find"
    assert metrics["verdict"]["protocols"]["time"]["outcome"] != "better"


def test_on_the_same_events_as_they_are_the_models_do_beat_it(customers: pa.Table, tmp_path: Path):
    ss.train(SETTINGS, events=customers, out=tmp_path)
    metrics = json.loads((tmp_path / "metrics.json").read_text("utf-8"))
    assert metrics["differences"]["time"]["popularity"]["ndcg@10"]["low"] > 0
    assert metrics["verdict"]["leaks"] == []


def test_shuffled_times_are_named_in_the_verdict(customers: pa.Table, tmp_path: Path):
    order = np.random.default_rng(2).permutation(customers.num_rows)
    shuffled = customers.set_column(3, "InvoiceDate", customers["InvoiceDate"].take(pa.array(order)))
    settings = SETTINGS | {"events": {k: v for k, v in SETTINGS["events"].items() if k != "basket_id"}}
    ss.train(settings, events=shuffled, out=tmp_path)
    verdict = json.loads((tmp_path / "metrics.json").read_text("utf-8"))["verdict"]
    assert "shuffled times" in verdict["leaks"]
    assert "shuffled times" in verdict["text"]
