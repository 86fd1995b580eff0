import subprocess
import sys

import numpy as np
import pytest

from shelfspace.config import build, settings_of
from shelfspace.errors import ConfigError
from shelfspace.objectives.negatives import NEGATIVES, Hard, InBatch, Popularity, Uniform, WholeCatalogue

N, B = 30, 16


def counts():
    return np.random.default_rng(0).integers(1, 40, N)


def batch(rng):
    return rng.choice(N, B, p=counts() / counts().sum()).astype(np.int32)


def vectors(seed=1):
    return np.random.default_rng(seed).normal(size=(N, 6)).astype(np.float32)


def made():
    hard = Hard(num_negatives=20, num_neighbours=5, skip=2).learn(counts())
    return [
        InBatch().learn(counts()),
        Uniform(num_negatives=20).learn(counts()),
        Popularity(num_negatives=20, power=0.5).learn(counts()),
        hard,
        Hard(num_negatives=20, num_neighbours=5, skip=2).learn(counts()).update(vectors()),
    ]


@pytest.mark.parametrize("negatives", made(), ids=lambda n: type(n).__name__)
def test_candidates_come_as_often_as_expected(negatives):
    rng, draws = np.random.default_rng(2), 2000
    seen = np.zeros(N)
    for _ in range(draws):
        positives = batch(rng)
        extra = negatives.draw(rng, positives)
        assert extra.dtype == np.int32
        seen += np.bincount(np.concatenate([positives, extra]), minlength=N)
    expected = negatives.log_expected(np.arange(N, dtype=np.int32), B)
    assert expected.dtype == np.float32
    expected = np.exp(expected)
    assert (np.abs(seen / draws - expected) < 6 * np.sqrt((expected + 0.05) / draws)).all()


@pytest.mark.parametrize("negatives", made(), ids=lambda n: type(n).__name__)
def test_the_same_generator_draws_the_same(negatives):
    one, two = (negatives.draw(np.random.default_rng(5), batch(np.random.default_rng(4))) for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_neighbours_are_those_of_a_naive_search():
    negatives = Hard(num_negatives=4000, num_neighbours=4, skip=3).learn(counts()).update(vectors())
    scores = vectors() @ vectors().T
    for item in (0, 7, 29):
        near = [j for j in np.argsort(-scores[item]) if j != item]
        drawn = negatives.draw(np.random.default_rng(0), np.array([item], np.int32))
        assert set(drawn) == set(near[3:7])


def test_neighbours_follow_the_vectors():
    negatives = Hard(num_negatives=500, num_neighbours=4).learn(counts())
    item, rows = np.array([3], np.int32), np.arange(N, dtype=np.int32)
    found = []
    for seed in (1, 2):
        negatives.update(vectors(seed))
        expected = negatives.log_expected(rows, B)
        found.append((set(negatives.draw(np.random.default_rng(0), item)), expected))
    assert found[0][0] != found[1][0]
    assert not np.allclose(found[0][1], found[1][1])


@pytest.mark.parametrize("name", NEGATIVES)
def test_only_known_items_are_added_and_their_expectation_says_so(name):
    known = np.arange(N) % 3 == 0
    negatives = NEGATIVES[name]().learn(counts(), known)
    assert set(negatives.draw(np.random.default_rng(0), batch(np.random.default_rng(0)))) <= set(
        range(0, N, 3)
    )
    if isinstance(negatives, Hard):
        negatives.num_neighbours, negatives.skip = 3, 1
        negatives.update(vectors())
        drawn = negatives.draw(np.random.default_rng(0), np.arange(N, dtype=np.int32))
        assert set(drawn) <= set(range(0, N, 3))
        scores = vectors() @ vectors().T
        near = [j for j in np.argsort(-scores[4]) if known[j]]
        drawn = negatives.draw(np.random.default_rng(0), np.array([4], np.int32))
        assert set(drawn) == set(near[1:4])
    if name in ("uniform", "popularity"):
        share = B * counts() / counts().sum()
        np.testing.assert_allclose(
            np.exp(negatives.log_expected(np.flatnonzero(~known).astype(np.int32), B)),
            share[~known],
            rtol=1e-5,
        )


def test_the_whole_catalogue_is_there_for_certain():
    negatives = WholeCatalogue().learn(counts())
    np.testing.assert_array_equal(
        negatives.draw(np.random.default_rng(0), np.zeros(0, np.int32)), np.arange(N)
    )
    assert not negatives.log_expected(np.arange(N, dtype=np.int32), B).any()


@pytest.mark.parametrize("name", NEGATIVES)
@pytest.mark.parametrize("taken", [[0, 0, 0], [5], [0, 4, 0]])
def test_shops_where_nothing_or_one_thing_was_taken_have_finite_expectations(name, taken):
    negatives, rows = NEGATIVES[name]().learn(np.array(taken)), np.arange(len(taken), dtype=np.int32)
    if isinstance(negatives, Hard):
        negatives.update(np.ones((len(taken), 2), np.float32))
    drawn = negatives.draw(np.random.default_rng(0), np.zeros(2, np.int32))
    assert np.isin(drawn, rows).all()
    assert np.isfinite(negatives.log_expected(rows, B)).all()


def test_the_scale_of_counts_does_not_matter():
    for negatives, other in zip(made(), made(), strict=True):
        rows = np.arange(N, dtype=np.int32)
        other.learn(counts() / 7)
        negatives.learn(counts())
        np.testing.assert_allclose(negatives.log_expected(rows, B), other.log_expected(rows, B), rtol=1e-5)


@pytest.mark.parametrize("name", NEGATIVES)
def test_a_settings_file_builds_them_and_wrong_settings_are_refused_by_name(name):
    negatives = build(NEGATIVES, {"use": name}, path="negatives")
    for setting in settings_of(negatives):
        with pytest.raises(ConfigError, match=setting):
            NEGATIVES[name](**{setting: -1})


def test_they_are_had_without_torch():
    code = "import sys, shelfspace.objectives.negatives; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
