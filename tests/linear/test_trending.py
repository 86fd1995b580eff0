import numpy as np

from shelfspace.linear.knn import ItemKNN
from tests.contracts.retriever_contract import NUM_ITEMS, catalogue, history


def test_what_rises_gains():
    past = history()
    share = {}
    for half_life in (6.0, 50.0):
        count = np.zeros(NUM_ITEMS)
        np.add.at(count, past.item, 2 ** (-past.age() / half_life))
        share[half_life] = count / count.mean() + 0.2
    plain = ItemKNN(trend=0.0).fit(past, catalogue()).score(past)
    given = (
        ItemKNN(trend=0.8, trend_half_life=6.0, trend_long_half_life=50.0).fit(past, catalogue()).score(past)
    )
    np.testing.assert_allclose(given, plain * (share[6.0] / share[50.0]) ** 0.8, rtol=1e-4)


def test_without_a_calendar_there_is_no_trend():
    past = history("steps")
    np.testing.assert_array_equal(
        ItemKNN(trend=1.0).fit(past, catalogue()).score(past),
        ItemKNN(trend=0.0).fit(past, catalogue()).score(past),
    )
