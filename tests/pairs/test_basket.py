from typing import ClassVar

import numpy as np
import pytest

from shelfspace.pairs.basket import Basket
from tests.contracts.pair_source_contract import DUPLICATES, PairSourceContract, learnt, of_groups, sources


def greatest(events, key):
    members = {}
    for event in events:
        if event[key] >= 0:
            group = members.setdefault(event[key], {})
            group[event["item"]] = max(group.get(event["item"], 0.0), event["v"])
    return members


class TestBasket(PairSourceContract):
    all_marked: ClassVar = {"mask_lift": 0.0}
    varied: ClassVar = ({}, {"power": 0.3, "half_life": 6.0, "group_power": 0.5}, {"group_power": 0.0})
    bad: ClassVar = {"power": -1.0, "half_life": 0.0, "group_power": -0.1, "mask_lift": -1.0}

    def make(self, **settings):
        return Basket(**settings)

    def law(self, given, settings):
        events = learnt(given.history, power=settings["power"], half_life=settings["half_life"])
        return of_groups(greatest(events, "basket"), settings["group_power"])


@pytest.mark.parametrize("lift", [1.0, 2.0])
def test_what_is_together_no_more_than_by_chance_may_be_a_negative(lift):
    source = Basket(mask_lift=lift).learn(sources())
    shared = source.groups.members().toarray()
    together = shared.T @ shared
    np.fill_diagonal(together, 0)
    of_item = together.sum(axis=1)
    often = (together > 0) & (together * of_item.sum() >= lift * np.outer(of_item, of_item))
    same = DUPLICATES[:, None] == DUPLICATES
    items = np.arange(len(together), dtype=np.int32)
    marked = source.positives().mark(items, items)
    np.testing.assert_array_equal(marked, same @ often @ same | same)
    assert 0 < np.count_nonzero(often) < np.count_nonzero(together)


def test_weights_far_apart_never_pair_an_item_with_itself():
    weight = np.where(np.arange(62) % 2, 1e-12, 1e12)
    source = Basket().learn(sources(weight=weight))
    pairs = source.draw(np.random.default_rng(0), 50_000)
    assert (pairs.anchor != pairs.positive).all()
    assert np.isfinite(source.counts).all()


def test_without_baskets_there_are_no_pairs():
    assert len(Basket().learn(sources(basket=np.full(62, -1)))) == 0
