"""Spaces of other kinds, folded: of listings alone, with another index, with rankers and several models."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import shelfspace as ss
from shelfspace import updating
from shelfspace.encode.autoencoder import Autoencoded, Layers
from shelfspace.encode.neighbours import LearntKNN
from shelfspace.features import Facts
from shelfspace.folding.catalogues import Stock
from shelfspace.folding.folded import Folded, folded
from shelfspace.folding.gathered import Events, gathered
from shelfspace.folding.models import Refit
from shelfspace.folding.near import near_of
from shelfspace.folding.pasts import Users
from shelfspace.folding.profiles import Fields
from shelfspace.index import open_index
from shelfspace.linear.vectors import VectorKNN
from shelfspace.store.records import Write
from shelfspace.store.store import Store
from tests.folding.journals import Journal, event
from tests.folding.shops import DAY, START, frames, item, user

NEW = Write("item", "put", "new", body={"title": "lamp of wool number 99", "category": ["lamp"]})


def made_of(space: ss.Space, *writes: Write) -> Folded:
    store: Any = Journal(*writes)
    found = gathered(store, space.seq, space.catalogue, list(space.kinds), space.history.clock)
    return folded(space, found, None, store.fingerprint)


def test_a_space_of_listings_alone_takes_in_listings(tmp_path: Path):
    run = tmp_path / "run"
    ss.train({"recipe": {"use": "linear"}, "match": {}}, out=run, items=frames()["items"])
    store = Store.open(run)
    store.append([NEW, event(item(2), user(2), timestamp=START * DAY)])
    done = updating.updated(run, store=store)
    store.close()
    assert done.counts["new_items"] == 1
    assert done.counts["events"] == 0
    assert sum(done.left_out.values()) == 1
    assert all("lamp" in title for title in done.space.similar("new", k=3).table["title"].to_pylist())


def test_the_index_of_the_space_stays_as_it_was(whole_run: Path, tmp_path: Path):
    space = ss.open(whole_run)
    index = open_index("hnsw", space.vectors.shape[1])
    index.add(np.arange(len(space.vectors), dtype=np.int32), space.vectors)
    run = tmp_path / "run"
    replace(space, index=index, address="hnsw").save(run)
    folder = run / "spaces" / "1" / "index"
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    store = Store.open(run)
    store.append([NEW])
    after = updating.update(run, store=store)
    store.close()
    assert len(after.index) == len(space.vectors) + 1
    assert after.similar("new", k=1).table["title"].to_pylist()[0].startswith("lamp")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == files


def test_vectors_in_closed_form_are_those_of_the_space(whole_run: Path):
    after = made_of(ss.open(whole_run), NEW).space
    parts = [part for part in after.blend.retrievers.values() if isinstance(part, VectorKNN)]
    assert parts
    assert all(part.vectors is after.vectors for part in parts)


def test_without_anything_that_reads_listings_new_ones_lie_nowhere(whole_run: Path):
    made = made_of(replace(ss.open(whole_run), listed=None), NEW)
    assert not made.space.vectors[-1].any()
    assert any("nothing reads listings" in note for note in made.notes)


def test_a_listing_without_a_known_word_is_told(whole_run: Path):
    made = made_of(ss.open(whole_run), Write("item", "put", "odd", body={"title": "зонт"}))
    assert any("say nothing that the space knows" in note for note in made.notes)


def test_what_is_deleted_twice_or_was_never_there_is_nothing(whole_run: Path):
    space = ss.open(whole_run)
    once = made_of(space, Write("item", "delete", item(1)), Write("item", "delete", "nowhere"))
    assert once.stock.num_deleted == 1
    again = made_of(replace(once.space, seq=0), Write("item", "delete", item(1)))
    assert again.stock.num_deleted == 0
    back = made_of(replace(once.space, seq=0), Write("item", "put", item(1), body={"title": "scarf"}))
    assert back.space.gone is not None
    assert not back.space.gone.any()


@pytest.fixture
def refit(whole_run: Path) -> Refit:
    """A longer past with one more item, which was taken once."""
    space = ss.open(whole_run)
    made = made_of(space, NEW, event("new", user(1), timestamp=(START + 60) * DAY))
    users = Users.of(space.users, Events(), (), set(), str)
    return Refit(space, made.space.history, made.stock, made.space.vectors, Fields(users, {}))


def test_an_autoencoder_keeps_its_layers_and_counts_anew(refit: Refit):
    size = len(refit.stock.taken)
    rng = np.random.default_rng(0)
    table, vectors = rng.random((2, size, 3), np.float32)
    layers = Layers(table, np.zeros(3, np.float32), [], [], vectors, np.zeros(size, np.float32))
    part = Autoencoded().take(layers, np.arange(size), np.ones(size))
    notes = list[str]()
    after = refit._part(part, {}, {}, notes)
    assert after.taken.shape == (size + 1,)
    assert after.taken[-1] == 1.0
    assert after.layers is layers
    scores = after.score(refit.history.of_users([1]))
    assert scores.shape == (1, size + 1)
    assert scores[0, -1] == 0.0
    assert notes


def test_a_ranker_looks_up_what_is_known_of_items_now(refit: Refit):
    class Trees:
        trees = "none"
        names: tuple[str, ...] = ()
        facts = Facts(np.zeros((1, 5), np.float32))

    ranker: Any = Trees()
    blend = replace(refit.space.blend, rankers={"new": ranker})
    after, _ = refit.blend(blend)
    assert after.rankers["new"].facts.values.shape == (len(refit.stock.catalogue), 5)
    assert ranker.facts.values.shape == (1, 5)


def test_neighbours_are_those_of_a_comparison_of_all():
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((30, 4)).astype(np.float32)
    vectors[7] = 0.0
    part = near_of(LearntKNN(neighbours=5), vectors, np.ones(30))
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    cosine = unit @ unit.T
    np.fill_diagonal(cosine, -np.inf)
    cosine[:, 7] = -np.inf
    for row in range(30):
        own = part.cosines[[row]]
        expected = set() if row == 7 else set(np.argsort(-cosine[row])[:5].tolist())
        assert set(own.indices.tolist()) == expected


def test_of_a_large_catalogue_the_most_taken_have_neighbours():
    vectors = np.random.default_rng(0).standard_normal((20, 4)).astype(np.float32)
    part = near_of(LearntKNN(neighbours=3, max_items=5), vectors, np.arange(20.0))
    assert np.flatnonzero(np.diff(part.cosines.indptr)).tolist() == [15, 16, 17, 18, 19]


def test_stock_lengthens_what_is_held_by_item(whole_run: Path):
    stock: Stock = made_of(ss.open(whole_run), NEW).stock
    assert stock.lengthened(np.ones((len(stock.catalogue) - 1, 2)))[-1].tolist() == [0.0, 0.0]
