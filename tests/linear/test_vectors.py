from dataclasses import replace

import numpy as np
import pytest

from shelfspace.errors import ConfigError
from shelfspace.linear.vectors import ItemVectors, Listed, VectorKNN
from shelfspace.shop.history import History
from tests.contracts.retriever_contract import NUM_ITEMS, RetrieverContract, catalogue, history

EVERY = np.arange(NUM_ITEMS, dtype=np.int32)


class TestVectorKNN(RetrieverContract):
    def make(self, **settings):
        return VectorKNN(**settings)


def bare():
    shop = catalogue()
    return replace(shop, table=shop.table.select([]))


def test_vectors_are_of_unit_length_in_blocks_side_by_side():
    space = ItemVectors(embedding_dim=33, share=0.7).learn(history(), catalogue())
    assert space.vectors.shape == (NUM_ITEMS, 33)
    assert space.vectors.dtype == np.float32
    assert space.blocks == {"behaviour": 17, "content": 16}
    np.testing.assert_allclose(np.linalg.norm(space.vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(space.vectors[:, :17], axis=1) ** 2, 0.7, atol=1e-5)


def test_a_shop_without_content_and_one_without_events():
    alone = ItemVectors(embedding_dim=8).learn(history(), bare())
    assert alone.blocks == {"behaviour": 8}
    lengths = np.linalg.norm(alone.vectors, axis=1)
    np.testing.assert_allclose(lengths[:-1], 1, atol=1e-5)
    assert lengths[-1] == 0
    silent = history(user=[], item=[], time=[])
    listed = ItemVectors(embedding_dim=8).learn(silent, catalogue())
    assert listed.blocks == {"content": 8}
    assert not ItemVectors(embedding_dim=8).learn(silent, bare()).vectors.any()


def test_the_behaviour_block_is_the_factorisation():
    past = history("none")
    made = ItemVectors(embedding_dim=5, user=0.5, item=0.25, behaviour_power=1.0).learn(past, bare())
    x = past.matrix().toarray().astype(np.float64)
    degree = np.maximum(x.sum(axis=0), 1)
    a = np.maximum(past.lengths(), 1)[:, None] ** -0.5 * x * degree**-0.25
    _, values, right = np.linalg.svd(a)
    wanted = right[:5].T * values[:5]
    wanted[:-1] /= np.linalg.norm(wanted[:-1], axis=1, keepdims=True)
    wanted[-1] = 0
    np.testing.assert_allclose(made.vectors @ made.vectors.T, wanted @ wanted.T, atol=1e-4)


def test_a_cold_item_is_near_its_likes_in_both_blocks():
    rng = np.random.default_rng(0)
    kinds = np.array(["red mug", "blue lamp"])
    shop = catalogue()
    titles = kinds[np.arange(NUM_ITEMS) % 2].tolist()
    shop = replace(shop, table=shop.table.select([]).append_column("title", [titles]))
    user = np.repeat(np.arange(60), 5)
    item = 2 * rng.integers(0, (NUM_ITEMS - 2) // 2, 300) + user % 2
    past = History.of(user, item, num_users=60, num_items=NUM_ITEMS, clock="none")
    space = ItemVectors(embedding_dim=8).learn(past, shop)
    cold = NUM_ITEMS - 1
    warm = EVERY[:-2]
    for block in (slice(0, 4), slice(4, 8), slice(0, 8)):
        cosine = space.vectors[warm, block] @ space.vectors[cold, block]
        assert cosine[warm % 2 == cold % 2].min() > cosine[warm % 2 != cold % 2].max() + 0.2


def test_ready_vectors_are_content():
    rng = np.random.default_rng(1)
    ready = rng.normal(size=(NUM_ITEMS, 30)).astype(np.float32)
    ready[3] = np.nan
    shop = replace(bare(), vectors={"photo": ready})
    space = ItemVectors(embedding_dim=60, share=0.1).learn(history(user=[], item=[], time=[]), shop)
    unit = np.nan_to_num(ready / np.linalg.norm(ready, axis=1, keepdims=True))
    assert space.blocks == {"content": 60}
    np.testing.assert_allclose(space.vectors @ space.vectors.T, unit @ unit.T, atol=1e-4)
    both = ItemVectors(embedding_dim=16).learn(history(), replace(catalogue(), vectors={"photo": ready}))
    np.testing.assert_allclose(np.linalg.norm(both.vectors, axis=1), 1, atol=1e-5)


def test_scores_are_the_profile_times_products():
    model = VectorKNN(embedding_dim=8, popular=0.5, history_power=0.0).fit(history(), catalogue())
    profile = model.profile(history()).toarray().astype(np.float64)
    taken = np.bincount(history().matrix().indices, minlength=NUM_ITEMS)
    wanted = profile @ model.vectors @ model.vectors.T * np.sqrt(1 + taken)
    np.testing.assert_allclose(model.score(history()), wanted, atol=1e-4)


def test_restored_with_its_blocks():
    model = VectorKNN(embedding_dim=9).fit(history(), catalogue())
    restored = VectorKNN(embedding_dim=9).restore(model.arrays())
    assert restored.blocks == model.blocks
    np.testing.assert_array_equal(restored.vectors, model.vectors)


def test_one_dimension_is_refused():
    with pytest.raises(ConfigError, match="embedding_dim"):
        ItemVectors(embedding_dim=1).learn(history(), catalogue())


def test_a_listing_that_comes_later_lies_where_it_would_have_lain():
    items = catalogue()
    for given in (history(), history().keep(np.zeros(history().num_events, bool))):
        learnt = ItemVectors(embedding_dim=8).learn(given, items)
        assert learnt.listed is not None
        found = Listed.restored(learnt.listed.arrays()).vectors(items)
        unsold = np.bincount(given.item, minlength=len(items)) == 0
        np.testing.assert_allclose(found[unsold], learnt.vectors[unsold], atol=1e-5)
        content = slice(learnt.blocks.get("behaviour", 0), None)
        np.testing.assert_allclose(found[:, content], learnt.vectors[:, content], atol=1e-5)
