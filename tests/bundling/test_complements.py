"""What goes with an item, against a plain recomputation, and on planned baskets."""

from dataclasses import replace

import numpy as np
import pytest

from shelfspace.bundling.baskets import Baskets
from shelfspace.bundling.complements import Complements, Weighing
from shelfspace.bundling.kinds import Kinds
from shelfspace.linear.vectors import ItemVectors
from tests.bundling.shops import planned


@pytest.fixture(scope="module")
def shop():
    catalogue, history = planned()
    baskets = Baskets.of(history)
    vectors = ItemVectors(embedding_dim=16).learn(history, catalogue).vectors
    return catalogue, Complements(baskets, Kinds.of(catalogue, baskets), Weighing()), vectors


def test_the_score_is_that_of_the_formula(shop):
    _, complements, vectors = shop
    w, total = complements.weighing, len(complements.baskets)
    dense = complements.baskets.members.toarray().astype(np.float64)
    sold, both, narrow = dense.sum(axis=0), dense.T @ dense, complements.kinds.narrow
    for row in (0, 5, 13):
        kin_rows = [j for j in range(len(sold)) if j != row and narrow[j] == narrow[row]]
        like = [j for j in kin_rows if sold[j] > 0 and vectors[j] @ vectors[row] > 0]
        weight = {j: float(vectors[j] @ vectors[row]) ** 2 for j in like}
        own = float(complements.kinds.own[narrow[row]])
        kin = (sum(both[row, j] for j in kin_rows) + own) / (
            sum(sold[row] * sold[j] / total for j in kin_rows) + 1.0
        )
        score = complements.scored(row, vectors).score
        for j in range(len(sold)):
            if j == row:
                assert score[j] == 0.0
                continue
            lent = sum(weight[i] * both[i, j] for i in like if i != j)
            under = sum(weight[i] * sold[i] for i in like) * sold[j] / total + w.lent
            prior = (lent + w.lent * complements.kinds.lifts(row)[j]) / under
            lift = (both[row, j] + w.drawn * prior) / (sold[row] * sold[j] / total + w.drawn)
            if j in kin_rows:
                lift *= max(1.0, kin) ** -w.substitutes
            expected = (lift - 1) * ((sold[j] + 0.1) / total) ** w.popular
            assert score[j] == pytest.approx(expected, rel=1e-4, abs=1e-7)


def test_complements_come_first_and_substitutes_fall_out(shop):
    catalogue, complements, vectors = shop
    ids, narrow = catalogue.ids, complements.kinds.narrow
    row = ids.row("pasta-2")
    assert ids.text(int(complements.scored(row, vectors).score.argmax())) == "sauce-2"
    shares = []
    for strength in (0.0, 1.0):
        asked = complements.weighed(replace(complements.weighing, substitutes=strength, popular=0.5))
        score = asked.scored(row, vectors).score
        assert asked.counted(row, vectors).kin > 1.0
        shares.append(score[narrow == narrow[row]].sum())
    assert shares[1] < shares[0]


def test_what_was_never_sold_is_lent_what_goes_with_its_like(shop):
    catalogue, complements, vectors = shop
    row = catalogue.ids.row("pasta-5")
    scored = complements.scored(row, vectors)
    best = catalogue.ids.texts(np.argsort(-scored.score)[:5])
    assert all(name.startswith("sauce") for name in best[:3])
    assert (scored.smoothed == 1.0).all()
    sold = complements.scored(catalogue.ids.row("pasta-2"), vectors)
    assert sold.smoothed[catalogue.ids.row("sauce-2")] < 0.2


def test_a_basket_is_the_mean_of_its_items(shop):
    catalogue, complements, vectors = shop
    rows = catalogue.ids.rows(["pasta-1", "soap-3"]).astype(np.int64)
    joint, each = complements.several(rows, vectors)
    weight = (complements.baskets.sold[rows] + 1) ** -complements.weighing.rare
    alone = [complements.scored(int(row), vectors).score for row in rows]
    np.testing.assert_allclose(joint.score, (weight[0] * alone[0] + weight[1] * alone[1]) / weight.sum())
    np.testing.assert_allclose(sum(one.score for one in each), joint.score)
    best = set(catalogue.ids.texts(np.argsort(-joint.score)[:2]))
    assert best == {"sauce-1", "towel-3"}


def test_without_categories_what_lies_near_is_alike():
    catalogue, history = planned(categories=False)
    baskets = Baskets.of(history)
    vectors = np.repeat(np.eye(4, dtype=np.float32), 6, axis=0)
    complements = Complements(baskets, Kinds.of(catalogue, baskets), Weighing(substitutes=1.0))
    counted = complements.counted(catalogue.ids.row("pasta-2"), vectors)
    assert set(catalogue.ids.texts(np.flatnonzero(counted.alike))) == {f"pasta-{n}" for n in (0, 1, 3, 4, 5)}
    best = catalogue.ids.texts(np.argsort(-complements.scored(2, vectors).score)[:1])
    assert best == ["sauce-2"]


def test_nothing_known_of_an_item_says_nothing():
    catalogue, history = planned(categories=False)
    baskets = Baskets.of(history)
    vectors = np.zeros((len(catalogue), 4), np.float32)
    scored = Complements(baskets, Kinds.of(catalogue, baskets)).scored(catalogue.ids.row("soap-5"), vectors)
    np.testing.assert_allclose(scored.score, 0.0, atol=1e-12)
