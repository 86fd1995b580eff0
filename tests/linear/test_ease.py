import numpy as np
import pytest

from shelfspace.linear.ease import EASE
from tests.contracts.retriever_contract import NUM_ITEMS, NUM_USERS, RetrieverContract, catalogue, history


class TestEASE(RetrieverContract):
    def make(self, **settings):
        return EASE(regularisation=5.0, **settings) if "regularisation" not in settings else EASE(**settings)


@pytest.mark.parametrize(("user", "source", "target"), [(0.0, 0.0, 0.0), (0.3, 0.2, 0.1)])
def test_the_formula(user, source, target):
    past = history()
    x = np.zeros((NUM_USERS, NUM_ITEMS))
    for u, item, age in zip(past.user(), past.item, past.age(), strict=True):
        x[u, item] = max(x[u, item], 2 ** (-age / 20))
    lengths, degree = np.maximum(past.lengths(), 1), np.maximum((x > 0).sum(axis=0), 1)
    a = lengths[:, None] ** -user * x * degree**-source
    inverse = np.linalg.inv(a.T @ a + 3.0 * np.eye(NUM_ITEMS))
    b = -inverse / np.diag(inverse)
    np.fill_diagonal(b, 0)
    wanted = degree[:, None] ** -source * b * degree ** (source - target)
    model = EASE(regularisation=3.0, fit_half_life=20.0, user=user, source=source, target=target)
    rows = columns = np.arange(NUM_ITEMS, dtype=np.int32)
    np.testing.assert_allclose(model.fit(past, catalogue()).weights.block(rows, columns), wanted, atol=2e-5)


def test_large_catalogues_are_cut_to_the_most_taken():
    past = history()
    degree = past.matrix().toarray().sum(axis=0)
    model = EASE(max_items=5).fit(past, catalogue())
    assert len(model.weights.items) <= 5
    assert degree[model.weights.items].min() > np.delete(degree, model.weights.items).max()
    scores = model.score(past)
    assert not np.delete(scores, model.weights.items, axis=1).any()
    assert scores.any()


def test_the_inverse_is_whole_across_blocks():
    from scipy import sparse

    from shelfspace.linear.ease import inverse_gram

    a = sparse.random_array((400, 1500), density=0.02, rng=np.random.default_rng(0), dtype=np.float32).tocsr()
    wanted = np.linalg.inv((a.T @ a).toarray().astype(np.float64) + np.eye(1500))
    np.testing.assert_allclose(inverse_gram(a, 1.0), wanted, atol=1e-4)
