import numpy as np
from scipy import sparse

from shelfspace.linear.lowrank import LowRank
from shelfspace.linear.svd import leading
from tests.contracts.retriever_contract import NUM_ITEMS, NUM_USERS, RetrieverContract, catalogue, history


class TestLowRank(RetrieverContract):
    def make(self, **settings):
        return LowRank(**settings)


def test_the_formula():
    past = history()
    x = np.zeros((NUM_USERS, NUM_ITEMS))
    for u, item, age in zip(past.user(), past.item, past.age(), strict=True):
        x[u, item] = max(x[u, item], 2 ** (-age / 20))
    degree = np.maximum((x > 0).sum(axis=0), 1)
    a = np.maximum(past.lengths(), 1)[:, None] ** -0.25 * x * degree**-0.4
    s, v = np.linalg.eigh(a.T @ a)
    s, v = s[::-1][:5], v[:, ::-1][:, :5]
    gram = a.T @ a
    np.fill_diagonal(gram, 0)
    smooth = (v * (s / (s + 0.1 * s[0]))) @ v.T + 0.7 * gram / s[0]
    wanted = degree[:, None] ** -0.3 * smooth * degree**-0.2
    model = LowRank(rank=5, regularisation=0.1, tail=0.7, source=0.3, target=0.2, fit_half_life=20.0).fit(
        past, catalogue()
    )
    assert model.score(past).any()
    every = np.arange(NUM_ITEMS, dtype=np.int32)
    np.testing.assert_allclose(model.weights.block(every, every), wanted, atol=2e-5)


def test_the_random_start_finds_the_leading_values():
    rng = np.random.default_rng(0)
    smooth = rng.normal(size=(300, 10)) @ rng.normal(size=(10, 200)) + 0.05 * rng.normal(size=(300, 200))
    values, vectors = leading(sparse.csr_array(smooth.astype(np.float32)), 10)
    _, wanted, right = np.linalg.svd(smooth)
    np.testing.assert_allclose(values, wanted[:10], rtol=1e-4)
    np.testing.assert_allclose(np.abs(np.sum(vectors * right[:10].T, axis=0)), 1, atol=1e-4)
