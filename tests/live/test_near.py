"""Lists of what is near each item answer as a search would, or leave it to a search."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import shelfspace as ss
from shelfspace.index import HNSW, Exact
from shelfspace.live import near
from shelfspace.live.listings import listing_of
from shelfspace.live.live import Live
from shelfspace.live.near import NearLists, read_lists, write_lists
from shelfspace.store.records import Write
from shelfspace.store.store import Store
from tests.live.conftest import kept, listing

DIM, NUM_FIRST, NUM_ALL = 6, 80, 90


def units(seed: int, size: int) -> np.ndarray:
    made = np.random.default_rng(seed).normal(size=(size, DIM)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def lists_of(vectors: np.ndarray, folder: Path) -> np.ndarray:
    index = HNSW(DIM)
    index.add(np.arange(len(vectors)), vectors)
    write_lists(index, vectors, folder / "near.npy")
    return read_lists(folder / "near.npy")


def test_each_list_holds_the_nearest_but_the_item_itself(tmp_path: Path):
    vectors = units(0, NUM_FIRST)
    lists = lists_of(vectors, tmp_path)
    scores = vectors.astype(np.float64) @ vectors.T.astype(np.float64)
    np.fill_diagonal(scores, -np.inf)
    assert lists.shape == (NUM_FIRST, near.MOST)
    for row in range(NUM_FIRST):
        assert lists[row].tolist() == np.argsort(-scores[row])[: near.MOST].tolist()


def test_a_shop_of_fewer_items_than_a_list_has_none(tmp_path: Path):
    lists = lists_of(units(0, 12), tmp_path)
    assert (lists == -1).all()
    assert NearLists(lists, units(0, 12), np.zeros(0, np.int32)).of(3, 1, np.ones(12, bool)) is None


@given(
    seed=st.integers(0, 500),
    later=st.sets(st.integers(0, NUM_ALL - 1), max_size=12),
    k=st.integers(1, near.MOST + 2),
    share=st.sampled_from([0.3, 0.8, 1.0]),
)
def test_what_they_say_is_what_a_search_says(
    tmp_path_factory, seed: int, later: set[int], k: int, share: float
):
    first = units(seed, NUM_FIRST)
    lists = lists_of(first, tmp_path_factory.mktemp("near"))
    vectors = np.concatenate([first, units(seed + 1, NUM_ALL - NUM_FIRST)])
    new = np.array(sorted(later | set(range(NUM_FIRST, NUM_ALL))), np.int32)
    vectors[new] = units(seed + 2, len(new))
    whole = Exact(DIM)
    whole.add(np.arange(NUM_ALL), vectors)
    rng = np.random.default_rng(seed)
    found = NearLists(lists, first, np.zeros(0, np.int32)).beside(new, vectors)
    for row in rng.integers(0, NUM_ALL, 6).tolist():
        allowed = rng.random(NUM_ALL) < share
        allowed[row] = False
        said = found.of(row, k, allowed)
        if row in new or k >= near.MOST:
            assert said is None
        elif k <= 20 and share == 1.0:  # of 48 listed at most 22 changed
            assert said is not None
        if said is not None:
            rows, scores = whole.search(vectors[[row]], k, allowed=allowed)
            assert said[0].tolist() == rows.tolist()
            np.testing.assert_allclose(said[1], scores, rtol=1e-5)


@pytest.fixture
def listed(own_run: Path) -> Iterator[Live]:
    """A space with a graph, whose lists are made when it is opened."""
    space = ss.open(own_run)
    index = HNSW(space.vectors.shape[1])
    index.add(np.arange(len(space.catalogue)), space.vectors)
    replace(space, index=index, address="hnsw").save(own_run)
    with Store.open(own_run) as store:
        yield Live.open(own_run, store)


def test_a_space_with_lists_answers_as_without(listed: Live):
    space = listed.space_for("similar")
    assert space.near is not None
    without = replace(space, near=None)
    for item in space.catalogue.ids.array.to_pylist()[::5]:
        for settings in ({}, {"where": "price<20"}, {"k": 60}):
            one, other = space.similar(item, **settings), without.similar(item, **settings)
            assert [hit.id for hit in one] == [hit.id for hit in other]
            np.testing.assert_allclose([h.score for h in one], [h.score for h in other], atol=1e-6)


def test_what_came_later_is_in_the_answers_and_what_is_gone_is_not(listed: Live):
    first = listed.space_for("similar").similar("sku-001", k=3)
    gone = first.hits[0].id
    like = listing_of(listed.space.catalogue, listed.space.catalogue.ids.row("sku-001"))
    kept(listed, listing("new-1", **like), Write("item", "delete", item_id=gone))
    space = listed.space_for("similar")
    found = [hit.id for hit in space.similar("sku-001", k=5)]
    assert "new-1" in found
    assert gone not in found
    assert found == [hit.id for hit in replace(space, near=None).similar("sku-001", k=5)]
    assert space.similar("new-1", k=3).hits, "what has no list yet is searched for"


def test_a_space_without_a_graph_has_no_lists(live: Live):
    assert live.space_for("similar").near is None
