import numpy as np
import pytest
from safetensors.torch import load

from shelfspace.learning import towers as learning
from shelfspace.learning.towers import made_of
from shelfspace.shop.history import History
from tests.learning.tastes import NUM_ITEMS, history, made, plan, records, same, weights_of


@pytest.mark.parametrize("block", [1, 64])
def test_users_are_the_same_in_blocks_of_any_size(block, monkeypatch):
    towers = made()
    whole = towers.users(towers.model, towers.model.all_items(), history())
    monkeypatch.setattr(learning, "BLOCK", block)
    np.testing.assert_allclose(
        towers.users(towers.model, towers.model.all_items(), history()), whole, rtol=0, atol=1e-6
    )
    assert towers.users(towers.model, towers.model.all_items(), history().of_users([])).shape == (0, 16)


def test_users_are_encoded_in_evaluation_whatever_the_mode():
    towers = made()
    whole = towers.users(towers.model, towers.model.all_items(), history())
    towers.model.train()
    np.testing.assert_array_equal(towers.users(towers.model, towers.model.all_items(), history()), whole)


def test_the_weights_that_are_saved_are_those_of_the_model():
    towers = made()
    assert same(load(towers.exported()[1]), weights_of(towers.model))


def test_a_side_reads_its_own_fields():
    towers = made()
    assert set(towers.readers["item"]) == {"ids", "title", "category", "brand", "price"}
    assert set(towers.readers["user"]) == set(towers.profiles) == {"town", "ids"}
    assert made(profile={}).model.user.profile is None
    assert made(user={"length": 0}).model.user.history is None


def test_the_graph_is_of_the_past_alone():
    """Nothing after now, nothing that counts for nothing; what is taken twice is one edge."""
    past = History.of(
        [0, 0, 0, 1, 1, 2],
        [4, 4, 6, 4, 9, 9],
        [1.0, 2.0, 3.0, 5.0, 5.5, 1.0],
        weight=[1, 2, 0, 1, 1, 3],
        num_users=4,
        num_items=NUM_ITEMS,
        now=5.0,
    )
    edges = made_of(plan(graph={}), records(), np.ones(NUM_ITEMS, bool), past).model.graph.edges
    assert edges.user_ends.tolist() == [0, 1, 2, 3, 3]
    assert edges.item.tolist() == [4, 4, 9]


def test_without_the_section_there_is_no_graph():
    assert made().model.graph is None
    assert made(graph={"layers": 1}).model.graph.layers == 1
