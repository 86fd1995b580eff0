"""Words of a closed-form space: exact parts of a product."""

from itertools import product

import numpy as np
import pyarrow as pa
import pytest

from shelfspace.explaining.parts import Part
from shelfspace.explaining.worded import Worded
from shelfspace.linear.vectors import ItemVectors
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import History
from shelfspace.shop.ids import Ids


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    pairs = list(product(["red", "blue", "green"], ["mug", "scarf", "lamp", "boot"]))
    table = pa.table(
        {
            "title": [f"{colour} {thing}" for colour, thing in pairs] + [None],
            "brand": ["Acme", "Old Mill", None] * 4 + ["Acme"],
            "category": pa.array([["home", thing] for _, thing in pairs] + [None], pa.list_(pa.string())),
        }
    )
    size = len(pairs) + 1
    return Catalogue(
        Ids(map(str, range(size)), "item"), table, np.zeros(size), np.arange(size, dtype=np.int32)
    )


def test_each_part_is_the_product_of_its_features_alone(catalogue):
    """By hand, in float64: the features of a part through the axes, scaled as the whole listing is."""
    nobody = History.of([], [], num_users=1, num_items=len(catalogue), clock="none")
    made = ItemVectors(embedding_dim=16, content_power=1.0).learn(nobody, catalogue)
    features = made.listed.words.features(catalogue).toarray().astype(np.float64)
    axes = made.listed.axes.astype(np.float64)
    answers = made.vectors[[3, 5]].astype(np.float64)
    worded = Worded.of(made.listed, catalogue)[0]
    whole = answers @ made.vectors[0].astype(np.float64)
    amounts = worded.amounts(made.vectors[[3, 5]], whole)
    length = np.linalg.norm(features[0] @ axes)
    expected = dict.fromkeys(worded.parts, 0.0)
    for index in np.flatnonzero(features[0]):
        name, token = made.listed.words.feature(int(index))
        amount = features[0, index] * (axes[index] @ answers[:, : axes.shape[1]].T) / length
        column = "title" if name in ("words", "pieces") else name
        owners = {"words": token.split(), "pieces": [w for w in ("red", "mug") if token in f"^{w}$"]}
        for word in (words := owners.get(name, [token])):
            expected[Part(column, word)] = expected[Part(column, word)] + amount / len(words)
    assert set(worded.parts) == {
        Part("title", "red"),
        Part("title", "mug"),
        Part("brand", "acme"),
        Part("category", "home"),
        Part("category", "mug"),
    }
    for part, amount in zip(worded.parts, amounts, strict=True):
        assert amount == pytest.approx(expected[part], abs=1e-6)
    assert amounts.sum(axis=0) == pytest.approx(whole, abs=1e-6)


def test_a_listing_that_says_nothing_has_no_parts(catalogue):
    nobody = History.of([], [], num_users=1, num_items=len(catalogue), clock="none")
    made = ItemVectors(embedding_dim=16).learn(nobody, catalogue)
    empty = Catalogue(
        Ids(["x"], "item"),
        pa.table({"title": pa.array([None], pa.string())}),
        np.zeros(1),
        np.zeros(1, np.int32),
    )
    [worded] = Worded.of(made.listed, empty)
    assert worded.parts == []
    assert worded.amounts(made.vectors[:2], np.zeros(2)).shape == (0, 2)


def test_behaviour_that_is_foretold_from_words_goes_through_the_ridge(catalogue):
    rng = np.random.default_rng(0)
    user, item = rng.integers(30, size=200), rng.integers(12, size=200)
    history = History.of(user, item, num_users=30, num_items=len(catalogue), clock="none")
    made = ItemVectors(embedding_dim=16).learn(history, catalogue)
    said = Catalogue(
        Ids(["x"], "item"), pa.table({"title": ["red lamp"]}), np.zeros(1), np.zeros(1, np.int32)
    )
    vector = made.listed.vectors(said)[0]
    block = slice(0, made.blocks["behaviour"])
    assert list(made.blocks) == ["behaviour", "content"]
    whole = made.vectors[:, block].astype(np.float64) @ vector[block]
    amounts = Worded.of(made.listed, said)[0].amounts(made.vectors[:, block], whole, made.listed.ridge)
    assert amounts.sum(axis=0) == pytest.approx(whole, abs=1e-5)
