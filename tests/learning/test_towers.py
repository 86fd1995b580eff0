import numpy as np
import pytest
from safetensors.torch import load

from shelfspace.learning import towers as learning
from tests.learning.tastes import history, made, same, trained, weights_of


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
    learnt, _ = trained()
    saved = load(learnt.files()["model.safetensors"])
    assert same(saved, weights_of(learnt.export.__self__.model))


def test_a_side_reads_its_own_fields():
    towers = made()
    assert set(towers.readers["item"]) == {"ids", "title", "category", "brand", "price"}
    assert set(towers.readers["user"]) == set(towers.profiles) == {"town", "ids"}
    assert made(profile={}).model.user.profile is None
    assert made(user={"length": 0}).model.user.history is None
