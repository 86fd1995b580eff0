"""What the parts of a score count for, learnt where the truth is known."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pytest

from shelfspace.searching.fitted import FittedSearch, Search, fitted
from shelfspace.searching.learning import Material, by_pairs, by_trees, learnt, ndcg, scores_of
from shelfspace.searching.searcher import FEATURES, MEANING, WORDS, Ranking
from shelfspace.shop.reading import read_shop
from shelfspace.shop.shop import Shop

START = Ranking(Search().weights())


def material(
    truth: tuple[float, float, float, float], num: int = 60, size: int = 12, seed: int = 0
) -> Material:
    """Queries whose products are as good as a weighted sum of their parts says."""
    rng = np.random.default_rng(seed)
    parts = rng.random((num * size, 4)).astype(np.float32)
    good = parts @ np.array(truth, np.float32)
    gain = np.concatenate([np.argsort(np.argsort(some)) * 4 // size for some in good.reshape(num, size)])
    features = np.zeros((num * size, len(FEATURES)), np.float32)
    features[:, :4] = parts
    return Material(parts, features, gain.astype(np.float64), np.repeat(np.arange(num), size))


def test_ndcg_by_hand():
    found = Material(np.zeros((3, 4)), np.zeros((3, 1)), np.array([1.0, 3.0, 0.0]), np.zeros(3, np.int64))
    ideal = 7 / np.log2(2) + 1 / np.log2(3)
    assert ndcg(found, np.array([3.0, 2.0, 1.0])) == pytest.approx([(1 + 7 / np.log2(3)) / ideal])


def test_weights_follow_what_is_better():
    found = by_pairs(material((0.2, 1.0, 0.0, 0.0)), START)
    assert found.weights[MEANING] > 3 * found.weights[WORDS]
    assert min(found.weights.values()) >= 0
    held_out = material((0.2, 1.0, 0.0, 0.0), seed=1)
    assert (
        ndcg(held_out, scores_of(held_out, found)).mean()
        > ndcg(held_out, scores_of(held_out, START)).mean() + 0.05
    )


def test_trees_add_to_the_sum_and_their_parts_sum_to_what_they_add():
    pytest.importorskip("lightgbm")
    taught = material((1.0, 0.0, 0.0, 0.0))
    taught.features[:, -1] = taught.gain  # a fact that no part of the sum has
    found = by_trees(taught, START, 0)
    added = found.running.added(taught.features)
    assert np.corrcoef(added, taught.gain)[0, 1] > 0.8
    assert found.running.contributions(taught.features).sum(axis=1) == pytest.approx(added, abs=1e-5)


def test_what_is_no_better_on_held_out_queries_is_not_taken():
    noise = material((1.0, 1.0, 0.0, 0.0))
    noise.gain[:] = np.random.default_rng(3).permutation(noise.gain)
    ranking, measured, _ = learnt(noise, START, seed=0)
    assert ranking == START
    assert "ndcg@10, weights" in measured
    ranking, measured, _ = learnt(material((0.0, 1.0, 0.0, 0.0)), START, seed=0)
    assert ranking != START
    assert measured["ndcg@10, weights"] > measured["ndcg@10, as they come"]


KINDS = ["mug", "lamp", "boot", "scarf", "bag"]
NAMES = [f"q{n}x" for n in range(25)]


def labelled() -> Shop:
    """A shop in which the mug is what every query is for."""
    rows = [(f"{q}-{kind}", f"{q} {kind}", kind) for q in NAMES for kind in KINDS]
    items = dict(zip(("item_id", "title", "brand"), map(list, zip(*rows, strict=True)), strict=True))
    return read_shop({"items": {}}, frames={"items": pa.table(items)})


def pairs(amount: str, best: float, others: float) -> pa.Table:
    rows = [(q, f"{q}-{kind}", best if kind == "mug" else others) for q in NAMES for kind in KINDS]
    columns = zip(("query", "item_id", amount), map(list, zip(*rows, strict=True)), strict=True)
    return pa.table(dict(columns))


def test_a_shop_with_judgments_learns_from_them_and_one_with_few_says_so():
    shop, judgments = labelled(), pairs("gain", 3.0, 0.0)
    found = fitted(Search(), replace(shop, tables={"judgments": judgments}), seed=0)
    assert found.measured["learnt from"] == "judgments"
    assert found.measured["queries"] == 25
    found = fitted(Search(), replace(shop, tables={"judgments": judgments.slice(0, 50)}), seed=0)
    assert list(found.measured) == ["notes"]
    assert "too few queries of the judgments" in found.notes[0]
    assert fitted(Search(learn=False), replace(shop, tables={"judgments": judgments}), seed=0).measured == {}


def test_a_shop_with_a_log_learns_from_what_was_taken_and_what_was_not():
    pytest.importorskip("lightgbm")
    clicks = pairs("count", 7.0, 1.0).filter(
        pyarrow.compute.field("count") > 1
    )  # the others were never taken
    found = fitted(Search(), replace(labelled(), tables={"queries": clicks}), seed=0)
    assert found.measured["learnt from"] == "clicks"
    assert found.measured["ndcg@10, trees"] <= 1.0
    assert found.suggestions.near("q3") == ["q3x"]
    again = FittedSearch.read(found.files().__getitem__)
    assert again.searcher.ranking == found.searcher.ranking
