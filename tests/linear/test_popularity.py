import numpy as np
import pytest

from shelfspace.linear.popularity import Popularity
from tests.contracts.retriever_contract import NUM_ITEMS, RetrieverContract, catalogue, history


class TestPopularity(RetrieverContract):
    def make(self, **settings):
        return Popularity(**settings)


@pytest.mark.parametrize("once", [True, False])
def test_the_formula(once):
    past = history()
    recent, longer, taken = np.zeros(NUM_ITEMS), np.zeros(NUM_ITEMS), {}
    for user, item, age in zip(past.user(), past.item, past.age(), strict=True):
        taken.setdefault((user, item), []).append(age)
    for (_, item), ages in taken.items():
        for age in [min(ages)] if once else ages:
            recent[item] += 2 ** (-age / 10)
            longer[item] += 2 ** (-age / 50)
    recent, longer = (np.log1p(x / (0.2 * x.mean())) for x in (recent, longer))
    model = Popularity(half_life=10.0, long_half_life=50.0, trend=0.7, once=once).fit(past, catalogue())
    np.testing.assert_allclose(model.score(past)[3], 1.7 * recent - 0.7 * longer, rtol=1e-5)


def test_all_time_popularity_ranks_by_the_number_of_users():
    past = history()
    scores = Popularity(half_life=np.inf, trend=0.0).fit(past, catalogue()).score(past)[0]
    buyers = past.matrix().toarray().sum(axis=0)
    assert (np.diff(scores[np.argsort(buyers, kind="stable")]) >= 0).all()
