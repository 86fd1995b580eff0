"""Windows of baskets, weights chosen on them, and what is measured."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from shelfspace.bundling.baskets import Baskets
from shelfspace.bundling.bundle import Bundle, FittedBundle
from shelfspace.bundling.complements import Weighing
from shelfspace.bundling.learning import discounted, learnt_from, window
from shelfspace.bundling.next_basket import Habits
from shelfspace.errors import DataError
from shelfspace.evaluation.bundled import bundled
from tests.bundling.shops import planned

SETTINGS = Bundle(tune_cases=15, test_cases=30)


@pytest.fixture(scope="module")
def learnt():
    catalogue, history = planned()
    return learnt_from(SETTINGS, catalogue, history, num_named=20, seed=0)


def test_a_window_knows_only_what_was_before_it():
    _, history = planned()
    found = window(history, 400.0, 500.0, 50, num_named=20, seed=0)
    assert found.past.time.max() < 400.0
    assert found.past.now == 400.0
    held = {tuple(np.unique(history.item[history.basket == b]).tolist()) for b in range(400, 500)}
    assert len(found.cases) == 50
    for case in found.cases:
        assert tuple(sorted([*case.others.tolist(), case.hidden])) in held
        assert case.one in case.others
        assert sorted([*case.rest.tolist(), case.one]) == sorted([*case.others.tolist(), case.hidden])
    for user, visit in zip(found.users.tolist(), found.visits, strict=True):
        first = min(b for b in range(400, 500) if b % 20 == user)
        assert visit.tolist() == np.unique(history.item[history.basket == first]).tolist()


def test_planned_baskets_are_foretold_better_than_by_what_is_popular_or_by_lift_alone(learnt):
    found = bundled(learnt)
    assert found["baskets"] == 600
    ours = found["one"]["models"]["bundle"]
    assert ours["over_popularity"]["ndcg@10"]["low"] > 0.0
    assert ours["ndcg@10"]["value"] >= found["one"]["models"]["lift"]["ndcg@10"]["value"] - 0.05
    assert found["next_basket"]["cases"] == 20


def test_discounted_counts_ranks_from_the_top_and_ties_in_the_middle():
    score = np.array([5.0, 3.0, 3.0, 1.0])
    assert discounted(score, np.array([0])) == pytest.approx(1.0)
    assert discounted(score, np.array([1, 3])) == pytest.approx(1 / np.log2(3.5) + 1 / np.log2(5.0))
    assert discounted(score, np.array([3]), deepest=3) == 0.0


def test_it_is_written_and_read_as_it_was(learnt):
    before = FittedBundle(learnt.complements, learnt.next_basket, {"a": 1}, ("said",))
    files = before.files()
    after = FittedBundle.read(files.__getitem__)
    assert (after.measured, after.notes) == ({"a": 1}, ("said",))
    assert after.complements.weighing == before.complements.weighing
    catalogue, history = planned()
    vectors = np.ones((len(catalogue), 1), np.float32)
    for row in (0, 5):
        one, other = (f.complements.scored(row, vectors).score for f in (before, after))
        np.testing.assert_array_equal(one, other)
    one, other = (f.next_basket.visit(history.of_users([3])).score for f in (before, after))
    np.testing.assert_allclose(one, other)


def test_the_parts_of_a_visit_are_those_of_its_past_items(learnt):
    _, history = planned()
    model = replace(learnt.next_basket, habits=Habits(again=60.0, beside=0.2, popular=0.1))
    visit = model.visit(history.of_users([3]))
    rows = np.arange(history.num_items)
    np.testing.assert_allclose(model.beside(visit, rows).sum(axis=0), visit.beside, atol=1e-12)
    assert visit.again.max() == 1.0
    assert visit.beside.max() == pytest.approx(0.2)
    assert visit.popular.max() == pytest.approx(0.1)


def test_without_times_the_weights_stay_and_nothing_is_measured():
    catalogue, history = planned(50)
    timeless = replace(history, time=np.zeros(history.num_events), clock="none")
    learnt = learnt_from(SETTINGS, catalogue, timeless, num_named=20, seed=0)
    assert learnt.complements.weighing == Weighing(substitutes=0.5, popular=0.6)
    assert set(bundled(learnt)) == {"baskets", "source"}
    assert "nothing is measured" in learnt.notes[0]


def test_a_shop_in_which_nothing_is_together_is_refused():
    catalogue, history = planned(50)
    _, first = np.unique(history.basket, return_index=True)
    alone = history.keep(np.isin(np.arange(history.num_events), first))
    with pytest.raises(DataError, match="none of the 50 baskets holds two items: nothing goes together"):
        learnt_from(SETTINGS, catalogue, alone, num_named=20, seed=0)


def test_everything_in_one_category_and_nobody_named():
    catalogue, history = planned(200)
    table = catalogue.table.set_column(1, "category", pa.array([["food"]] * len(catalogue)))
    one = type(catalogue)(catalogue.ids, table, catalogue.first_seen, catalogue.duplicates)
    learnt = learnt_from(SETTINGS, one, history, num_named=0, seed=0)
    assert learnt.next_basket is None
    assert (learnt.complements.kinds.narrow == 0).all()
    found = bundled(learnt)
    assert found["same_kind"]["bundle"]["value"] == 1.0
    assert "next_basket" not in found
    assert Baskets.of(history).sold.sum() > 0
