from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from shelfspace.encode.neighbours import LearntKNN
from shelfspace.folding.near import near_of
from shelfspace.linear.counts import decay
from shelfspace.linear.features import ItemFeatures
from shelfspace.shop.history import History
from tests.contracts.retriever_contract import NUM_ITEMS, RetrieverContract, history


class OverWords(LearntKNN):
    """Takes for learnt what the listings say, so that it can be fitted like any other."""

    def fit(self, history, catalogue):
        words = ItemFeatures().learn_words(catalogue, catalogue.known_at(history.now))
        vectors = words.features(catalogue).toarray()
        return near_of(self, vectors, np.bincount(history.item, minlength=len(catalogue)))


class TestLearntKNN(RetrieverContract):
    def make(self, **settings):
        return OverWords(**settings)


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize(("popular", "trend"), [(0.0, 0.0), (0.7, 0.0), (0.3, 0.9)])
def test_a_score_is_the_sum_over_the_past_in_float64(popular, trend):
    rng = np.random.default_rng(0)
    vectors, taken = rng.normal(size=(NUM_ITEMS, 6)), rng.integers(0, 9, NUM_ITEMS)
    rising = np.random.default_rng(1).normal(size=len(vectors))
    part = LearntKNN(sharpness=4.0, popular=popular, trend=trend, history_power=0.0)
    near = near_of(part, vectors, taken, rising)
    weights = (
        np.exp(4.0 * (unit(vectors) @ unit(vectors).T - 1))
        * (1.0 + taken) ** popular
        * np.exp(trend * rising)
    )
    np.fill_diagonal(weights, 0)
    past = history()
    profile = past.matrix(past.weight * decay(past.age(), 100.0)).toarray().astype(np.float64)
    np.testing.assert_allclose(near.score(past), profile @ weights, rtol=1e-4)


def test_settings_that_need_no_refit_take_effect_at_once():
    vectors, taken = np.random.default_rng(1).normal(size=(NUM_ITEMS, 4)), np.arange(NUM_ITEMS)
    near = near_of(LearntKNN(), vectors, taken, taken / NUM_ITEMS)
    before = near.score(history())
    for name, value in (("sharpness", 3.0), ("popular", 0.5), ("trend", 0.4), ("history_half_life", 2.0)):
        setattr(near, name, value)
        after = near.score(history())
        assert np.abs(after - before).max() > 1e-3, name
        before = after
    np.testing.assert_array_equal(near.score(history()), before)


def test_only_the_nearest_are_kept():
    vectors = np.array([[1.0, 0.0], [0.9, 0.1], [0.7, 0.7], [0.0, 1.0]])
    near = near_of(LearntKNN(neighbours=1), vectors, np.ones(4, int))
    assert near.cosines.indices.tolist() == [1, 0, 1, 2]


def test_an_item_of_which_nothing_is_known_is_nobodys_neighbour():
    vectors = np.array([[1.0, 0.0], [0.0, 0.0], [0.6, 0.8]])
    near = near_of(LearntKNN(), vectors, np.ones(3, int))
    past = History.of([0, 1], [0, 1], [0.0, 0.0], num_users=2, num_items=3, clock="none")
    scores = near.score(past)
    assert scores[0].tolist()[:2] == [0.0, 0.0]
    assert scores[0, 2] > 0
    assert not scores[1].any()


def test_in_a_large_catalogue_the_most_taken_have_neighbours_and_all_are_found():
    vectors = np.array([[1.0, 0.0], [0.9, 0.1], [0.7, 0.7], [0.0, 1.0]])
    near = near_of(LearntKNN(max_items=2), vectors, np.array([1, 5, 0, 3]))
    assert np.diff(near.cosines.indptr).tolist() == [0, 3, 0, 3]
    assert near.cosines.indices.tolist() == [0, 2, 3, 2, 1, 0]


def test_neighbours_are_bounded_in_all():
    assert LearntKNN().kept(4_000) == 500
    assert LearntKNN(max_items=10**9).kept(1_000_000) == 5
    assert LearntKNN().kept(1_000_000) == 250
    assert LearntKNN().kept(3) == 2
    assert LearntKNN().kept(1) == 1


def test_a_shop_of_one_item_has_no_neighbours():
    near = near_of(LearntKNN(), np.ones((1, 4)), np.ones(1, int))
    past = History.of([0], [0], [0.0], num_users=1, num_items=1, clock="none")
    assert near.score(past).tolist() == [[0.0]]


def test_several_threads_may_ask_at_once():
    """As measuring does: none may see that weights are composed before they are."""
    rng = np.random.default_rng(0)
    vectors, past = rng.normal(size=(600, 8)), History.of([0], [3], [0.0], num_users=1, num_items=600)
    near = near_of(LearntKNN(popular=0.5), vectors, np.ones(600))
    alone = near.score(past)
    for sharpness in range(2, 9):
        near.sharpness = float(sharpness)
        near.composed = None
        del near.weights
        with ThreadPoolExecutor(8) as pool:
            together = list(pool.map(near.score, [past] * 8))
        assert all(np.array_equal(one, together[0]) for one in together)
        assert not np.array_equal(alone, together[0])
