import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import shelfspace
from shelfspace.config import build, search_space, settings_of
from shelfspace.encode.learnt import Learnt
from shelfspace.shop.history import History
from tests.learning.tastes import (
    NUM_ITEMS,
    NUM_USERS,
    catalogue,
    history,
    learn,
    learner,
    taste_of,
    trained,
)

EVERY = np.arange(NUM_ITEMS, dtype=np.int32)


def restored(learnt):
    """The same, through files on the way that a run takes."""
    file = io.BytesIO()
    np.savez(file, **learnt.arrays())
    file.seek(0)
    files = learnt.files()
    with np.load(file, allow_pickle=False) as saved:
        section = {"use": "learnt", **settings_of(learnt)}
        part = build({"learnt": Learnt}, section, path="learnt").restore(dict(saved))
    return part.read_files(files.__getitem__)


def asked(rows, who=None, *, keep=100):
    some = history().of_users(rows)
    place = np.arange(some.num_events) - np.repeat(some.indptr[:-1], some.lengths())
    some = some.keep(place < keep)
    return some if who is None else History(**{**vars(some), "who": np.array(who, np.int32)})


@pytest.fixture
def learnt():
    part = restored(trained()[0])
    part.popular = 0.0
    return part


def test_scores_are_chances_of_the_whole_catalogue(learnt):
    scores = learnt.score(history())
    assert scores.shape == (NUM_USERS, NUM_ITEMS)
    assert scores.dtype == np.float32
    assert ((scores >= 0) & (scores <= 1)).all()
    np.testing.assert_allclose(scores.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("popular", [0.0, 0.4, 1.0])
def test_a_score_is_the_softmax_of_cosine_and_popularity(learnt, popular):
    learnt.popular = popular
    users = learnt.encode(history()).astype(np.float64)
    counts = learner()._terms(history(), catalogue())[0].mix.counts()
    logits = users @ learnt.vectors.T.astype(np.float64) / learnt.temperature + popular * np.log1p(counts)
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(learnt.score(history()), expected, rtol=1e-4, atol=1e-7)


def test_popular_moves_scores_to_what_is_taken_often(learnt):
    counts = np.log1p(np.bincount(history().item, minlength=NUM_ITEMS))
    means = []
    for popular in (0.0, 0.5, 1.0):
        learnt.popular = popular
        means.append(learnt.score(history()) @ counts)
    assert (means[0] < means[1]).all()
    assert (means[1] < means[2]).all()


@pytest.mark.parametrize("popular", [0.0, 0.5])
def test_a_user_of_whom_nothing_is_known_gets_the_shares_of_what_is_taken(learnt, popular):
    learnt.popular = popular
    query = asked([3, 4, 5], [-1, 4, -1], keep=0)
    scores = learnt.score(query)
    counts = learner()._terms(history(), catalogue())[0].mix.counts()
    np.testing.assert_allclose(scores[[0, 2]], np.tile(counts / counts.sum(), (2, 1)), rtol=1e-5)
    assert np.abs(scores[1] - scores[0]).max() > 1e-3
    parts = learnt.reasons(query.of_users([0]), EVERY)
    assert [[r.item for r in some] for some in parts] == [[-1] if n else [] for n in counts]


def test_where_nothing_was_taken_nobody_gets_0(learnt):
    learnt.prior = np.zeros_like(learnt.prior)
    assert not learnt.score(asked([3], [-1], keep=0)).any()


def test_a_user_the_shop_has_not_seen_does_not_get_the_profile_of_another(learnt):
    """Row 0 of what is asked is not user 0 where it says so."""
    stranger, first = learnt.score(asked([5], [-1])), learnt.score(asked([5], [0]))
    beyond = learnt.score(asked([5], [NUM_USERS + 3]))
    np.testing.assert_array_equal(stranger, beyond)
    assert np.abs(stranger - first).max() > 1e-3
    for who in (0, 1, 149):
        np.testing.assert_allclose(
            learnt.score(asked([5, 6], [-1, who]))[0], stranger[0], rtol=1e-4, atol=1e-7
        )


def test_a_profile_follows_its_user_into_every_selection(learnt):
    together = learnt.score(history())
    for rows in ([7], [149, 0, 7, 7]):
        np.testing.assert_allclose(learnt.score(asked(rows)), together[rows], rtol=1e-4, atol=1e-7)
        chosen = asked([1, *rows]).of_users(np.arange(len(rows)) + 1)
        np.testing.assert_allclose(learnt.score(chosen), together[rows], rtol=1e-4, atol=1e-7)


def test_it_recommends_what_is_of_the_users_taste(learnt):
    best = taste_of(learnt.score(history()).argmax(axis=1))
    assert (best == np.arange(NUM_USERS) % 6).mean() > 0.9


@pytest.mark.parametrize("popular", [0.0, 0.7])
@pytest.mark.parametrize(
    "query",
    [
        pytest.param(lambda: asked([3]), id="known"),
        pytest.param(lambda: asked([3], [-1]), id="unknown"),
        pytest.param(lambda: asked([3], [-1], keep=1), id="one event"),
        pytest.param(lambda: asked([3], keep=0), id="profile alone"),
        pytest.param(
            lambda: History.of([0] * 9, [4] * 9, num_users=1, num_items=NUM_ITEMS), id="one item again"
        ),
    ],
)
def test_reasons_are_shares_of_the_score(learnt, popular, query):
    learnt.popular = popular
    given = query()
    reasons, scores = learnt.reasons(given, EVERY), learnt.score(given)[0]
    np.testing.assert_allclose(
        [sum(r.amount for r in parts) for parts in reasons], scores, rtol=1e-4, atol=1e-9
    )
    for parts in reasons:
        assert {r.item for r in parts} <= {-1, *given.item.tolist()}
        assert all(r.amount > 0 for r in parts)
        amounts = [r.amount for r in parts]
        assert amounts == sorted(amounts, reverse=True)


def test_the_reason_for_what_is_of_a_taste_is_what_was_taken_of_it(learnt):
    """User 3 takes what is of taste 3; whatever they strayed to says less."""
    query = History.of(np.zeros(4), [3, 9, 15, 10], num_users=1, num_items=NUM_ITEMS, now=400.0)
    query = History(**{**vars(query), "who": np.array([-1], np.int32)})
    parts = learnt.reasons(query, np.array([21], np.int32))[0]
    assert all(taste_of(r.item) == 3 for r in parts[:2])
    assert sum(r.amount for r in parts if r.item == 10) < 0.25 * sum(r.amount for r in parts)


def test_files_and_arrays_bring_it_back():
    learnt = trained()[0]
    again = restored(learnt)
    assert settings_of(again) == settings_of(learnt)
    assert set(learnt.files()) == {"item.onnx", "user.onnx", "readers.json", "model.safetensors"}
    np.testing.assert_allclose(again.score(history()), learnt.score(history()), rtol=1e-4, atol=1e-7)
    np.testing.assert_array_equal(restored(again).score(history()), again.score(history()))
    assert again.files()["item.onnx"] == learnt.files()["item.onnx"]


def test_popular_and_trend_need_no_refit_and_may_be_chosen():
    assert {"popular", "trend"} == Learnt.REFIT_FREE == set(search_space(Learnt))


def test_a_power_changes_the_scores_and_not_their_order():
    part = restored(trained()[0])
    plain = part.score(history()).astype(np.float64)
    part.power = 0.35
    found = part.score(history())
    np.testing.assert_allclose(found, plain**0.35, rtol=1e-5)
    unknown = History.of([], [], num_users=1, num_items=NUM_ITEMS, now=400.0)
    assert part.score(unknown).max() > 0


def test_what_rises_gains_by_its_trend():
    part = restored(trained()[0])
    part.rising = np.linspace(-1, 1, len(part.vectors)).astype(np.float32)
    plain = part.score(history()).astype(np.float64)
    part.trend = 0.7
    wanted = plain * np.exp(0.7 * part.rising)
    known = part.encode(history()).any(axis=1)
    np.testing.assert_allclose(
        part.score(history())[known], (wanted / wanted.sum(axis=1, keepdims=True))[known], rtol=1e-4
    )


def test_what_was_saved_before_there_was_a_trend_has_none():
    learnt = trained()[0]
    before = {name: array for name, array in learnt.arrays().items() if name != "rising"}
    part = Learnt(temperature=learnt.temperature, trend=0.9).restore(before).take_towers(trained()[1])
    np.testing.assert_allclose(part.score(history()), restored(learnt).score(history()), rtol=1e-5)


def test_it_knows_nothing_of_users_where_there_are_no_profiles():
    part = learn(profile={})
    assert set(part.arrays()) == {"vectors", "prior", "rising"}
    np.testing.assert_array_equal(part.score(asked([5], [-1])), part.score(asked([5], [0])))


def test_answering_loads_no_torch(tmp_path):
    """What was saved is opened and asked in a process of its own."""
    learnt = trained()[0]
    np.savez(tmp_path / "arrays.npz", **learnt.arrays())
    for name, data in learnt.files().items():
        (tmp_path / name).write_bytes(data)
    past = history()
    np.savez(tmp_path / "past.npz", indptr=past.indptr, item=past.item, time=past.time)
    program = f"""
import json, sys, numpy as np
from pathlib import Path
from shelfspace.encode.learnt import Learnt
from shelfspace.shop.history import History
folder = Path({str(tmp_path)!r})
learnt = Learnt(**{settings_of(learnt)!r}).restore(dict(np.load(folder / "arrays.npz")))
learnt.read_files(lambda name: (folder / name).read_bytes())
past = np.load(folder / "past.npz")
user = np.repeat(np.arange({NUM_USERS}), np.diff(past["indptr"]))
past = History.of(user, past["item"], past["time"], num_users={NUM_USERS}, num_items={NUM_ITEMS}, now=400.0)
scores = learnt.score(past)
reasons = learnt.reasons(past.of_users([3]), np.arange({NUM_ITEMS}, dtype=np.int32))
loaded = sorted(name for name in sys.modules if name.partition(".")[0] in ("torch", "onnx", "onnxscript"))
print(json.dumps({{"scores": scores[:5].tolist(), "reasons": len(reasons), "loaded": loaded}}))
"""
    root = Path(shelfspace.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True
    )
    told = json.loads(done.stdout)
    assert told["loaded"] == []
    assert told["reasons"] == NUM_ITEMS
    np.testing.assert_allclose(told["scores"], restored(learnt).score(history())[:5], rtol=1e-4, atol=1e-7)


def test_a_long_history_is_left_out_only_where_it_is_read(learnt):
    """The towers of this test read 8 events: what came before the ninth last has no part, and costs no time."""
    rng = np.random.default_rng(0)
    item = rng.integers(0, 56, 3000)
    long = History.of(
        np.zeros(3000, int), item, np.arange(3000) / 10, num_users=1, num_items=NUM_ITEMS, now=400.0
    )
    given = learnt.reasons(long, EVERY)
    short = learnt.reasons(long.keep(np.arange(3000) >= 2991), EVERY)
    assert given == short
    assert {r.item for parts in given for r in parts} <= {-1, *item[-8:].tolist()}
