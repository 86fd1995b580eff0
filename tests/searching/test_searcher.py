"""What a phrase finds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelfspace.searching.searcher import FEEDBACK, MEANING, WORDS, best, scaled
from tests.searching.shops import ROWS, ids, searcher_of


@pytest.fixture(scope="module")
def searcher():
    return searcher_of().searcher


def test_the_sum_is_what_plain_arithmetic_says(searcher):
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(8, 5)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = searcher.found(searcher.read("red wool scarf"), vectors[1], vectors)
    wide = vectors.astype(np.float64)
    bm25 = found.words.toarray().astype(np.float64).sum(axis=0)
    cosine = np.maximum(wide @ wide[1], 0)
    total = bm25 / bm25.max() + cosine / cosine.max()
    near = np.maximum(wide @ wide[np.argsort(-total)[:10]].mean(axis=0), 0)
    total += 0.5 * near / near.max()
    assert searcher.total(found) == pytest.approx(total, abs=1e-5)
    assert ids(best(searcher.total(found), 2)) == ["b", "a"]


def test_words_alone_where_nothing_is_meant(searcher):
    found = searcher.found(searcher.read("红茶"), None)
    assert ids(best(found.parts[WORDS], 2)) == ["f", "g"]
    assert not found.parts[MEANING].any()
    assert not found.parts[FEEDBACK].any()
    assert ids(np.flatnonzero(found.matches())) == ["f"]  # 绿茶 shares one sign of three


def test_features_have_a_name_each(searcher):
    from shelfspace.searching.searcher import FEATURES

    found = searcher.found(searcher.read("red mug"), None)
    features = searcher.features(found, np.arange(8))
    assert features.shape == (8, len(FEATURES))
    price = features[:, FEATURES.index("price")]
    assert np.exp(price[0]) == pytest.approx(20.0)
    assert np.isnan(price[-1])
    assert features[2, FEATURES.index("words in the title")] == 1.0


@given(st.lists(st.floats(-5, 5, width=32), min_size=1, max_size=30), st.integers(1, 30))
def test_the_best_are_those_of_a_whole_sort(amounts, k):
    values = np.array(amounts, np.float32)
    assert best(values, k).tolist() == np.argsort(-values, kind="stable")[:k].tolist()
    assert 0 <= scaled(values).min() <= scaled(values).max() <= 1


def test_what_is_not_allowed_is_not_among_the_best():
    assert best(np.array([1.0, -np.inf, 3.0], np.float32), 3).tolist() == [2, 0]
    assert best(np.full(3, -np.inf, np.float32), 2).tolist() == []
    assert len(ROWS) == 8
