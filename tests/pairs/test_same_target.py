from typing import ClassVar

import numpy as np

from shelfspace.pairs.same_target import SameTarget
from tests.contracts.pair_source_contract import PairSourceContract, drawn_pairs, sources
from tests.pairs.test_next_item import TestNextItem


class TestSameTarget(PairSourceContract):
    kind = "history"
    varied: ClassVar = ({}, {"half_life": 4.0, "user_power": 0.5})
    bad: ClassVar = {"half_life": 0.0, "user_power": -1.0}

    def make(self, **settings):
        return SameTarget(**settings)

    def law(self, given, settings):
        return TestNextItem().law(given, {"power": 1.0, "max_gap": np.inf, **settings})


def test_partners_lead_to_the_same_item_all_alike_often_and_are_another_where_there_is_one():
    source = SameTarget().learn(sources())
    pairs = source.draw(np.random.default_rng(0), 20_000)
    events = {}
    for user, item, stop in TestNextItem().law(
        sources(), {"power": 1.0, "max_gap": np.inf, "half_life": np.inf, "user_power": 1.0}
    ):
        events.setdefault(item, []).append((user, stop))
    found = {}
    own = list(zip(pairs.anchor.tolist(), pairs.stop.tolist(), strict=True))
    other = zip(pairs.partner.tolist(), pairs.partner_stop.tolist(), strict=True)
    for one, partner, item in zip(own, other, pairs.positive.tolist(), strict=True):
        assert partner in events[item]
        assert (partner == one) == (len(events[item]) == 1)
        found.setdefault((item, one), []).append(partner)
    several = {key: partners for key, partners in found.items() if len(partners) > 300}
    assert several
    for (item, _), partners in several.items():
        often = np.unique([p[1] for p in partners], return_counts=True)[1]
        assert len(often) == max(1, len(events[item]) - 1)
        np.testing.assert_allclose(often / len(partners), 1 / len(often), atol=0.12)


def test_it_can_be_drawn_again():
    source = SameTarget().learn(sources())
    one, other = (source.draw(np.random.default_rng(0), 9) for _ in range(2))
    assert drawn_pairs(one) == drawn_pairs(other)
    np.testing.assert_array_equal(one.partner_stop, other.partner_stop)
