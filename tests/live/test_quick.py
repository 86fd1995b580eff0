"""What is kept of pasts, event by event, scores as every model scores the whole past anew."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfspace.blend import Blend
from shelfspace.linear.ease import EASE
from shelfspace.linear.knn import ItemKNN
from shelfspace.linear.popularity import Popularity
from shelfspace.linear.repeat import Repeat
from shelfspace.linear.vectors import VectorKNN
from shelfspace.live import sums
from shelfspace.live.narrow import Again, Shared, Whole
from shelfspace.live.nearest import Nearest, built, neighbours
from shelfspace.live.quick import Pasts, Quick
from shelfspace.live.sums import Dense, Vectors, gain_of
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import History
from shelfspace.shop.ids import Ids

NUM_ITEMS = 90


def log(seed: int = 0) -> History:
    rng = np.random.default_rng(seed)
    user = rng.integers(0, 60, 1500)
    item = (rng.zipf(1.4, 1500) + 7 * (user % 9)) % NUM_ITEMS
    return History.of(user, item, rng.uniform(0, 300, 1500), num_users=60, num_items=NUM_ITEMS, now=300.0)


@pytest.fixture(scope="module")
def blends(tmp_path_factory: pytest.TempPathFactory) -> tuple[Blend, Quick]:
    """A blend of every kind of model, and the same made quick."""
    folder: Path = tmp_path_factory.mktemp("graphs")
    past = log()
    catalogue = Catalogue(
        Ids([f"i{n}" for n in range(NUM_ITEMS)], "item"),
        pa.table({"title": [f"thing {n % 9} of {n}" for n in range(NUM_ITEMS)]}),
        np.full(NUM_ITEMS, -np.inf),
        np.arange(NUM_ITEMS, dtype=np.int32),
    )
    parts = {
        "popularity": Popularity(),
        "repeat": Repeat(),
        "ease": EASE(max_items=60),
        "knn": ItemKNN(),
        "vectors": VectorKNN(embedding_dim=16),
    }
    for part in parts.values():
        part.fit(past, catalogue)
    near, ease = parts["vectors"], parts["ease"]
    graph = built(near.weights.vectors * near.weights.gain[:, None], folder / "graph")
    neighbours(graph, near.weights.vectors, 8, folder / "near.npy")
    quick = {
        "popularity": Shared(parts["popularity"]),
        "repeat": Again(parts["repeat"], NUM_ITEMS),
        "ease": Dense(ease, ease.weights, gain_of(ease)[ease.weights.items]),
        "knn": Whole(parts["knn"]),
        "vectors": Vectors(
            near, near.weights.vectors, near.weights.gain, Nearest(graph), np.load(folder / "near.npy")
        ),
    }
    weights = {"new": dict.fromkeys(parts, 1.0), "any": {**dict.fromkeys(parts, 0.5), "repeat": 2.0}}
    scales = {name: 1.0 + n for n, name in enumerate(parts)}
    plain = Blend(parts, scales, weights, num_candidates=12)
    return plain, Quick(parts, scales, weights, num_candidates=12, narrow=quick, pasts=Pasts())


@settings(max_examples=40)
@given(
    user=st.integers(0, 59),
    events=st.lists(st.tuples(st.integers(0, NUM_ITEMS - 1), st.floats(0, 40)), max_size=12),
    asked=st.lists(st.booleans(), min_size=13, max_size=13),
    mode=st.sampled_from(["new", "any"]),
)
def test_event_by_event_it_scores_as_the_whole_past(blends, user: int, events: list, asked: list, mode):
    plain, quick = blends
    past, now = log().of_users([user]), 300.0
    for n in range(len(events) + 1):
        if n:
            item, later = events[n - 1]
            now += later
            past = History.of(
                np.zeros(past.num_events + 1, int),
                np.append(past.item, item),
                np.append(past.time, now),
                weight=np.append(past.weight, 1.0),
                num_users=1,
                num_items=NUM_ITEMS,
                now=now,
            )
        if not asked[n] and n < len(events):
            continue  # nobody asks after every event
        allowed = np.ones((1, NUM_ITEMS), bool)
        if mode == "new":
            allowed[0, past.item] = False
        one, other = quick.scores(past, allowed, mode), plain.scores(past, allowed, mode)
        both = np.isfinite(one) & np.isfinite(other)
        np.testing.assert_allclose(one[both], other[both], rtol=2e-3, atol=1e-4)
        best = np.argsort(-other[0], kind="stable")[:5]
        assert np.isfinite(one[0, best[np.isfinite(other[0, best])]]).all()


def test_a_graph_finds_nearly_what_all_scores_find(blends, monkeypatch):
    _, quick = blends
    monkeypatch.setattr(sums, "FEW_ALLOWED", 10)
    model, found = quick.narrow["vectors"], []
    for user in range(60):
        past = log().of_users([user])
        kept = model.begin(past)
        allowed = np.ones(NUM_ITEMS, bool)
        scores = model.at(kept, past, np.arange(NUM_ITEMS, dtype=np.int32))
        wanted = {row for row in np.argsort(-scores)[:10].tolist() if scores[row] > 0}
        got = model.best(kept, past, allowed, 10).tolist()
        found.append(len(wanted & set(got)) / max(1, len(wanted)))
    assert np.mean(found) >= 0.95


def test_what_is_kept_is_bounded():
    pasts = Pasts(most_bytes=20_000)
    model = {"whole": Whole(Popularity().fit(log(), catalogue=None))}
    for user in range(60):
        pasts.of(log().of_users([user]), model)
    assert 1 <= len(pasts) < 40
    pasts.clear()
    assert not len(pasts)
