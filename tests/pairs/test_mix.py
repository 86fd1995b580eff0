from dataclasses import replace

import numpy as np
import pytest

from shelfspace.errors import ConfigError, JobError
from shelfspace.pairs.matches import Matches
from shelfspace.pairs.mix import Mix
from shelfspace.pairs.names import PAIR_SOURCES
from shelfspace.pairs.two_views import TwoViews
from shelfspace.pairs.user_item import UserItem
from tests.contracts.pair_source_contract import NUM_ITEMS, sources


def learnt():
    empty = Matches().learn(replace(sources(), matches=None))
    return {"user_item": UserItem().learn(sources()), "views": TwoViews().learn(sources()), "none": empty}


def test_batches_are_of_one_source_in_proportion_to_the_weights():
    mix, rng = Mix(learnt(), {"user_item": 3.0, "none": 5.0}), np.random.default_rng(0)
    batches = [mix.draw(rng, 2) for _ in range(4000)]
    share = np.mean([name == "user_item" for name, _ in batches])
    assert abs(share - 0.75) < 0.03
    assert {(name, pairs.kind) for name, pairs in batches} == {("user_item", "user"), ("views", "view")}


def test_sources_without_pairs_are_named_and_left_out():
    mix = Mix(learnt())
    assert mix.empty == ("none",)
    assert list(mix.sources) == ["user_item", "views"]
    assert len(mix) == sum(len(source) for source in mix.sources.values())


def test_a_weight_of_zero_leaves_a_source_out_without_calling_it_empty():
    mix = Mix(learnt(), {"views": 0})
    assert list(mix.sources) == ["user_item"]
    assert mix.empty == ("none",)


def test_counts_are_what_is_drawn():
    mix, rng = Mix(learnt(), {"user_item": 3.0}), np.random.default_rng(1)
    drawn = np.zeros(NUM_ITEMS)
    for _ in range(3000):
        drawn += np.bincount(mix.draw(rng, 10)[1].positive, minlength=NUM_ITEMS)
    np.testing.assert_allclose(mix.counts().sum(), len(mix))
    np.testing.assert_allclose(drawn / 30_000, mix.counts() / len(mix), atol=0.01)


def test_the_same_generator_gives_the_same_batches():
    one, two = np.random.default_rng(7), np.random.default_rng(7)
    for _ in range(20):
        (name, pairs), (again, same) = Mix(learnt()).draw(one, 5), Mix(learnt()).draw(two, 5)
        assert name == again
        np.testing.assert_array_equal(pairs.positive, same.positive)


def test_nothing_to_draw_from_is_an_error_that_names_what_was_empty():
    mix = Mix({"none": learnt()["none"]})
    assert (len(mix), mix.counts().shape) == (0, (0,))
    with pytest.raises(JobError, match="none"):
        mix.draw(np.random.default_rng(0), 1)


@pytest.mark.parametrize("weights", [{"user_itm": 1.0}, {"views": -1.0}, {"views": float("nan")}])
def test_weights_that_cannot_be_meant(weights):
    with pytest.raises(ConfigError, match=next(iter(weights))):
        Mix(learnt(), weights)


def test_every_source_has_a_name_and_learns_from_the_same_shop():
    for name, part in PAIR_SOURCES.items():
        assert len(part().learn(sources())), name
