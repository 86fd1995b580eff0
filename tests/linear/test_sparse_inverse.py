import numpy as np
import pytest

from shelfspace.errors import ConfigError
from shelfspace.linear import neighbourhoods
from shelfspace.linear.ease import EASE
from shelfspace.linear.sparse_inverse import SparseInverse
from tests.contracts.retriever_contract import (
    NUM_ITEMS,
    NUM_USERS,
    RetrieverContract,
    catalogue,
    events,
    history,
)

EVERY = np.arange(NUM_ITEMS, dtype=np.int32)


class TestSparseInverse(RetrieverContract):
    def make(self, **settings):
        return SparseInverse(**{"neighbours": 5, **settings})


def normalised(past, *, user, source, half_life):
    x = np.zeros((NUM_USERS, NUM_ITEMS))
    for u, i, age in zip(past.user(), past.item, past.age(), strict=True):
        x[u, i] = max(x[u, i], 2 ** (-age / half_life))
    degree = np.maximum((x > 0).sum(axis=0), 1)
    return np.maximum(past.lengths(), 1)[:, None] ** -user * x * degree**-source, degree


def nearest(gram, item, most):
    """The others with the greatest cosines, those that tie with the first left out not among them."""
    length = np.sqrt(np.maximum(np.diag(gram), 1e-30))
    cosine = gram[item] / length / length[item]
    cosine[item] = 0
    border = np.sort(cosine)[-most - 1]
    return np.flatnonzero(cosine > border * (1 + 1e-6))


@pytest.mark.parametrize("block", [80, 1 << 23])
def test_the_formula(block, monkeypatch):
    monkeypatch.setattr(neighbourhoods, "BLOCK_VALUES", block)
    past = history()
    a, degree = normalised(past, user=0.3, source=0.2, half_life=20.0)
    gram, wanted = a.T @ a, np.zeros((NUM_ITEMS, NUM_ITEMS))
    for j in range(NUM_ITEMS - 1):
        s = nearest(gram, j, 4)
        within = gram[np.ix_(s, s)]
        ridge = within + 0.5 * np.eye(len(s)) + 0.25 / 0.75 * np.diag(np.diag(within))
        wanted[s, j] = np.linalg.solve(ridge, gram[s, j])
    wanted = degree[:, None] ** -0.2 * wanted * degree**0.2
    settings = {"regularisation": 0.5, "dropout": 0.25, "user": 0.3, "source": 0.2, "fit_half_life": 20.0}
    model = SparseInverse(**settings, neighbours=4).fit(past, catalogue())
    np.testing.assert_allclose(model.weights.block(EVERY, EVERY), wanted, atol=1e-5)


def test_with_every_neighbour_it_is_ease():
    same = {"regularisation": 3.0, "user": 0.2, "source": 0.1, "target": 0.1, "fit_half_life": 30.0}
    past = history(
        **events(num_users=900), num_users=900
    )  # every two items that were taken have a user in common
    ease = EASE(**same, dropout=0.3).fit(past, catalogue())
    inverse = SparseInverse(**same, dropout=0.3, neighbours=NUM_ITEMS).fit(past, catalogue())
    np.testing.assert_allclose(inverse.score(past), ease.score(past), rtol=1e-3, atol=1e-5)


def test_a_dropout_of_one_is_refused():
    for model in (EASE(dropout=1.0), SparseInverse(dropout=-0.1)):
        with pytest.raises(ConfigError, match="dropout"):
            model.fit(history(), catalogue())
