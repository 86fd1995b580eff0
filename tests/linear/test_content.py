import numpy as np
import pyarrow as pa
import pytest

from shelfspace.linear.content import ContentKNN
from shelfspace.linear.features import ItemFeatures, words_of
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import History
from shelfspace.shop.ids import Ids
from tests.contracts.retriever_contract import NOW, NUM_ITEMS, RetrieverContract, catalogue, history

ALL = np.ones(5, bool)


def listings(**columns):
    size = len(next(iter(columns.values()))) if columns else 5
    ids = Ids([str(i) for i in range(size)], "item")
    table = pa.table(columns) if columns else pa.table({"price": [1.0] * size})
    return Catalogue(ids, table, np.full(size, -np.inf), np.arange(size, dtype=np.int32))


class TestContentKNN(RetrieverContract):
    def make(self, **settings):
        return ContentKNN(**settings)


def test_the_features_of_words_are_tf_idf():
    titles = ["red mug", "blue mug", "red red lamp", None, "Red-Lamp"]
    part = ItemFeatures(pieces=0.0, rarity=1.0)
    dense = part.learn_words(listings(title=titles), ALL).features(listings(title=titles)).toarray()
    texts = [
        ["red", "mug", "red mug"],
        ["blue", "mug", "blue mug"],
        ["red", "red", "lamp", "red red", "red lamp"],
        [],
    ]
    texts.append(["red", "lamp", "red lamp"])
    words = part.vocabulary["words"].to_pylist()
    wanted = np.zeros((5, len(words)))
    for column, word in enumerate(words):
        idf = np.log(6 / (1 + sum(word in text for text in texts))) + 1
        for row, text in enumerate(texts):
            count = text.count(word)
            wanted[row, column] = (1 + np.log(count)) * idf if count else 0
    length = np.linalg.norm(wanted, axis=1, keepdims=True)
    np.testing.assert_allclose(dense, wanted / np.where(length > 0, length, 1), atol=1e-6)
    assert part.num_documents == 5


def test_words():
    assert words_of("L'Oréal  T-SHIRT, 50ml") == ["loreal", "t", "shirt", "50ml"]
    assert words_of("红茶 Tea") == ["红", "茶", "tea"]
    assert words_of(None) == words_of("!?") == []


def test_chinese_titles_have_neighbours():
    shop = listings(title=["陶瓷茶杯 白色", "玻璃茶杯 蓝色", "男士运动鞋", "女士运动鞋 红色", "台灯"])
    features = ItemFeatures().learn_words(shop, ALL).features(shop)
    cosine = (features @ features.T).toarray()
    np.fill_diagonal(cosine, 0)
    assert cosine.argmax(axis=1)[:4].tolist() == [1, 0, 3, 2]


def test_pieces_bring_plurals_together():
    shop = listings(title=["wooden heart", "hanging hearts", "tin box", "glass jar", "paper cup"])
    with_pieces, without = ItemFeatures(), ItemFeatures(pieces=0.0)
    near = [part.learn_words(shop, ALL).features(shop) for part in (with_pieces, without)]
    assert (near[0][[0]] @ near[0][[1]].T).sum() > 0.05
    assert (near[1][[0]] @ near[1][[1]].T).sum() == 0


def test_whole_fields_and_missing_ones():
    shop = listings(
        brand=["Acme", "ACME", None, "Other", ""],
        category=[["Home", "Mugs"], ["Home", "Lamps"], ["Home", "Mugs"], None, []],
        attributes=[["dishwasher safe"], ["safe"], None, ["dishwasher safe"], [None]],
    )
    features = ItemFeatures().learn_words(shop, ALL).features(shop)
    cosine = (features @ features.T).toarray()
    np.testing.assert_allclose(np.diag(cosine), [1, 1, 1, 1, 0], atol=1e-6)
    assert cosine[0, 2] > cosine[0, 1] > 0
    assert cosine[0, 3] > cosine[1, 3] == 0


def test_words_and_rarity_come_from_known_items_only():
    model = ContentKNN().fit(history(), catalogue(late_title="mug of tomorrow"))
    known = ContentKNN().fit(history(), catalogue(late_title="other"))
    assert "tomorrow" not in model.vocabulary["words"].to_pylist()
    assert model.num_documents == int((catalogue().first_seen <= NOW).sum()) == NUM_ITEMS - 1
    for name in model.idf:
        np.testing.assert_array_equal(model.idf[name], known.idf[name])
    saved = model.arrays()
    assert saved["num_documents"].tolist() == [NUM_ITEMS - 1]
    restored = ContentKNN().restore(saved)
    assert restored.vocabulary["words"].equals(model.vocabulary["words"])
    late = catalogue(late_title="mug of tomorrow")
    np.testing.assert_array_equal(restored.features(late).toarray(), model.features(late).toarray())


def test_a_new_item_is_scored_by_its_words():
    scores = ContentKNN().fit(history(), catalogue(late_title="red blue")).score(history())
    assert scores[:, -1].max() > 0


@pytest.mark.parametrize(
    "columns", [{}, {"title": pa.nulls(5, pa.string())}, {"title": ["", " ", None, "!", "?"]}]
)
def test_a_shop_of_ids_alone_scores_nothing(columns):
    past = History.of([0, 0], [1, 2], num_users=1, num_items=5, clock="none")
    model = ContentKNN().fit(past, listings(**columns))
    assert not model.score(past).any()
    assert not ContentKNN().restore(model.arrays()).score(past).any()


def test_weights_are_powers_of_the_cosine():
    shop = listings(title=["red mug", "blue mug", "red lamp", "tea", "red tea"])
    past = History.of([0, 0, 1], [1, 2, 2], num_users=2, num_items=5, clock="none")
    model = ContentKNN(sharpness=3.0, popular=0.5).fit(past, shop)
    features = model.features(shop).toarray().astype(np.float64)
    wanted = np.maximum(features @ features.T, 0) ** 3 * np.sqrt(1 + np.array([0, 1, 2, 0, 0]))
    np.fill_diagonal(wanted, 0)
    every = np.arange(5, dtype=np.int32)
    np.testing.assert_allclose(model.weights.block(every, every), wanted, atol=1e-6)
