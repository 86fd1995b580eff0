"""The plain rules that ours stands beside, and what is measured of lists, by hand."""

import numpy as np
import pytest

from shelfspace.bundling.baskets import Baskets
from shelfspace.bundling.complements import Complements
from shelfspace.bundling.kinds import Kinds
from shelfspace.evaluation.bundled import compared, plain, ranked, same_kind
from tests.bundling.shops import planned


def test_plain_rules_are_means_over_the_items_asked_with():
    _, history = planned(100)
    baskets = Baskets.of(history)
    dense = baskets.members.toarray().astype(np.float64)
    sold, both = dense.sum(axis=0), dense.T @ dense
    rows = np.array([0, 7, 12])
    found = plain(baskets, rows)
    some = sold > 0
    confidence = sum(both[r] / sold[r] for r in rows)
    np.testing.assert_allclose(found["popularity"], sold)
    np.testing.assert_allclose(found["confidence"], confidence)
    np.testing.assert_allclose(found["lift"][some], (confidence * len(dense) / np.maximum(sold, 1))[some])
    cosine = sum(both[r] / np.sqrt(sold[r]) for r in rows)
    np.testing.assert_allclose(found["cosine"][some], (cosine / np.sqrt(np.maximum(sold, 1)))[some])


def test_what_was_given_is_not_answered_and_the_rest_is_ranked():
    score = np.arange(30.0)
    found = ranked(score, np.array([29, 28]), np.array([27, 0]))
    assert found["hr"] == 1.0
    assert found["recall"] == 0.5
    assert found["ndcg"] == pytest.approx(1 / (1 + 1 / np.log2(3)))


def test_the_share_of_its_own_kind_among_the_ten_best():
    catalogue, history = planned(100)
    baskets = Baskets.of(history)
    complements = Complements(baskets, Kinds.of(catalogue, baskets))
    score = np.zeros(24)
    score[:6] = 2.0  # its own kind, itself among them
    score[6:20] = np.linspace(1.0, 1.5, 14)
    assert same_kind(complements, score, 0) == 0.5


def test_differences_are_paired():
    ones = [{"hr": float(n % 2), "ndcg": 0.5, "recall": 0.1} for n in range(50)]
    less = [{"hr": float(n % 2) - 0.25, "ndcg": 0.5, "recall": 0.1} for n in range(50)]
    found = compared({"bundle": ones, "lift": less})
    assert found["bundle"]["over_lift"]["hr@10"] == {"value": 0.25, "low": 0.25, "high": 0.25}
    assert found["lift"]["hr@10"]["low"] < 0.25 < found["lift"]["hr@10"]["high"]
