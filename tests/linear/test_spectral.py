import numpy as np

from shelfspace.linear.spectral import Spectral
from tests.contracts.retriever_contract import NUM_ITEMS, NUM_USERS, RetrieverContract, catalogue, history

EVERY = np.arange(NUM_ITEMS, dtype=np.int32)


class TestSpectral(RetrieverContract):
    def make(self, **settings):
        return Spectral(**{"sharpening": 1.5, **settings})


def normalised(past, *, user, item, half_life):
    x = np.zeros((NUM_USERS, NUM_ITEMS))
    for u, i, age in zip(past.user(), past.item, past.age(), strict=True):
        x[u, i] = max(x[u, i], 2 ** (-age / half_life))
    degree = np.maximum((x > 0).sum(axis=0), 1)
    return np.maximum(past.lengths(), 1)[:, None] ** -user * x * degree**-item, degree


def test_the_formula():
    past = history()
    a, degree = normalised(past, user=0.25, item=0.4, half_life=20.0)
    s, v = np.linalg.eigh(a.T @ a)
    s, v = s[::-1], v[:, ::-1]
    p = a.T @ a / s[0]
    near = p * (1 - np.eye(NUM_ITEMS))
    near = near**1.7 * near.sum() / (near**1.7).sum()
    q = sum(np.linalg.matrix_power(-1.2 * p, k) / [1, 1, 2, 6, 24][k] for k in range(5))
    wanted = degree[:, None] ** -0.3 * ((v[:, :5] @ v[:, :5].T + 0.7 * near) @ q) * degree**0.2
    settings = {"rank": 5, "near": 0.7, "sharpness": 1.7, "sharpening": 1.2, "user": 0.25, "item": 0.4}
    model = Spectral(**settings, source=0.3, target=-0.2, fit_half_life=20.0).fit(past, catalogue())
    assert model.score(past).any()
    np.testing.assert_allclose(model.weights.block(EVERY, EVERY), wanted, atol=2e-5)


def test_it_is_gf_cf_without_exponents_and_sharpening():
    past = history("none")
    a, _ = normalised(past, user=0.5, item=0.5, half_life=np.inf)
    s, v = np.linalg.eigh(a.T @ a)
    p = a.T @ a / s[-1]
    wanted = v[:, -3:] @ v[:, -3:].T + p
    plain = {"sharpness": 1.0, "sharpening": 0.0, "source": 0.0, "target": 0.0}
    model = Spectral(rank=3, user=0.5, item=0.5, **plain).fit(past, catalogue())
    model.score(past)
    taken, others = EVERY[:-1], ~np.eye(NUM_ITEMS - 1, dtype=bool)
    found = model.weights.block(taken, taken)
    np.testing.assert_allclose(found[others], wanted[:-1, :-1][others], atol=2e-5)


def test_a_block_of_many_rows_is_that_of_each(monkeypatch):
    model = Spectral(sharpening=2.0).fit(history(), catalogue())
    model.score(history())
    whole = model.weights.block(EVERY, EVERY[3:9])
    monkeypatch.setattr("shelfspace.linear.spectral.BLOCK_ROWS", 4)
    np.testing.assert_allclose(model.weights.block(EVERY, EVERY[3:9]), whole, rtol=1e-5, atol=1e-7)


def test_sharpness_keeps_the_scale_of_the_neighbours():
    one, two = (
        Spectral(sharpness=s).fit(history(), catalogue()).factors.neighbours.matrix for s in (1.0, 2.0)
    )
    np.testing.assert_allclose(two.data.sum(), one.data.sum(), rtol=1e-5)
    assert two.data.max() > one.data.max()
