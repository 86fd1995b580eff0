import numpy as np
from scipy.optimize import nnls

from shelfspace.linear.slim import SLIM
from tests.contracts.retriever_contract import NUM_ITEMS, RetrieverContract, catalogue, history
from tests.linear.test_sparse_inverse import EVERY, nearest, normalised


class TestSLIM(RetrieverContract):
    def make(self, **settings):
        return SLIM(**{"neighbours": 5, **settings})


def test_the_formula():
    """Non-negative least squares of [A; √λ I] with the target [a_j; −sparsity / √λ] is the elastic net."""
    past = history()
    a, degree = normalised(past, user=0.3, source=0.2, half_life=20.0)
    gram, wanted = a.T @ a, np.zeros((NUM_ITEMS, NUM_ITEMS))
    for j in range(NUM_ITEMS - 1):
        s = nearest(gram, j, 6)
        root = np.sqrt(0.3)
        rows = np.vstack([a[:, s], root * np.eye(len(s))])
        wanted[s, j] = nnls(rows, np.append(a[:, j], np.full(len(s), -0.05 / root)))[0]
    wanted = degree[:, None] ** -0.2 * wanted * degree**0.2
    settings = {"regularisation": 0.3, "sparsity": 0.05, "user": 0.3, "source": 0.2, "fit_half_life": 20.0}
    weights = SLIM(**settings, neighbours=6, passes=200).fit(past, catalogue()).weights
    found = weights.block(EVERY, EVERY)
    assert (found > 0).sum() > 20
    np.testing.assert_allclose(found, wanted, atol=3e-3 * wanted.max())


def test_sparsity_leaves_fewer_weights_and_none_below_zero():
    few, many = (SLIM(sparsity=s).fit(history(), catalogue()).weights.matrix for s in (0.1, 0.0))
    assert 0 < few.nnz < many.nnz
    assert min(few.data.min(), many.data.min()) > 0
