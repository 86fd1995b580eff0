import itertools
import math

import ir_measures
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ir_measures import AP, RR, P, R, Success, nDCG
from scipy import sparse

from shelfspace.errors import ConfigError
from shelfspace.evaluation.metrics import evaluate, parse
from shelfspace.evaluation.ranking import Head


def naive(order, relevant, k):
    """The metrics of one list, by their definitions."""
    n, hits = len(relevant), [1.0 if item in relevant else 0.0 for item in order[:k]]
    dcg = sum(h / math.log2(i + 2) for i, h in enumerate(hits))
    ideal = sum(1 / math.log2(i + 2) for i in range(min(k, n)))
    precisions = [sum(hits[: i + 1]) / (i + 1) * h for i, h in enumerate(hits)]
    first = next((1 / (i + 1) for i, h in enumerate(hits) if h), 0.0)
    return {
        f"hr@{k}": float(any(hits)),
        f"recall@{k}": sum(hits) / n,
        f"precision@{k}": sum(hits) / k,
        f"ndcg@{k}": dcg / ideal,
        f"map@{k}": sum(precisions) / n,
        f"mrr@{k}": first,
    }


def naive_ties(scores, relevant, k):
    """The mean over every order of the tied."""
    answered = [i for i in range(len(scores)) if scores[i] > -np.inf]
    levels = sorted({scores[i] for i in answered}, reverse=True)
    groups = [[i for i in answered if scores[i] == level] for level in levels]
    orders = [
        list(itertools.chain(*parts))
        for parts in itertools.product(*(itertools.permutations(g) for g in groups))
    ]
    every = [naive(order, relevant, k) for order in orders]
    return {name: sum(e[name] for e in every) / len(every) for name in every[0]}


@settings(max_examples=150, deadline=None)
@given(
    levels=st.lists(st.sampled_from([0.0, 1.0, 2.0, -np.inf]), min_size=2, max_size=7),
    chosen=st.sets(st.integers(0, 6), min_size=1),
    k=st.integers(1, 9),
)
def test_ties_count_as_the_mean_over_their_orders(levels, chosen, k):
    relevant = {c % len(levels) for c in chosen}
    scores = np.array([levels], dtype=np.float32)
    row = np.zeros((1, len(levels)), bool)
    row[0, list(relevant)] = True
    found = evaluate(scores, sparse.csr_array(row), ks=[k])
    for name, value in naive_ties(levels, relevant, k).items():
        assert found[name][0] == pytest.approx(value, abs=1e-9), name


@pytest.mark.parametrize("num_items", [60, 3000])
def test_agrees_with_ir_measures(num_items):
    rng = np.random.default_rng(3)
    users = 40
    scores = rng.permuted(np.tile(np.arange(num_items, dtype=np.float32), (users, 1)), axis=1)
    relevant = rng.random((users, num_items)) < 20 / num_items
    relevant[:, 0] = True
    found = evaluate(scores, sparse.csr_array(relevant), ks=[5, 10])
    qrels = [ir_measures.Qrel(str(u), str(i), 1) for u, i in zip(*np.nonzero(relevant), strict=True)]
    run = [
        ir_measures.ScoredDoc(str(u), str(i), float(scores[u, i]))
        for u in range(users)
        for i in range(num_items)
    ]
    ours = {nDCG: "ndcg", R: "recall", P: "precision", AP: "map", RR: "mrr", Success: "hr"}
    for measure, name in ours.items():
        for k in (5, 10):
            for each in ir_measures.iter_calc([measure @ k], qrels, run):
                assert found[f"{name}@{k}"][int(each.query_id)] == pytest.approx(each.value, abs=1e-6)


def test_order_of_ids_neither_helps_nor_hurts():
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 4, (30, 500)).astype(np.float32)
    relevant = rng.random((30, 500)) < 0.02
    relevant[:, 7] = True
    shuffled = rng.permutation(500)
    one = evaluate(scores, sparse.csr_array(relevant), ks=[3, 20])
    two = evaluate(scores[:, shuffled], sparse.csr_array(relevant[:, shuffled]), ks=[3, 20])
    for name, values in one.items():
        np.testing.assert_allclose(values, two[name], atol=1e-12)


def test_many_ties_against_sampled_orders():
    rng = np.random.default_rng(1)
    scores = rng.integers(0, 3, (1, 40)).astype(np.float32)
    relevant = np.zeros((1, 40), bool)
    relevant[0, rng.choice(40, 6, replace=False)] = True
    found = evaluate(scores, sparse.csr_array(relevant), ks=[10])
    wanted = set(np.flatnonzero(relevant[0]))
    drawn = [naive(list(np.lexsort((rng.random(40), -scores[0]))), wanted, 10) for _ in range(20_000)]
    for name in drawn[0]:
        values = np.array([d[name] for d in drawn])
        assert abs(values.mean() - found[name][0]) < 5 * values.std() / math.sqrt(len(values)) + 1e-9


def test_what_cannot_be_answered_is_missed_and_no_tie():
    scores = np.array([[-np.inf, -np.inf, 1.0], [-np.inf] * 3], dtype=np.float32)
    relevant = sparse.csr_array(np.array([[True, False, True], [True, False, False]]))
    found = evaluate(scores, relevant, ks=[3])
    np.testing.assert_allclose(found["recall@3"], [0.5, 0.0])
    np.testing.assert_allclose(found["hr@3"], [1.0, 0.0])
    assert Head.of(scores, 3).items.tolist() == [[2, -1, -1], [-1, -1, -1]]


def test_a_case_without_relevant_items_has_no_value():
    found = evaluate(np.ones((1, 4), np.float32), sparse.csr_array((1, 4), dtype=bool), ks=[2])
    assert all(np.isnan(values[0]) for values in found.values())


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 30), st.sampled_from([50, 1999, 9000]), st.booleans())
def test_the_head_holds_the_largest(seed, k, num_items, tied):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 50, (3, num_items)) if tied else rng.random((3, num_items))
    scores = scores.astype(np.float32)
    head = Head.of(scores, k)
    np.testing.assert_array_equal(head.scores, -np.sort(-scores, axis=1)[:, :k])
    np.testing.assert_array_equal(np.take_along_axis(scores, head.items, axis=1), head.scores)
    np.testing.assert_array_equal(head.tied_at_end, (scores == head.scores[:, -1:]).sum(axis=1))


def test_an_unknown_metric_is_named():
    assert parse("ndcg@10") == ("ndcg", 10)
    with pytest.raises(ConfigError, match="did you mean 'ndcg@10'"):
        parse("nDCG@10")
    with pytest.raises(ConfigError):
        parse("ndcg@0")
