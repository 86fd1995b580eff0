import numpy as np

from shelfspace.linear.repeat import Repeat
from shelfspace.shop.history import History
from tests.contracts.retriever_contract import NUM_ITEMS, NUM_USERS, RetrieverContract, catalogue, history


class TestRepeat(RetrieverContract):
    def make(self, **settings):
        return Repeat(**settings)


def test_the_formula():
    past = history()
    model = Repeat(half_life=30.0, saturation=0.6, loyalty=0.4, period=0.3).fit(past, catalogue())
    times = {}
    for user, item, time in zip(past.user(), past.item, past.time, strict=True):
        times.setdefault((int(user), int(item)), []).append(time)
    buyers, back, span, gaps = (np.zeros(NUM_ITEMS) for _ in range(4))
    for (_, item), at in times.items():
        buyers[item] += 1
        back[item] += len(set(at)) > 1
        span[item] += max(at) - min(at)
        gaps[item] += len(set(at)) - 1
    rate = (back + 5 * back.sum() / buyers.sum()) / (buyers + 5)
    interval = (span + 2 * span.sum() / gaps.sum()) / (gaps + 2)
    wanted = np.zeros((NUM_USERS, NUM_ITEMS))
    for (user, item), at in times.items():
        usual = (max(at) - min(at) + 2 * interval[item]) / (len(set(at)) + 1)
        x = (past.now - max(at)) / usual
        due = max(min(x, 1 / x), 0.01)
        frequency = sum(2 ** (-(past.now - t) / 30) for t in at)
        wanted[user, item] = frequency**0.6 * rate[item] ** 0.4 * due**0.3
    np.testing.assert_allclose(model.score(past), wanted, rtol=1e-4)


def test_the_plain_counter():
    past = History.of([0, 0, 0], [1, 1, 2], [1.0, 2.0, 3.0], num_users=1, num_items=3, now=4.0)
    plain = Repeat(half_life=np.inf, saturation=1.0, loyalty=0.0, period=0.0).fit(past, catalogue())
    np.testing.assert_array_equal(plain.score(past), [[0, 2, 1]])
