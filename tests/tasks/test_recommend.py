"""What a shopper will want next."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

import shelfspace as ss
from shelfspace.errors import InputError, UnknownIdError
from tests.contracts.task_contract import TaskContract


@pytest.fixture(scope="module")
def space(small_run: Path) -> ss.Space:
    return ss.open(small_run)


class TestRecommend(TaskContract):
    task = "recommend"
    subjects = ("user-7", "user-8")


def bought(space: ss.Space, user: str) -> set[str]:
    row = space.users.row(user)
    return set(space.catalogue.ids.texts(space.history.of_users([row]).item))


def test_what_was_had_is_left_out_let_in_or_asked_for(space):
    had = bought(space, "user-7")
    new = {h.item_id for h in space.recommend("user-7", k=200)}
    everything = {h.item_id for h in space.recommend("user-7", k=200, seen="include")}
    again = {h.item_id for h in space.recommend("user-7", k=200, seen="only")}
    assert not new & had
    assert again == had
    assert had & everything
    assert everything & new


@pytest.mark.parametrize("seen", ["exclude", "include", "only"])
def test_reasons_sum_to_the_score(space, seen):
    hits = space.recommend(["user-7", "user-8"], k=10, seen=seen, why=True)
    for hit in hits:
        assert sum(part.amount for part in hit.why) == pytest.approx(hit.score, rel=1e-4, abs=1e-6)


def test_scores_fall_and_ranks_count_up(space):
    hits = list(space.recommend("user-9", k=30))
    assert [h.rank for h in hits] == list(range(1, len(hits) + 1))
    assert np.all(np.diff([h.score for h in hits]) <= 0)


def test_a_batch_answers_as_one_by_one(space):
    """But for items that are alike to the last digit: those may change places."""
    users = ["user-1", "user-2", "user-1"]
    together = space.recommend(users, k=5).table.to_pylist()
    for n, user in enumerate(users):
        single = space.recommend(user, k=30).table.to_pylist()
        score = {row["item_id"]: row["score"] for row in single}
        for left, right in zip(together[5 * n : 5 * n + 5], single, strict=False):
            assert left["score"] == pytest.approx(right["score"], rel=1e-5)
            assert left["score"] == pytest.approx(score[left["item_id"]], rel=1e-5)


def test_a_filter_is_hard_and_a_shortfall_is_told(space):
    hits = space.recommend("user-1", k=50, where="price<7 and category:boot")
    prices = dict(
        zip(space.catalogue.ids.array.to_pylist(), space.catalogue.table["price"].to_pylist(), strict=True)
    )
    assert hits
    assert all(prices[h.item_id] < 7 for h in hits)
    assert f"{len(hits)} of 50" in hits.notes[0]
    nothing = space.recommend("user-1", where="price<0")
    assert len(nothing) == 0
    assert "0 of 10" in nothing.notes[0]


def test_a_basket_stands_for_a_shopper(space):
    hits = space.recommend(history=["sku-002", "sku-008"], k=5, why=True)
    assert {h.subject for h in hits} == {"this shopper"}
    assert not {"sku-002", "sku-008"} & {h.item_id for h in hits}
    tastes = [int(h.item_id.removeprefix("sku-")) % 6 for h in hits]
    assert np.mean(np.array(tastes) == 2) >= 0.6
    assert {part.item_id for h in hits for part in h.why} <= {None, "sku-002", "sku-008"}


def test_what_was_done_since_is_added_to_what_is_known(space):
    one = space.recommend("user-1", k=10)
    since = [ss.Event("sku-005", "2024-12-01T10:00"), ss.Event("sku-011", datetime(2024, 12, 1, 10, 5))]
    other = space.recommend("user-1", history=since, k=10)
    assert [h.item_id for h in one] != [h.item_id for h in other]
    assert not {"sku-005", "sku-011"} & {h.item_id for h in other}


def test_unknown_shoppers_get_what_is_popular_and_are_told(space):
    unknown, anyone = space.recommend("user-99999", k=5), space.recommend(k=5)
    assert [h.item_id for h in unknown] == [h.item_id for h in anyone]
    assert "not known" in unknown.notes[0]
    assert "popular" in anyone.notes[0]
    mixed = space.recommend(["user-1", "user-99999"], k=5)
    assert [h.item_id for h in mixed][:5] == [h.item_id for h in space.recommend("user-1", k=5)]
    assert [h.item_id for h in mixed][5:] == [h.item_id for h in anyone]


@pytest.mark.parametrize(
    ("given", "error", "word"),
    [
        ({"history": ["sku-9999"]}, UnknownIdError, "in the history"),
        ({"history": [ss.Event("sku-001", "soon")]}, InputError, "not a time"),
        ({"history": [ss.Event("sku-001", None, "veiw")]}, InputError, "unknown event 'veiw'"),
        ({"user": ["user-1", "user-2"], "history": ["sku-001"]}, InputError, "one shopper"),
        ({"user": "user-1", "k": 0}, InputError, "out of range"),
        ({"user": "user-1", "k": 10**9}, InputError, "out of range"),
    ],
)
def test_what_cannot_be_answered(space, given, error, word):
    with pytest.raises(error, match=word):
        space.recommend(**given)


def test_somebody_unknown_is_answered_though_no_model_of_the_blend_knows_them(space):
    """A blend may do without popularity; who has no history is then given what was taken most."""
    one = min(space.blend.used & {"content", "ease", "item_knn", "vectors"})
    weights = {mode: {n: float(n == one) for n in ws} for mode, ws in space.blend.weights.items()}
    space = replace(space, blend=replace(space.blend, weights=weights, slices={}, rankers={}))
    hits = space.recommend("nobody", k=5, why=True)
    taken = np.bincount(space.history.item, minlength=len(space.catalogue))
    best = np.sort(taken)[::-1][:5]
    assert [taken[space.catalogue.ids.row(hit.item_id)] for hit in hits] == best.tolist()
    for hit in hits:
        assert [part.part for part in hit.why] == ["popularity"]
        assert sum(part.amount for part in hit.why) == pytest.approx(hit.score)


def test_of_an_arranged_list_it_is_not_told_what_would_take_an_answer_off(space):
    plain = space.recommend("user-7", k=5, why=True)
    assert any(hit.more["unless"] is not None for hit in plain)
    for settings in ({"diversity": 0.5}, {"explore": 0.5, "seed": 1}):
        assert all(hit.more["unless"] is None for hit in space.recommend("user-7", k=5, why=True, **settings))
