"""Counting in the database against the plain loop that says what is meant."""

import doctest
import subprocess
import sys
from collections import Counter
from itertools import combinations

import duckdb
import ibis
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfspace.shop import counting

# ibis still calls a DuckDB method by the name it had before
pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")

moments = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c", None]), st.integers(0, 40).map(lambda quarter: quarter / 4)),
    min_size=1,
    max_size=30,
)


@pytest.fixture(scope="module")
def database():
    return ibis.duckdb.connect()


def on(database, table: pa.Table, name: str = "given"):
    database.con.register(name, table)
    return database.table(name)


def test_examples_run():
    assert doctest.testmod(counting).failed == 0


@settings(max_examples=30, deadline=None)
@given(rows=moments, gap=st.sampled_from([0.2, 0.25, 1.0, 3.0]), seed=st.integers(0, 9))
def test_a_session_ends_where_the_gap_is_exceeded(database, rows, gap, seed):
    expected, number = {}, -1
    for user in sorted({u for u, _ in rows if u is not None}):
        before = None
        for time in sorted({t for u, t in rows if u == user}):
            number += before is None or time - before > gap
            expected[user, time] = number
            before = time
    shuffled = [rows[i] for i in np.random.default_rng(seed).permutation(len(rows))]
    table = pa.table(
        {"user": pa.array([u for u, _ in shuffled], pa.string()), "time": [t for _, t in shuffled]}
    )
    got = counting.sessions(on(database, table), gap=gap).to_pyarrow()
    assert got.schema.field("session").type == pa.int64()
    assert got.num_rows == len(rows)
    for row in got.to_pylist():
        assert row["session"] == expected.get((row["user"], row["time"]))


def test_other_columns_stay_and_an_earlier_session_is_replaced(database):
    table = pa.table({"user": ["a", "a"], "time": [0.0, 0.5], "item": ["x", "y"], "session": ["old", "old"]})
    got = counting.sessions(on(database, table), gap=1.0)
    assert set(got.columns) == {"user", "time", "item", "session"}
    assert got.session.to_pyarrow().to_pylist() == [0, 0]


def test_baskets_take_the_greater_weight_and_leave_out_what_has_no_basket(database):
    table = pa.table(
        {
            "session": [1, 1, 2, None],
            "item": ["x", "x", "y", "x"],
            "weight": pa.array([1, 5, 2, 9], pa.float32()),
        }
    )
    got = counting.baskets(on(database, table), by="session").to_pyarrow().sort_by("basket").to_pylist()
    assert got == [{"basket": 1, "item": "x", "weight": 5.0}, {"basket": 2, "item": "y", "weight": 2.0}]


lines = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 5), st.sampled_from([0.5, 1.0, 5.0])), max_size=40
)


@settings(max_examples=30, deadline=None)
@given(rows=lines, minimum_support=st.integers(1, 3))
def test_pairs_are_those_of_the_plain_loop(database, rows, minimum_support):
    table = pa.table(
        {
            "basket": pa.array([b for b, _, _ in rows], pa.int64()),
            "item": pa.array([i for _, i, _ in rows], pa.int64()),
            "weight": pa.array([w for _, _, w in rows], pa.float64()),
        }
    )
    weight = {}
    for basket, item, w in rows:
        weight[basket, item] = max(w, weight.get((basket, item), 0.0))
    expected = {}
    for left, right in combinations(range(6), 2):
        both = [b for b in range(6) if (b, left) in weight and (b, right) in weight]
        if len(both) >= minimum_support:
            expected[left, right] = (sum(weight[b, left] * weight[b, right] for b in both), len(both))
    pairs = counting.pairs_in_database(counting.baskets(on(database, table)), minimum_support=minimum_support)
    got = {(p["left"], p["right"]): (p["weight"], p["support"]) for p in pairs.to_pyarrow().to_pylist()}
    assert got.keys() == expected.keys()
    for pair, figures in expected.items():
        assert got[pair] == pytest.approx(figures)


COUNTED_IN_LITTLE_MEMORY = """
import resource, sys
import ibis, pyarrow.parquet
from shelfspace.shop import counting
folder = sys.argv[1]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
database = ibis.duckdb.connect(memory_limit="150MB", threads=1, temp_directory=folder + "/spilled")
database.con.execute("SET enable_progress_bar = false")
events = database.read_csv(folder + "/events.csv")
pairs = counting.pairs_in_database(counting.baskets(events), minimum_support=2)
pyarrow.parquet.write_table(pairs.to_pyarrow(), folder + "/pairs.parquet")
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read as Linux reports it")
def test_a_file_larger_than_memory_is_counted_in_bounded_memory(tmp_path):
    num_baskets, num_items, steps = 1_000_000, 400, (0, 1, 4, 9)
    duckdb.execute(
        f"""COPY (SELECT 'customer-' || (b % 100000) AS user_id, 'basket-' || b AS basket,
            'item-' || ((b * 7 + j * j) % {num_items}) AS item, '2024-01-01T00:00:00' AS timestamp
            FROM range({num_baskets}) baskets(b), range(4) lines(j)) TO '{tmp_path}/events.csv' (HEADER)"""
    )
    command = [sys.executable, "-W", "ignore", "-c", COUNTED_IN_LITTLE_MEMORY, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 200 < (tmp_path / "events.csv").stat().st_size / 2**20
    pairs = pq.read_table(tmp_path / "pairs.parquet").to_pylist()
    got = {frozenset((p["left"], p["right"])): p["support"] for p in pairs}
    expected = Counter()
    for start, count in enumerate(np.bincount(np.arange(num_baskets) * 7 % num_items, minlength=num_items)):
        for one, other in combinations([f"item-{(start + step) % num_items}" for step in steps], 2):
            expected[frozenset((one, other))] += int(count)
    assert got == expected
