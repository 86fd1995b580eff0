"""What others took, against the sums written out."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from shelfspace.newcomers.elsewhere import NEAREST, SHARPNESS, Elsewhere, nearest
from shelfspace.newcomers.evidence import Asked, Evidence, Strength, without
from shelfspace.people.graph import SocialGraph
from shelfspace.people.profiles import Profiles
from shelfspace.shop.history import History
from shelfspace.shop.ids import Ids

USERS, ITEMS, STRANGERS = 30, 12, 3
PEOPLE = Ids([f"u{n}" for n in range(USERS + STRANGERS)], "user")


def log(seed: int = 0) -> History:
    rng = np.random.default_rng(seed)
    user, item = rng.integers(USERS, size=120), rng.integers(ITEMS - 1, size=120)
    return History.of(user, item, rng.random(120) * 90, num_users=USERS + 2, num_items=ITEMS, now=100.0)


def evidence(history: History, elsewhere: Elsewhere | None = None) -> Evidence:
    rng = np.random.default_rng(1)
    head, tail = rng.integers(USERS + STRANGERS, size=(2, 70))
    graph = SocialGraph.between(PEOPLE, head, tail)
    member = sparse.csr_array((rng.random((len(PEOPLE), 4)) < 0.4).astype(np.float32))
    profiles = Profiles((("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")), member)
    users = Ids([f"u{n}" for n in range(USERS)], "user")
    return Evidence.of(graph, profiles, elsewhere, history, users, half_life=30.0, popular_half_life=np.inf)


def asked(known: Evidence, person: list[int], there: list[int] | None = None) -> Asked:
    rows = np.array(person)
    return Asked(rows, np.array(there or [-1] * len(rows)), known.profiles.member[rows])


def taken(history: History) -> np.ndarray:
    found = np.zeros((len(PEOPLE), ITEMS))
    for u, i, t in zip(history.user(), history.item, history.time, strict=True):
        if u < USERS:
            found[u, i] = max(found[u, i], 2 ** (-(100.0 - t) / 30.0))
    return found


def test_the_profile_adds_each_segments_log_of_the_share_by_which_it_takes_more():
    history = log()
    known, by_hand = evidence(history), taken(history)
    member = known.profiles.member.toarray()
    count = np.array([len(set(history.user()[history.item == i])) for i in range(ITEMS)]) + 0.5
    share = count / count.sum()
    strength = Strength(shrinkage=20.0, weight=0.6)
    found = known.part("profile", asked(known, [3, 31]), strength).toarray()
    for n, row in enumerate([3, 31]):
        expected = np.zeros(ITEMS)
        for s in np.flatnonzero(member[row]):
            c = (member[:, s][:, None] * by_hand).sum(axis=0)
            expected += 0.6 * np.log(1 + c / (20.0 * share))
        assert found[n] == pytest.approx(expected, rel=1e-4)
    parts = known.segment_parts(asked(known, [3]), strength).toarray().sum(axis=0)
    assert parts == pytest.approx(found[0], rel=1e-4)


@pytest.mark.parametrize(("closeness", "further"), [(0.0, 0.0), (0.5, 0.0), (1.0, 0.7)])
def test_friends_count_by_friends_in_common_and_theirs_by_the_way(closeness: float, further: float):
    history = log()
    known, by_hand = evidence(history), taken(history)
    edges = known.edges.toarray().astype(np.float64)
    strength = Strength(5.0, 1.0, closeness, further)
    rows = [0, 7, 31]
    found = known.part("friends", asked(known, rows), strength).toarray()
    for n, row in enumerate(rows):
        weight = edges[row] * (1 + edges @ edges[row]) ** closeness
        around = further * (edges[row] / np.maximum(edges.sum(axis=1), 1)) @ edges
        around[row] = 0.0
        count = (weight + around) @ by_hand
        assert found[n] == pytest.approx(np.log1p(count / (5.0 * known.share)), rel=1e-3, abs=1e-5)


def test_with_weight_one_the_order_is_that_of_the_posterior_mean():
    known = evidence(log())
    who = asked(known, [2])
    strength = Strength(shrinkage=10.0, weight=1.0)
    count = known._counts("friends", who, strength).toarray()[0].astype(np.float64)
    posterior = (count + 10.0 * known.share) / (count.sum() + 10.0)
    added = known.part("friends", who, strength).toarray()[0] + np.log(known.share)
    assert np.log(posterior) - added == pytest.approx(
        np.full(ITEMS, -np.log(1 + count.sum() / 10.0)), abs=1e-4
    )


def test_the_score_is_the_sum_of_its_parts_and_nobody_has_a_part_from_nothing():
    known = evidence(log())
    strengths = {"profile": Strength(10.0, 0.5), "friends": Strength(1.0, 1.0)}
    who = asked(known, [1, 30])
    total = known.popular + sum(known.part(name, who, one).toarray() for name, one in strengths.items())
    assert known.scores(who, strengths) == pytest.approx(total, abs=1e-5)
    nobody = Asked(np.array([-1]), np.array([-1]), sparse.csr_array((1, 4), dtype=np.float32))
    assert known.scores(nobody, strengths)[0] == pytest.approx(known.popular)
    for name, strength in strengths.items():
        assert not known.told(name, nobody, strength).any()


@pytest.mark.parametrize("source", ["profile", "friends", "transfer", "shoppers"])
def test_a_source_is_told_exactly_where_it_adds_something(source: str):
    known = evidence(log(), elsewhere())
    who = asked(known, list(range(len(PEOPLE))), [n if n < 20 else -1 for n in range(len(PEOPLE))])
    strength = Strength(1.0, 1.0, 0.5, 0.3)
    adds = known.part(source, who, strength).toarray().any(axis=1)
    told = known.told(source, who, strength)
    assert told[adds].all()
    assert adds[told].mean() > 0.9
    assert not known.told(source, who, replace(strength, weight=0.0)).any()
    assert known.part(source, who, replace(strength, weight=0.0)).nnz == 0


def test_hidden_shoppers_and_what_came_later_leave_no_trace():
    history = log()
    hidden = np.zeros(history.num_users, bool)
    hidden[[3, 4]] = True
    left = without(history, hidden, 50.0)
    assert not left.lengths()[[3, 4]].any()
    assert left.time.max() <= 50.0
    assert left.now == 50.0
    assert without(history, hidden, None).num_events == history.num_events - history.lengths()[[3, 4]].sum()


def elsewhere() -> Elsewhere:
    """Return another shop with the first twenty users and twenty of its own, six items and vectors of four numbers."""
    rng = np.random.default_rng(2)
    users = Ids([*(f"u{n}" for n in range(20)), *(f"v{n}" for n in range(20))], "user")
    tastes = sparse.csr_array((rng.random((40, 6)) * (rng.random((40, 6)) < 0.5)).astype(np.float32))
    vectors, listed, items = (rng.normal(size=(n, 4)).astype(np.float32) for n in (40, 6, ITEMS))
    rows = [one / np.linalg.norm(one, axis=1, keepdims=True) for one in (vectors, listed, items)]
    return Elsewhere.of(users, tastes, *rows)


def test_the_nearest_count_by_the_power_of_their_cosine():
    rng = np.random.default_rng(3)
    asked_for, among = (
        rng.normal(size=(4, 5)).astype(np.float32),
        rng.normal(size=(200, 5)).astype(np.float32),
    )
    found = nearest(asked_for, among).toarray()
    cosine = np.maximum(asked_for.astype(np.float64) @ among.T, 0.0)
    for n in range(4):
        least = np.sort(cosine[n])[-NEAREST]
        expected = np.where(cosine[n] >= least, cosine[n], 0.0) ** SHARPNESS
        assert found[n] == pytest.approx(expected / expected.sum(), rel=1e-3, abs=1e-6)


def test_what_was_had_elsewhere_is_read_by_listing_and_by_shoppers_of_both():
    history = log()
    known = evidence(history, elsewhere())
    at = known.elsewhere
    assert at is not None
    assert (at.here >= 0).sum() == (np.diff(known.taken.indptr)[:20] > 0).sum()
    near = at.tastes.toarray()[[5]] @ at.near.toarray()
    found = at.near_to(np.array([5, -1])).toarray()
    assert found[0] == pytest.approx(near[0] / near.sum(), rel=1e-4)
    assert not found[1].any()
    alike = at.alike(np.array([5, 25, -1]), len(PEOPLE)).toarray()
    assert alike[0, 5] == 0.0  # not themselves, though they are known here
    assert alike[:2].sum(axis=1) == pytest.approx([1.0, 1.0], rel=1e-4)
    assert not alike[2].any()
    cosine = np.maximum(at.vectors[25].astype(np.float64) @ at.vectors[at.here >= 0].T, 0.0) ** SHARPNESS
    assert alike[1][at.here[at.here >= 0]] == pytest.approx(cosine / cosine.sum(), rel=1e-3, abs=1e-6)
