from collections import defaultdict
from typing import ClassVar

import numpy as np

from shelfspace.pairs.next_basket import NextBasket
from shelfspace.shop.history import History
from tests.contracts.pair_source_contract import NUM_ITEMS, PairSourceContract, learnt, sources
from tests.pairs.test_user_item import tempered


class TestNextBasket(PairSourceContract):
    kind = "user"
    varied: ClassVar = (
        {},
        {"power": 0.5, "half_life": 4.0, "user_power": 0.5},
        {"repeats": False},
    )
    bad: ClassVar = {"power": -1.0, "half_life": -3.0, "user_power": float("inf")}

    def make(self, **settings):
        return NextBasket(**settings)

    def law(self, given, settings):
        events = learnt(given.history, power=settings["power"], half_life=settings["half_life"])
        seen = defaultdict(list)
        for event in events:
            seen[event["user"]].append(event)
        following = []
        for event in events:
            before = [e for e in seen[event["user"]] if e["time"] < event["time"]]
            new = event["item"] not in {e["item"] for e in before}
            if before and (settings["repeats"] or new):
                following.append(event)
        law = defaultdict(float)
        for (user, item, at), part in tempered(following, settings["user_power"]).items():
            row = given.history.time[given.history.indptr[user] : at + 1]
            law[user, item, at - int((row == row[-1]).sum()) + 1] += part
        return dict(law)


def test_the_history_ends_before_the_moment():
    given = sources()
    pairs = NextBasket().learn(given).draw(np.random.default_rng(0), 2000)
    time = given.history.time
    last = time[pairs.stop - 1]
    first = time[pairs.stop]
    assert (pairs.stop > given.history.indptr[pairs.anchor]).all()
    assert (last < first).all()


def test_a_basket_is_not_foretold_from_itself():
    history = History.of(
        [0] * 5, [1, 2, 3, 4, 1], [0.0, 0.0, 5.0, 5.0, 5.0], num_users=1, num_items=NUM_ITEMS
    )
    given = sources()
    source = NextBasket().learn(type(given)(history, given.catalogue))
    assert source.event.tolist() == [2, 3, 4]
    assert source.stop.tolist() == [2, 2, 2]
    assert NextBasket(repeats=False).learn(type(given)(history, given.catalogue)).event.tolist() == [2, 3]
