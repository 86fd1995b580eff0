import numpy as np
import pytest

from shelfspace.linear.ridge import PastFuture
from tests.contracts.retriever_contract import NUM_ITEMS, RetrieverContract, catalogue, history


class TestPastFuture(RetrieverContract):
    clocks = ("calendar", "steps")

    def make(self, **settings):
        return PastFuture(**settings)


@pytest.mark.parametrize("clock", ["calendar", "steps"])
def test_the_formula(clock):
    past = history(clock)
    before, after = [], []
    for u in range(len(past)):
        events = range(past.indptr[u], past.indptr[u + 1])
        moments = sorted({past.time[e] for e in events})[1:]
        for now in moments:
            p, f = np.zeros(NUM_ITEMS), np.zeros(NUM_ITEMS)
            for e in events:
                gap = past.time[e] - now
                (p if gap < 0 else f)[past.item[e]] += 2 ** (-abs(gap) / (8.0 if gap < 0 else 2.0))
            age = (past.now or past.time[events[-1]]) - now
            weight = len(moments) ** -0.2 * 2 ** (-age / 40)
            before.append(p * weight)
            after.append(f * weight)
    degree = np.maximum(past.matrix().toarray().sum(axis=0), 1)
    p, f = np.array(before) * degree**-0.3, np.array(after)
    wanted = np.linalg.solve(p.T @ p + 4.0 * np.eye(NUM_ITEMS), p.T @ f)
    wanted = degree[:, None] ** -0.3 * wanted * degree**-0.1
    model = PastFuture(
        regularisation=4.0,
        past_half_life=8.0,
        future_half_life=2.0,
        fit_half_life=20.0,
        user=0.4,
        source=0.3,
        target=0.1,
    ).fit(past, catalogue())
    every = np.arange(NUM_ITEMS, dtype=np.int32)
    np.testing.assert_allclose(model.weights.block(every, every), wanted, atol=1e-5)


def test_without_times_there_is_no_past():
    past = history("none")
    assert not PastFuture().fit(past, catalogue()).score(past).any()


def test_of_a_large_shop_the_latest_moments_are_learnt_from(monkeypatch):
    past = history("steps")
    monkeypatch.setattr("shelfspace.linear.ridge.MAX_PAIRS", 1)
    cut = PastFuture(fit_half_life=np.inf, user=0.0).fit(past, catalogue())
    p = np.zeros((0, NUM_ITEMS))
    for u in np.flatnonzero(past.lengths() > 1):
        events = slice(past.indptr[u], past.indptr[u + 1] - 1)
        row = np.bincount(past.item[events], 2 ** (-(past.age()[events]) / cut.past_half_life), NUM_ITEMS)
        p = np.vstack([p, row])
    f = np.eye(NUM_ITEMS)[past.item[past.indptr[1:][past.lengths() > 1] - 1]]
    degree = np.maximum(past.matrix().toarray().sum(axis=0), 1)
    p = p * degree**-cut.source
    wanted = np.linalg.solve(p.T @ p + cut.regularisation * np.eye(NUM_ITEMS), p.T @ f)
    every = np.arange(NUM_ITEMS, dtype=np.int32)
    found = cut.weights.block(every, every)
    np.testing.assert_allclose(
        found, degree[:, None] ** -cut.source * wanted * degree**-cut.target, atol=1e-5
    )
