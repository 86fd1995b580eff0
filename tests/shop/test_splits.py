from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfspace.errors import ConfigError, InputError
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import History
from shelfspace.shop.ids import Ids
from shelfspace.shop.shop import Shop
from shelfspace.shop.splits import PROTOCOLS, possible_protocols, split


def shop_of(
    user, item, time=None, *, num_users=None, named=None, clock="calendar", held_out=None, first=None
):
    user, item = np.asarray(user), np.asarray(item)
    num_users = int(user.max()) + 1 if num_users is None else num_users
    num_items = int(item.max()) + 1
    clock = "none" if time is None else clock
    history = History.of(user, item, time, num_users=num_users, num_items=num_items, clock=clock)
    catalogue = Catalogue(
        ids=Ids([f"i{n}" for n in range(num_items)], "item"),
        table=pa.table({"title": [f"thing {n}" for n in range(num_items)]}),
        first_seen=np.full(num_items, -np.inf) if first is None else np.asarray(first, float),
        duplicates=np.arange(num_items, dtype=np.int32),
    )
    users = Ids([f"u{n}" for n in range(num_users if named is None else named)], "user")
    return Shop(catalogue, users, history, ("purchase",), SimpleNamespace(), held_out=held_out)


def random_shop(seed, *, events=400, users=25, items=30, times=80, **more):
    rng = np.random.default_rng(seed)
    time = rng.integers(0, times, events).astype(float)
    return shop_of(
        rng.integers(0, users, events), rng.integers(0, items, events), time, num_users=users, **more
    )


def relevant(cases):
    return [set(row) for row in np.split(cases.relevant.indices, cases.relevant.indptr[1:-1])]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.booleans(), st.sampled_from([4, 20, 400]))
def test_time_against_a_plain_recount(seed, new_only, times):
    shop = random_shop(seed, times=times)
    blocks = split(shop, "time" if new_only else "time-any")
    events = list(zip(shop.history.user(), shop.history.item, shop.history.time, strict=True))
    first, second, last = blocks.validation.fit.now, blocks.test.fit.now, shop.history.time.max()
    for cases, cut, until in ((blocks.validation, first, second), (blocks.test, second, last)):
        assert cases.fit.num_events == sum(t <= cut for _, _, t in events)
        assert cases.fit.num_users == shop.history.num_users
        assert cases.fit.time.max() <= cut == cases.queries.now
        wanted = {}
        for user in range(shop.history.num_users):
            window = {i for u, i, t in events if u == user and cut < t <= until}
            before = {i for u, i, t in events if u == user and t <= cut}
            if window - (before if new_only else set()):
                wanted[user] = window - (before if new_only else set())
        assert dict(zip(cases.rows, relevant(cases), strict=True)) == wanted
        for n, user in enumerate(cases.rows):
            query = cases.queries.of_users([n])
            assert list(query.item) == [i for u, i, t in events if u == user and t <= cut]
        assert cases.mask_seen is new_only


def test_cuts_are_near_80_and_90_percent_and_do_not_divide_an_instant():
    shop = random_shop(1, events=5000, users=300, times=1000)
    blocks = split(shop, "time")
    assert blocks.validation.fit.num_events / 5000 == pytest.approx(0.8, abs=0.003)
    assert blocks.test.fit.num_events / 5000 == pytest.approx(0.9, abs=0.003)
    coarse = split(random_shop(1, events=5000, users=300, times=3), "time")
    assert (coarse.validation.fit.now, coarse.test.fit.now) == (0.0, 1.0)


def test_items_not_yet_known_are_no_candidates_unless_they_were_sold():
    item = np.append(np.arange(99) % 8, 8)
    first = np.append(np.full(9, -np.inf), 1000.0)
    first[8] = 1000.0
    shop = shop_of(np.append(np.arange(99) % 5, 0), np.append(item[:-1], 9), np.arange(100.0), first=first)
    assert not split(shop, "time-any").validation.candidates[[8, 9]].any()
    assert list(split(shop, "time-any").test.candidates[[8, 9]]) == [False, True]


def test_users_without_history_are_cases():
    shop = shop_of([0] * 9 + [1], [0, 1, 2, 3, 4, 5, 6, 7, 8, 2], np.arange(10.0))
    test = split(shop, "time").test
    assert list(test.rows) == [1]
    assert test.queries.num_events == 0


def test_anonymous_rows_are_cases_only_where_no_user_is_named():
    user, item, time = np.repeat(np.arange(20), 3), np.arange(60) % 7, np.arange(60.0)
    sessions = split(shop_of(user, item, time, named=0), "time").test
    assert list(sessions.rows) == [18, 19]
    assert relevant(sessions) == [{item[56]}, {item[59]}]
    assert list(sessions.queries.item) == [*item[54:56], *item[57:59]]
    assert sessions.queries.now is None
    mixed = random_shop(3, named=5)
    assert set(split(mixed, "time-any").test.rows) <= set(range(5))
    assert split(mixed, "time-any").test.fit.num_users == 25


def test_leave_one_out():
    shop = shop_of(
        [0, 0, 0, 0, 1, 1, 2, 2, 2], [0, 1, 2, 3, 1, 2, 4, 0, 3], [1, 2, 3, 4, 1, 2, 1, 2, 3], clock="steps"
    )
    blocks = split(shop, "leave-one-out")
    assert list(blocks.test.rows) == list(blocks.validation.rows) == [0, 2]
    assert relevant(blocks.validation) == [{2}, {0}]
    assert relevant(blocks.test) == [{3}, {3}]
    assert list(blocks.test.queries.item) == [0, 1, 2, 4, 0]
    assert list(blocks.validation.queries.item) == [0, 1, 4]
    assert list(blocks.test.fit.item) == list(blocks.validation.fit.item) == [0, 1, 1, 2, 4]
    assert blocks.test.mask_seen
    assert "leaks across users" in blocks.test.note


def test_own_split_and_random():
    rng = np.random.default_rng(5)
    pairs = np.unique(rng.integers(0, 40 * 60, 1200))
    held = rng.random(len(pairs)) < 0.2
    user, item = pairs // 60, pairs % 60
    item[-1] = 59
    test = History.of(user[held], item[held], num_users=40, num_items=60, clock="none")
    shop = shop_of(user[~held], item[~held], num_users=40, held_out=test)
    blocks = split(shop, "split", seed=3)
    assert blocks.test.relevant.sum() == test.num_events
    assert blocks.test.fit.num_events == shop.history.num_events
    drawn = np.diff(blocks.validation.relevant.indptr)
    counts = shop.history.lengths()[blocks.validation.rows]
    assert (drawn == np.maximum(1, np.round(0.1 * counts))).all()
    assert blocks.validation.fit.num_events + drawn.sum() == shop.history.num_events
    again = split(shop, "split", seed=3)
    assert (again.validation.relevant.indices == blocks.validation.relevant.indices).all()

    blocks = split(shop, "random", seed=3)
    total = shop.history.num_events
    assert blocks.test.fit.num_events + blocks.test.relevant.sum() == total
    assert blocks.validation.fit.num_events + blocks.validation.relevant.sum() == blocks.test.fit.num_events


@pytest.mark.parametrize("timed", [True, False])
def test_cold_items_are_in_no_training_event(timed):
    shop = random_shop(2, items=50)
    if not timed:
        shop = shop_of(shop.history.user(), shop.history.item)
    blocks = split(shop, "cold-items", seed=1)
    assert blocks.test.candidates.sum() == blocks.validation.candidates.sum() == 5
    assert not (blocks.test.candidates & blocks.validation.candidates).any()
    for cases in (blocks.validation, blocks.test):
        assert not cases.candidates[cases.fit.item].any()
        assert not cases.candidates[cases.queries.item].any()
        assert cases.candidates[cases.relevant.indices].all()
        assert (cases.queries.lengths() > 0).all()
    assert not blocks.test.candidates[blocks.validation.fit.item].any()


@pytest.mark.parametrize("timed", [True, False])
def test_cold_users_are_in_no_training_event(timed):
    shop = random_shop(2, users=50)
    if not timed:
        shop = shop_of(shop.history.user(), shop.history.item)
    blocks = split(shop, "cold-users", seed=1)
    assert not set(blocks.test.rows) & set(blocks.validation.rows)
    for cases in (blocks.validation, blocks.test):
        assert (cases.fit.lengths()[cases.rows] == 0).all()
        whole = shop.history.lengths()[cases.rows]
        assert (cases.queries.lengths() == (whole + 1) // 2).all()
    assert (blocks.validation.fit.lengths()[blocks.test.rows] == 0).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(sorted(set(PROTOCOLS) - {"split"})))
def test_what_is_asked_for_can_be_answered_and_is_not_in_training(seed, protocol):
    blocks = split(random_shop(seed), protocol, seed=seed)
    for cases in (blocks.validation, blocks.test):
        assert cases.candidates[cases.relevant.indices].all()
        assert (np.diff(cases.relevant.indptr) > 0).all()
        if cases.mask_seen:
            fitted = cases.fit.matrix()[cases.rows]
            assert fitted.multiply(cases.relevant).nnz == 0
            allowed = cases.allowed()
            assert allowed[cases.relevant.nonzero()].all()
            assert not allowed[cases.queries.matrix().nonzero()].any()


def test_samples_are_seeded_and_in_order():
    cases = split(random_shop(0), "time-any").test
    one, two = cases.sample(7, seed=4), cases.sample(7, seed=4)
    assert list(one.rows) == list(two.rows) == sorted(one.rows)
    assert len(one.queries) == len(one.answers) == one.relevant.shape[0] == 7
    assert cases.sample(10_000) is cases


def test_clear_refusals():
    untimed = shop_of([0, 0, 1, 1], [0, 1, 2, 3])
    assert possible_protocols(untimed) == ("random", "cold-items", "cold-users")
    with pytest.raises(InputError, match="has no times; possible: random"):
        split(untimed, "time")
    with pytest.raises(ConfigError, match="did you mean 'leave-one-out'"):
        split(untimed, "leave_one_out")
    with pytest.raises(InputError, match="no test part"):
        split(untimed, "split")
    with pytest.raises(InputError, match="at least three"):
        split(shop_of([0, 0, 1, 1], [0, 1, 2, 3], np.ones(4)), "time")
    with pytest.raises(InputError, match="nobody to ask"):
        split(shop_of([0] * 10, [0] * 10, np.arange(10.0)), "time")
    with pytest.raises(InputError, match="at least three events"):
        split(shop_of([0, 0, 1, 1], [0, 1, 2, 3], np.arange(4.0)), "leave-one-out")
    with pytest.raises(InputError, match="too few"):
        split(shop_of([0, 0, 0], [0, 1, 0]), "cold-items")
    with pytest.raises(InputError, match="too few"):
        split(shop_of([0, 0, 0], [0, 1, 2]), "cold-users")
    with pytest.raises(InputError, match="three different items"):
        split(shop_of([0, 0], [0, 1]), "random")


def test_an_order_is_not_a_date():
    user = np.repeat(np.arange(10), 10)
    shop = shop_of(user, np.arange(100) % 17, np.tile(np.arange(10.0), 10), clock="steps")
    test = split(shop, "time-any").test
    assert test.fit.now is None
    assert "order" in test.note
