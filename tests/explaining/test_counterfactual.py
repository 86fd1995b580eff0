"""Which past items would take an answer off the list."""

from itertools import combinations

import numpy as np
import pytest

from shelfspace.explaining.counterfactual import counterfactuals, left_out
from shelfspace.shop.history import History

ITEMS, PAST, K = 30, 8, 5


def shop(seed: int):
    rng = np.random.default_rng(seed)
    weights = (rng.random((ITEMS, ITEMS)) ** 6).astype(np.float32)
    past = History.of([0] * (PAST + 2), [*range(PAST), 0, 3], num_users=1, num_items=ITEMS, clock="none")

    def ask(pasts: History) -> np.ndarray:
        scores = pasts.matrix().toarray() @ weights
        scores[:, :PAST] = -np.inf
        return scores.astype(np.float32)

    answers = np.argsort(-ask(past)[0], kind="stable")[:K].astype(np.int32)
    return past, ask, answers


def off(past, ask, items, answer) -> bool:
    scores = ask(left_out(past, [items]))[0]
    return int(answer) not in np.argsort(-scores, kind="stable")[:K]


@pytest.mark.parametrize("seed", range(6))
def test_every_set_takes_its_answer_off_and_one_is_found_where_there_is_one(seed):
    past, ask, answers = shop(seed)
    found = counterfactuals(past, answers, K, ask, list(range(PAST)))
    for answer, items in zip(answers, found, strict=True):
        alone = any(off(past, ask, (one,), answer) for one in range(PAST))
        assert (len(items) == 1) == alone
        if items:
            assert len(set(items)) == len(items) <= 3
            assert off(past, ask, items, answer)


def test_sets_are_seldom_larger_than_they_must_be():
    larger, sets = 0, 0
    for seed in range(12):
        past, ask, answers = shop(seed)
        for answer, items in zip(answers, counterfactuals(past, answers, K, ask, range(PAST)), strict=True):
            sizes = [
                n for n in (1, 2, 3) if any(off(past, ask, c, answer) for c in combinations(range(PAST), n))
            ]
            sets += bool(sizes)
            larger += bool(sizes) and len(items) != sizes[0]
    assert sets > 40
    assert larger / sets < 0.15


def test_all_events_of_an_item_go():
    past, _, _ = shop(0)
    assert left_out(past, [(0,), (3, 1), ()]).lengths().tolist() == [8, 7, 10]


def test_nothing_to_leave_out_and_no_answer():
    past, ask, answers = shop(0)
    assert counterfactuals(past, answers, K, ask, []) == [()] * K
    assert counterfactuals(past, answers[:0], K, ask, [0]) == []
    one = left_out(past, [tuple(range(1, PAST))])
    found = counterfactuals(one, answers, K, ask, [0])
    assert len(found) == K
    assert set(found) <= {(), (0,)}


def test_a_list_longer_than_the_shop_loses_only_what_cannot_be_answered_any_more():
    past, ask, answers = shop(1)
    assert counterfactuals(past, answers, ITEMS + 5, ask, range(PAST)) == [()] * K


def test_in_blocks_as_at_once():
    past, ask, answers = shop(2)
    whole = counterfactuals(past, answers, K, ask, range(PAST))
    assert counterfactuals(past, answers, K, ask, range(PAST), at_once=1) == whole
