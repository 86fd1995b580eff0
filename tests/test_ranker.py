"""A blend with slices and with a ranker: what it answers, what its answers are made of, and how it is kept."""

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import lightgbm
import numpy as np
import pytest

import shelfspace as ss
from shelfspace.blend import Blend, Own
from shelfspace.errors import MissingExtraError, SpaceError
from shelfspace.evaluation.blending import Mixing
from shelfspace.features import Facts, Places, names_of, ranks_of, table
from shelfspace.ranker import Ranker
from shelfspace.shop.history import History
from shelfspace.slicing import BY_LENGTH
from tests.evaluation.planted import Known, catalogue

NUM_ITEMS = 40


def trees(names: list[str], *, repeats: bool, seed: int = 0) -> str:
    """Trees over features of which some are not known."""
    rng = np.random.default_rng(seed)
    features = 6 * rng.random((600, len(names_of(names, repeats=repeats))))
    features[rng.random(features.shape) < 0.1] = np.nan
    label = np.nansum(features[:, :4], axis=1) * (features[:, 1] > 3)
    settings = {"objective": "regression", "verbosity": -1, "num_threads": 1, "min_data_in_leaf": 5}
    return lightgbm.train(settings, lightgbm.Dataset(features, label), num_boost_round=15).model_to_string()


def queries(num_users: int = 5) -> History:
    rng = np.random.default_rng(1)
    user = np.repeat(np.arange(num_users), np.arange(1, 2 * num_users, 2))
    item = rng.integers(NUM_ITEMS, size=len(user))
    return History.of(
        user, item, np.arange(len(user)) * 1.0, num_users=num_users, num_items=NUM_ITEMS, now=99.0
    )


@pytest.fixture
def blend() -> Blend:
    rng = np.random.default_rng(2)
    models = {name: Known(rng.integers(0, 9, (NUM_ITEMS, NUM_ITEMS)).astype(float)) for name in ("a", "b")}
    weights = {"a": 1.0, "b": 0.0}
    facts = Facts.of(queries(), catalogue(NUM_ITEMS))
    rankers = {
        mode: Ranker(
            weights, facts, trees(["a", "b"], repeats=mode == "any"), repeats=mode == "any", num_candidates=9
        )
        for mode in ("new", "any")
    }
    return Blend(models, {"a": 0.5, "b": 0.1}, {"new": weights, "any": weights}, 9, {}, rankers)


@pytest.mark.parametrize("mode", ["new", "any"])
def test_the_score_is_the_sum_and_the_trees(blend, mode):
    asked = queries()
    allowed = np.ones((5, NUM_ITEMS), bool)
    if mode == "new":
        allowed[asked.user(), asked.item] = False
    scores = blend.scores(asked, allowed, mode)
    parts = [blend.scales[n] * blend.retrievers[n].score(asked) for n in ("a", "b")]
    booster = lightgbm.Booster(model_str=blend.rankers[mode].trees)
    for user in range(5):
        brought = np.zeros(NUM_ITEMS, bool)
        for part in parts:
            usable = np.where(allowed[user], part[user], 0)
            brought |= (usable >= np.sort(usable)[::-1][8]) & (usable > 0)
        assert (np.isfinite(scores[user]) == brought).all()
        item = np.flatnonzero(brought)
        places = Places(np.zeros(len(item), np.int64), item, np.stack([p[user, item] for p in parts]))
        one = asked.of_users([user])
        features = table(
            places, ranks_of(places, places, 9), one, blend.rankers[mode].facts, repeats=mode == "any"
        )
        np.testing.assert_allclose(
            scores[user, item], parts[0][user, item] + booster.predict(features), rtol=1e-5
        )


@pytest.mark.parametrize("mode", ["new", "any"])
def test_parts_sum_to_the_score_and_a_filter_changes_no_score(blend, mode):
    one = queries().of_users([3])
    allowed = np.ones((1, NUM_ITEMS), bool)
    allowed[0, one.item] = mode == "any"
    scores = blend.scores(one, allowed, mode)
    items = np.flatnonzero(np.isfinite(scores[0]))[::-1].astype(np.int32)
    for item, parts in zip(items, blend.reasons(one, items, mode), strict=True):
        assert sum(part.amount for part in parts) == pytest.approx(scores[0, item], rel=1e-5, abs=1e-5)
        assert {part.item for part in parts} <= {-1, int(one.item[0])}
    filtered = allowed & (np.arange(NUM_ITEMS) % 3 == 0)
    few = blend.scores(one, filtered, mode)
    both = np.isfinite(few) & np.isfinite(scores)
    assert both.sum() > 2
    np.testing.assert_array_equal(few[both], scores[both])


def test_nobody_to_answer_and_nothing_allowed(blend):
    none = blend.scores(queries().of_users([0, 1]), np.zeros((2, NUM_ITEMS), bool), "new")
    assert np.isneginf(none).all()
    assert blend.reasons(queries().of_users([0]), np.zeros(0, np.int32), "new") == []


def test_a_slice_is_scored_by_its_own_weights_and_says_so(blend):
    plain = replace(blend, rankers={})
    own = {"a": 0.0, "b": 3.0}
    sliced = replace(plain, slices={"new": [Own(BY_LENGTH[2], own), Own(BY_LENGTH[1], {"a": 2.0, "b": 1.0})]})
    asked, allowed = queries(), np.ones((5, NUM_ITEMS), bool)
    scores = sliced.scores(asked, allowed, "new")
    for user, length in enumerate(asked.lengths()):
        weights = own if length >= 5 else {"a": 2.0, "b": 1.0}
        one = asked.of_users([user])
        alone = replace(plain, weights={"new": weights}).scores(one, allowed[:1], "new")
        np.testing.assert_array_equal(scores[user], alone[0])
        items = np.flatnonzero(np.isfinite(alone[0])).astype(np.int32)[:3]
        for item, parts in zip(items, sliced.reasons(one, items, "new"), strict=True):
            assert sum(part.amount for part in parts) == pytest.approx(alone[0, item], rel=1e-5)
    np.testing.assert_array_equal(sliced.scores(asked, allowed, "any"), plain.scores(asked, allowed, "any"))
    assert sliced.used == {"a", "b"}


@pytest.fixture
def ranked_run(small_run: Path, tmp_path: Path) -> Path:
    run = Path(shutil.copytree(small_run, tmp_path / "run"))
    space = ss.open(run)
    weights = dict(space.blend.weights["any"])
    facts = Facts.of(space.history, space.catalogue)
    ranker = Ranker(weights, facts, trees(list(weights), repeats=True), repeats=True, num_candidates=100)
    own = Own(BY_LENGTH[3], dict.fromkeys(weights, 2.0))
    both = replace(
        space.blend,
        weights=dict.fromkeys(("new", "any"), weights),
        slices={"new": [own]},
        rankers={"any": ranker},
    )
    replace(space, blend=both).save(run)
    return run


def test_slices_and_trees_are_kept(ranked_run: Path):
    space = ss.open(ranked_run)
    assert [own.slice for own in space.blend.slices["new"]] == [BY_LENGTH[3]]
    files = {p.name for p in (ranked_run / "spaces" / "2" / "ranker").iterdir()}
    assert files == {"facts.npz", "any.txt"}
    for seen in ("exclude", "include", "only"):
        hits = space.recommend(["user-7", "user-8"], k=10, seen=seen, why=True)
        for hit in hits:
            assert sum(part.amount for part in hit.why) == pytest.approx(hit.score, rel=1e-4, abs=1e-4)
        assert {"item popularity"} <= {p.part for h in hits for p in h.why} or seen == "exclude"
    before = space.recommend(["user-7", "user-8"], k=10, seen="include", why=True).table
    space.save(ranked_run)
    assert (
        ss.open(ranked_run)
        .recommend(["user-7", "user-8"], k=10, seen="include", why=True)
        .table.equals(before)
    )


@pytest.mark.parametrize("name", ["facts.npz", "any.txt"])
@pytest.mark.parametrize("harm", ["missing", "cut short", "overwritten"])
def test_a_damaged_ranker_is_named(ranked_run: Path, name: str, harm: str):
    file = ranked_run / "spaces" / "2" / "ranker" / name
    if harm == "missing":
        file.unlink()
    elif harm == "cut short":
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    else:
        file.write_bytes(b"\x00garbage\xff" * 50)
    with pytest.raises(SpaceError, match=name):
        ss.open(ranked_run)


def test_without_lightgbm_it_is_said_what_to_install(ranked_run: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    for module in ("shelfspace.ranker", "shelfspace.evaluation.learning_to_rank"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    with pytest.raises(MissingExtraError, match=r"pip install 'shelfspace\[rank\]'"):
        ss.open(ranked_run)
    with pytest.raises(MissingExtraError, match=r"pip install 'shelfspace\[rank\]'"):
        Mixing(use="auto")
