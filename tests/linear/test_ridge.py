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
