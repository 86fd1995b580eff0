from typing import ClassVar

import numpy as np

from shelfspace.pairs.category import Category
from tests.contracts.pair_source_contract import LATE, NOW, PairSourceContract, of_groups, sources


class TestCategory(PairSourceContract):
    needs_events = False
    varied: ClassVar = (
        {},
        {"power": 1.0, "depth": 1},
        {"power": 0.0, "depth": 2},
        {"depth": 1, "max_share": 0.3},
    )
    bad: ClassVar = {"power": -1.0, "max_share": 0.0, "depth": -1}

    def make(self, **settings):
        return Category(**settings)

    def law(self, given, settings):
        members, known = {}, range(LATE if given.history.now == NOW else LATE + 1)
        for item, path in enumerate(given.catalogue.table["category"].to_pylist()):
            if item in known and path and len(path) >= settings["depth"]:
                members.setdefault(tuple(path[: settings["depth"] or None]), {})[item] = 1.0
        few = {g: m for g, m in members.items() if len(m) <= settings["max_share"] * len(known)}
        return of_groups(few, settings["power"])


def test_the_same_word_below_another_is_another_category():
    source = Category(depth=2).learn(sources())
    marked = source.positives().mark(np.array([0], np.int32), np.array([1, 6, 7], np.int32))
    assert marked.tolist() == [[True, False, False]]


def test_a_category_that_holds_nearly_all_says_nothing():
    assert len(Category(depth=1, max_share=1.0).learn(sources())) == 8
    assert len(Category(depth=1, max_share=0.4).learn(sources())) == 3


def test_a_plain_value_is_a_path_of_one_step():
    assert len(Category(column="brand", depth=1).learn(sources())) == 7
    assert len(Category(column="brand", depth=2).learn(sources())) == 0


def test_a_shop_without_categories_has_no_such_pairs():
    assert len(Category(column="aisle").learn(sources())) == 0
