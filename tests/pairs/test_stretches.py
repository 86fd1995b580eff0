"""What `user_item`, `next_item` and `next_basket` share where `stretch` draws pairs of a user together."""

import numpy as np
import pytest

from shelfspace.config import settings_of
from shelfspace.errors import ConfigError, JobError
from shelfspace.pairs.drawing import Deck
from tests.contracts.pair_source_contract import drawn_pairs, sources
from tests.pairs.test_next_basket import TestNextBasket
from tests.pairs.test_next_item import TestNextItem
from tests.pairs.test_user_item import TestUserItem

KINDS = [TestUserItem(), TestNextItem(), TestNextBasket()]


@pytest.mark.parametrize("of", KINDS, ids=lambda of: type(of).__name__)
@pytest.mark.parametrize("settings", [{}, {"power": 0.5, "half_life": 4.0, "user_power": 0.5}], ids=str)
def test_by_their_weights_pairs_are_those_of_the_law(of, settings):
    source = of.make(stretch=3, **settings).learn(sources())
    law, rng = of.law(sources(), settings_of(of.make(**settings))), np.random.default_rng(0)
    found = dict.fromkeys(law, 0.0)
    for _ in range(40):
        pairs = source.draw(rng, 1000)
        for pair, weight in zip(drawn_pairs(pairs), pairs.weight.tolist(), strict=True):
            found[pair] += weight
    wanted = np.array(list(law.values())) / sum(law.values())
    shares = np.array(list(found.values())) / sum(found.values())
    np.testing.assert_allclose(shares, wanted, atol=0.006)
    np.testing.assert_array_equal(source.counts, of.make(**settings).learn(sources()).counts)


@pytest.mark.parametrize("of", KINDS, ids=lambda of: type(of).__name__)
def test_a_stretch_is_one_user_in_order_and_says_its_stops(of):
    pairs = of.make(stretch=4).learn(sources()).draw(np.random.default_rng(1), 500)
    assert len(pairs) == 500
    same = (pairs.run[1:] == pairs.run[:-1]).all(axis=1) & (np.diff(pairs.anchor) == 0)
    drawn_again = pairs.stop[1:] == pairs.run[1:, 0]
    assert ((np.diff(pairs.stop) >= 0) | drawn_again)[same].all()
    assert (pairs.run[:, 0] <= pairs.stop).all()
    assert (pairs.stop <= pairs.run[:, 1]).all()
    assert same.sum() > 100


def test_the_same_seed_deals_the_same_stretches_and_goes_on_where_it_was():
    one, other = (TestNextItem().make(stretch=5).learn(sources(), seed=3) for _ in range(2))
    rng = np.random.default_rng(0)
    first, second = drawn_pairs(one.draw(rng, 40)), drawn_pairs(one.draw(rng, 40))
    assert first == drawn_pairs(other.draw(rng, 40))
    assert first != second
    other.deck.dealt, behind = 0, other.deck.dealt
    assert first == drawn_pairs(other.draw(rng, 40))
    assert other.deck.dealt == behind
    assert second == drawn_pairs(other.draw(rng, 40))
    assert len(one.draw(rng, 0)) == 0


def test_no_stretch_comes_again_before_all_have_come():
    source = TestUserItem().make(stretch=1000).learn(sources(weight=np.ones(62)))
    source.deck = Deck(np.ones(len(source.length)), seed=0)
    rng, users = np.random.default_rng(0), []
    while len(users) < 3 * len(source.length):
        users.extend(np.unique(source.draw(rng, 1).anchor).tolist())
    rounds = np.array(users).reshape(3, -1)
    assert all(len(set(dealt.tolist())) == len(dealt) for dealt in rounds)


def test_nothing_to_draw_from_is_told():
    nothing = TestNextItem().make(stretch=5).learn(sources(weight=np.zeros(62)))
    with pytest.raises(JobError, match="no pairs"):
        nothing.draw(np.random.default_rng(0), 4)


@pytest.mark.parametrize("of", KINDS, ids=lambda of: type(of).__name__)
def test_a_stretch_of_nothing_is_refused(of):
    with pytest.raises(ConfigError, match="stretch"):
        of.make(stretch=0)
