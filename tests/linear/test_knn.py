import numpy as np
import pytest

from shelfspace.linear import neighbours
from shelfspace.linear.knn import ItemKNN
from shelfspace.linear.neighbours import strongest
from tests.contracts.retriever_contract import NUM_ITEMS, NUM_USERS, RetrieverContract, catalogue, history


class TestItemKNN(RetrieverContract):
    def make(self, **settings):
        return ItemKNN(**settings)


def naive(past, *, source, user, target, gap_half_life, fit_half_life, max_gap, back, same, max_length):
    weights = np.zeros((NUM_ITEMS, NUM_ITEMS))
    degree, age = past.matrix().toarray().sum(axis=0), past.age()
    for u in range(NUM_USERS):
        events = range(past.indptr[u], past.indptr[u + 1])[-max_length:]
        for e in events:
            for f in events:
                gap = past.time[f] - past.time[e]
                if past.item[e] == past.item[f] or abs(gap) > max_gap:
                    continue
                sign = 1 if gap > 0 else back if gap < 0 else same
                faded = 2 ** (-abs(gap) / gap_half_life) * 2 ** (-age[f] / fit_half_life)
                weights[past.item[e], past.item[f]] += sign * faded * len(events) ** -user
    degree = np.maximum(degree, 1)
    return degree[:, None] ** -source * weights * degree**-target


@pytest.mark.parametrize("block", [50, 1 << 22])
@pytest.mark.parametrize("clock", ["calendar", "steps"])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"back": 0.0},
        {"back": 0.0, "same": 0.0},
        {"max_gap": 3.0},
        {"max_length": 4},
        {"gap_half_life": np.inf},
    ],
)
def test_the_kernel(changes, clock, block, monkeypatch):
    monkeypatch.setattr(neighbours, "BLOCK_PAIRS", block)
    given = {"source": 0.6, "user": 0.5, "target": 0.2, "gap_half_life": 4.0, "fit_half_life": 9.0}
    given |= {"max_gap": np.inf, "back": 0.4, "same": 0.7, "max_length": 9} | changes
    past = history(clock)
    model = ItemKNN(**given, history_half_life=5.0, history_power=0.0, trend=0.0).fit(past, catalogue())
    profile = np.zeros((NUM_USERS, NUM_ITEMS))
    np.add.at(profile, (past.user(), past.item), 2 ** (-past.age() / 5.0))
    np.testing.assert_allclose(model.score(past), profile @ naive(past, **given), rtol=1e-4, atol=1e-7)


def test_without_direction_it_is_one_sparse_product():
    plain = {"gap_half_life": np.inf, "back": 1.0, "same": 1.0, "max_length": 0}
    past = history()
    product = ItemKNN(**plain).fit(past, catalogue())
    enumerated = ItemKNN(**{**plain, "max_gap": 1e6}).fit(past, catalogue())
    np.testing.assert_allclose(product.score(past), enumerated.score(past), rtol=1e-5, atol=1e-7)


def test_only_the_strongest_are_kept_and_ties_with_them():
    weights = ItemKNN(neighbours=3).fit(history(), catalogue()).weights.matrix
    full = ItemKNN(neighbours=0).fit(history(), catalogue()).weights.matrix
    thin = strongest(full, 3)
    np.testing.assert_array_equal(weights.toarray(), thin.toarray())
    for row in range(NUM_ITEMS):
        values = np.sort(full[[row]].toarray()[0])[::-1]
        assert set(thin[[row]].data) == set(values[values >= max(values[2], 1e-30)])
