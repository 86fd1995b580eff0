"""What is known of a shopper and an offer, beside a recount event by event."""

from collections import Counter

import numpy as np
import pytest

from shelfspace.responding.bought import LEAST, TRUST
from shelfspace.responding.features import Past
from shelfspace.responding.offers import Offers
from shelfspace.responding.profile import Profile
from shelfspace.responding.responses import Responses, read_log
from shelfspace.responding.snapshots import snapshots
from tests.responding.shops import read


@pytest.fixture(scope="module")
def shop():
    return read()


@pytest.fixture(scope="module")
def past(shop) -> Past:
    offers, _ = Offers.of(shop.tables, shop.catalogue)
    shown, responded, _ = read_log(shop.tables, offers, shop.users)
    log = Responses.of(shown, responded, offers, len(shop.users), wait=90.0, seed=0)
    ticks = snapshots(shop.history, shop.catalogue, log.time, float(shop.history.time.max()), seed=0)
    profile = Profile.of(shop.tables["users"], shop.users)
    return Past(shop.history, shop.catalogue, offers, log, profile, ticks, 30.0)


@pytest.fixture(scope="module")
def asked(past: Past):
    rows = np.random.default_rng(0).choice(len(past.log), 300, replace=False)
    return past.log.user[rows], past.log.offer[rows], past.log.time[rows]


def test_purchases_are_those_before_the_moment(past: Past, asked):
    found = past.table(*asked)
    kind = [path[0] for path in past.catalogue.table["category"].to_pylist()]
    for n, (user, offer, time) in enumerate(zip(*asked, strict=True)):
        start, end = past.history.indptr[user : user + 2]
        events = [e for e in range(start, end) if past.history.time[e] < time]
        row = past.offers.items[[offer]].indices.tolist()
        age = {e: time - past.history.time[e] for e in events}
        own = [e for e in events if past.history.item[e] in row]
        assert found["its items: bought ever"][n] == pytest.approx(np.log1p(len(own)), abs=1e-5)
        lately = sum(2 ** (-age[e] / 30.0) for e in own)
        assert found["its items: bought lately"][n] == pytest.approx(np.log(LEAST + lately), abs=1e-4)
        assert found["the shopper: events"][n] == pytest.approx(np.log1p(len(events)))
        if events:
            assert found["the shopper: since the last"][n] == pytest.approx(np.log1p(min(age.values())))
        (wanted,) = {kind[item] for item in row}
        aged = Counter[str]()
        for e in events:
            aged[kind[past.history.item[e]]] += 2 ** (-age[e] / 30.0)
        assert found["its category: category 1"][n] == pytest.approx(np.log(LEAST + aged[wanted]), abs=1e-4)
        tick = max(
            (t for t in past.snapshots if t.time <= time), key=lambda t: t.time, default=past.snapshots[0]
        )
        usual = Counter[str]()
        for item, count in enumerate(tick.usual):
            usual[kind[item]] += count
        share = (usual[wanted] + 1) / (sum(usual.values()) + 6)
        lift = (aged[wanted] + TRUST * share) / ((sum(aged.values()) + TRUST) * share)
        beside = found["its category: category 1 beside the usual"][n]
        assert beside == pytest.approx(np.log(lift), abs=1e-4)


def test_nearness_is_the_cosine_of_aged_history_and_offer(past: Past, asked):
    found = past.table(*asked)["nearness in the space: cosine"]
    for n, (user, offer, time) in enumerate(zip(*asked, strict=True)):
        tick = max((t for t in past.snapshots if t.time <= time), key=lambda t: t.time)
        vectors = tick.vectors.astype(np.float64)
        start, end = past.history.indptr[user : user + 2]
        taste = np.zeros(vectors.shape[1])
        for e in range(start, end):
            if past.history.time[e] < time:
                taste += 2 ** (-(time - past.history.time[e]) / 30.0) * vectors[past.history.item[e]]
        mean = vectors[past.offers.items[[offer]].indices].sum(axis=0)
        length = np.linalg.norm(taste) * np.linalg.norm(mean)
        assert found[n] == pytest.approx(taste @ mean / length if length else 0.0, abs=1e-3)


def test_rates_count_what_was_known_to_be_taken(past: Past, asked):
    found, log = past.table(*asked), past.log
    campaign, _ = past.offers.campaign
    for n, (user, offer, time) in enumerate(zip(*asked, strict=True)):
        known = log.known < time
        usual = (log.taken[known].sum() + 0.5) / (known.sum() + 1.0)
        for name, rows in (
            ("responses of the shopper: rate", log.user == user),
            ("responses of all: to its campaign", campaign[log.offer] == campaign[offer]),
        ):
            rate = (log.taken[known & rows].sum() + TRUST * usual) / ((known & rows).sum() + TRUST)
            lift = np.log(rate / (1 - rate)) - np.log(usual / (1 - usual))
            assert found[name][n] == pytest.approx(lift, abs=1e-6)


def test_what_comes_later_changes_nothing(past: Past, shop, asked):
    """Neither purchases nor responses nor vectors of the time after a moment are seen."""
    user, offer, time = asked
    cut = float(np.median(time))
    early = time <= cut
    before = past.table(user[early], offer[early], time[early])
    rng = np.random.default_rng(1)
    later = shop.history.time >= cut
    item = shop.history.item.copy()
    item[later] = rng.integers(0, len(shop.catalogue), later.sum())
    history = type(shop.history)(**(vars(shop.history) | {"item": item}))
    log = past.log
    taken = np.where(log.known >= cut, rng.random(len(log)) < 0.5, log.taken)
    log = Responses(log.user, log.offer, log.time, log.known, taken, log.weight)
    ticks = snapshots(history, shop.catalogue, log.time, past.snapshots[-1].time, seed=0)
    again = Past(history, shop.catalogue, past.offers, log, past.profile, ticks, 30.0)
    after = again.table(user[early], offer[early], time[early])
    for name, values in before.items():
        assert np.array_equal(values, after[name], equal_nan=True), name


def test_somebody_unknown_has_no_past(past: Past):
    found = past.table(np.array([-1], np.int32), np.array([0], np.int32), np.array([1e6]))
    assert found["the shopper: events"][0] == 0
    assert np.isnan(found["profile: size"][0])
    assert found["responses of the shopper: rate"][0] == pytest.approx(0)
    assert not np.isnan(found["responses of all: to its offer"][0])


def test_a_profile_is_numbers_and_words_that_people_share(past: Past, shop):
    assert past.profile.names == ["size", "sex: f", "sex: m"]
    for text, row in zip(shop.users.array.to_pylist(), past.profile.values.tolist(), strict=True):
        number = int(text[1:])
        assert row == [number % 5, number % 2 == 0, number % 2 == 1]
