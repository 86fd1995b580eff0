import numpy as np
import pyarrow as pa
import pytest
from safetensors.torch import load

from shelfspace.encode import towers as encoding
from shelfspace.encode.towers import Towers
from shelfspace.inputs.fields import Records
from shelfspace.learning.towers import made_of
from tests.learning.tastes import (
    NUM_ITEMS,
    NUM_USERS,
    history,
    learner,
    listings,
    records,
    taste_of,
    trained,
)

NEW = np.arange(1000, 1012)


def new_listings():
    return Records(listings(NEW, known=False), np.zeros(len(NEW), np.int64))


def test_known_listings_are_encoded_as_training_left_them():
    learnt, towers = trained()
    np.testing.assert_allclose(towers.items(records()["item"]), learnt.vectors, rtol=0, atol=1e-5)


def test_a_listing_never_seen_is_encoded_as_the_torch_tower_would():
    """The torch tower is the one trained, its weights read back, with the new listings held."""
    learnt, towers = trained()
    plan = learner().plan
    twin = made_of(plan, records(), np.ones(NUM_ITEMS, bool))
    twin.model.load_state_dict(load(learnt.files()["model.safetensors"]))
    twin.model.item.hold({name: r.read(new_listings()) for name, r in twin.readers["item"].items()})
    found = towers.items(new_listings())
    np.testing.assert_allclose(found, twin.model.eval().all_items().numpy(), rtol=0, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)


def test_a_listing_never_seen_lies_among_those_of_its_taste():
    learnt, towers = trained()
    cosine = towers.items(new_listings()) @ learnt.vectors[:56].T
    nearest = taste_of(np.argmax(cosine, axis=1))
    assert (nearest == taste_of(NEW)).mean() > 0.7  # chance is 1 / 6


def test_a_listing_of_which_nothing_was_learnt_is_0():
    table = listings(NEW[:1], known=False)
    nulls = {name: pa.nulls(1, table.schema.field(name).type) for name in table.column_names}
    _, towers = trained()
    unheard = Records(pa.table({**nulls, "brand": ["of tomorrow"]}), np.zeros(1, np.int64))
    assert not towers.items(unheard).any()


@pytest.mark.parametrize("block", [1, 7, 150])
def test_vectors_do_not_depend_on_the_block(block, monkeypatch):
    learnt, towers = trained()
    items, users = towers.items(records()["item"]), towers.users(history(), learnt.vectors)
    monkeypatch.setattr(encoding, "BLOCK", block)
    np.testing.assert_allclose(towers.items(records()["item"]), items, rtol=0, atol=1e-6)
    np.testing.assert_allclose(towers.users(history(), learnt.vectors), users, rtol=0, atol=1e-6)
    assert users.shape == (NUM_USERS, 16)


def test_nothing_asked_gives_nothing():
    learnt, towers = trained()
    none = Records(listings(NEW[:0]), np.zeros(0, np.int64))
    assert towers.items(none).shape == (0, 16)
    assert towers.users(history().of_users([]), learnt.vectors).shape == (0, 16)


def test_files_bring_the_towers_back():
    learnt, towers = trained()
    files = towers.files()
    assert set(files) == {"item.onnx", "user.onnx", "readers.json"}
    again = Towers.of(files.__getitem__, learnt.profiles)
    assert (again.length, again.age, set(again.readers["user"])) == (8, "steps", {"town", "ids"})
    assert again.files() == files
    np.testing.assert_array_equal(again.items(new_listings()), towers.items(new_listings()))
    np.testing.assert_array_equal(
        again.users(history(), learnt.vectors), towers.users(history(), learnt.vectors)
    )
    assert "wear > 鞋 leather boot" in again.readers["item"]["category"].vocabulary.to_pylist()
