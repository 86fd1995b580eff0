from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from shelfspace.errors import JobError
from shelfspace.evaluation import lists
from shelfspace.evaluation import measure as measuring
from shelfspace.evaluation.measure import measure
from shelfspace.evaluation.metrics import evaluate
from shelfspace.evaluation.slices import item_slices, sliced, user_slices
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import History
from shelfspace.shop.ids import Ids
from shelfspace.shop.shop import Shop
from shelfspace.shop.splits import split


@pytest.fixture
def cases():
    rng = np.random.default_rng(0)
    size, users, items = 1200, 60, 40
    time = np.sort(rng.random(size)) * 100
    history = History.of(
        rng.integers(0, users, size), rng.zipf(1.4, size) % items, time, num_users=users, num_items=items
    )
    catalogue = Catalogue(
        Ids([str(n) for n in range(items)], "item"),
        pa.table({"title": [str(n) for n in range(items)]}),
        np.full(items, -np.inf),
        np.arange(items, dtype=np.int32),
    )
    shop = Shop(
        catalogue, Ids([str(n) for n in range(users)], "user"), history, {"purchase": 1.0}, SimpleNamespace()
    )
    return split(shop, "time").test


def scorer(seed):
    def score(queries, allowed):
        table = np.random.default_rng(seed).random((1000, allowed.shape[1])).astype(np.float32)
        return table[queries.lengths()]

    return score


def test_masks_what_is_not_allowed_and_knows_no_blocks(cases, monkeypatch):
    whole = measure(cases, {"a": scorer(0), "b": scorer(1)}, ks=(5, 10))
    scores = scorer(0)(cases.queries, cases.allowed())
    masked = np.where(cases.allowed(), scores, -np.inf).astype(np.float32)
    for name, values in evaluate(masked, cases.relevant, ks=(5, 10)).items():
        np.testing.assert_allclose(whole["a"].metrics[name], values)
    assert cases.allowed()[np.arange(len(cases))[:, None], whole["a"].top].all()
    monkeypatch.setattr(measuring, "_CELLS", 7 * 40)
    told = []
    blocks = measure(
        cases, {"a": scorer(0)}, ks=(5, 10), progress=lambda done, total: told.append((done, total))
    )
    np.testing.assert_array_equal(blocks["a"].metrics["map@5"], whole["a"].metrics["map@5"])
    np.testing.assert_array_equal(blocks["a"].top, whole["a"].top)
    assert told[-1] == (len(cases), len(cases))
    assert len(told) > 1


def test_a_sample_is_that_of_the_cases(cases):
    sample = measure(cases, {"a": scorer(0)}, max_cases=5, seed=2)["a"]
    again = measure(cases.sample(5, seed=2), {"a": scorer(0)})["a"]
    np.testing.assert_array_equal(sample.metrics["ndcg@10"], again.metrics["ndcg@10"])


def test_bad_scores_are_named(cases):
    with pytest.raises(JobError, match="odd gave NaN"):
        measure(cases, {"odd": lambda q, a: np.full(a.shape, np.nan, np.float32)})
    with pytest.raises(JobError, match="odd gave scores of shape"):
        measure(cases, {"odd": lambda q, a: np.ones((len(q), 3), np.float32)})


def test_slices_of_items_and_users(cases):
    masks = item_slices(cases.fit)
    assert sum(mask.astype(int) for mask in masks.values()).tolist() == [1] * 40
    counts = np.bincount(cases.fit.item, minlength=40)
    assert counts[masks["head items"]].sum() >= counts.sum() / 2
    assert counts[masks["head items"]].min() >= counts[masks["tail items"]].max()
    results = measure(cases, {"a": scorer(0)}, item_slices=masks)
    found = sliced(cases, results)
    tail = cases.relevant.toarray() & masks["tail items"]
    assert found["tail items"].cases == tail.any(axis=1).sum()
    scores = np.where(cases.allowed(), scorer(0)(cases.queries, cases.allowed()), -np.inf).astype(np.float32)
    from scipy import sparse

    expected = evaluate(scores, sparse.csr_array(tail), ks=[10])["recall@10"]
    np.testing.assert_allclose(found["tail items"].metrics["a"]["recall@10"], expected)
    users = user_slices(cases.queries)
    assert sum(mask.astype(int) for mask in users.values()).tolist() == [1] * len(cases)
    assert sum(found[name].cases for name in users if name in found) == len(cases)


def test_lists_are_described():
    top = np.array([[0, 1], [0, -1], [2, 1]], np.int32)
    assert lists.coverage(top, np.array([True, True, True, True])) == 0.75
    fit = History.of([0, 0, 0, 0], [0, 0, 1, 3], num_users=1, num_items=4)
    assert lists.novelty(top, fit) == pytest.approx(-np.mean(np.log2([0.5, 0.25, 0.5, 0.25, 0.25])))
    vectors = np.array([[2, 0], [0, 1], [0, 3], [1, 1]], np.float32)
    assert lists.diversity(top, vectors) == pytest.approx((1.0 + 0.0) / 2)
    categories = lists.category_vectors(np.array([0, 1, 1, -1]))
    assert lists.diversity(top, categories) == pytest.approx(0.5)
    assert np.isnan(lists.diversity(top[1:2], vectors))
