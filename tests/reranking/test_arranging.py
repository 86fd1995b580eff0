"""Lists over random candidates: pins at their places, caps and floors or a note, k kept, nothing left to the order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelfspace.reranking.arranging import arranged
from shelfspace.reranking.exposure import Share


@st.composite
def cases(draw):
    size, k = draw(st.integers(1, 60)), draw(st.integers(1, 12))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    vectors = rng.normal(size=(size, 5)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    shares = []
    for n in range(draw(st.integers(0, 2))):
        most = draw(st.sampled_from([0.0, 0.1, 0.3, 0.5]))
        shares.append(Share(f"cap {n}", rng.integers(-1, draw(st.integers(1, 4)), size), most, 0.0))
    if draw(st.booleans()):
        least = draw(st.sampled_from([0.1, 0.2, 0.5]))
        shares.append(Share("floor", rng.integers(-1, 1, size), 1.0, least))
    pinned = rng.permutation(size)[: draw(st.integers(0, 3))]
    places = rng.permutation(k)[: len(pinned)]
    return {
        "values": np.round(rng.normal(size=size), 1),  # ties among them
        "k": k,
        "vectors": vectors,
        "pins": dict(zip(places.tolist(), pinned.tolist(), strict=False)),
        "shares": shares,
        "diversity": draw(st.sampled_from([0.0, 0.0, 0.4])),
        "diversify": draw(st.sampled_from(["mmr", "dpp"])),
        "explore": draw(st.sampled_from([0.0, 0.3, 1.0])),
    }


@given(case=cases(), seed=st.integers(0, 100))
def test_what_holds_for_every_list(case, seed):
    found = arranged(**case, rng=np.random.default_rng(seed))
    again = arranged(**case, rng=np.random.default_rng(seed))
    order, k, size = found.order, case["k"], len(case["values"])
    assert np.array_equal(order, again.order)
    assert np.array_equal(found.propensity, again.propensity)
    assert len(order) == len(set(order.tolist())) == min(k, size)
    assert ((found.propensity > 0) & (found.propensity <= 1 + 1e-12)).all()
    for place, candidate in case["pins"].items():
        assert candidate in order
        if place < len(order):
            assert order[place] == candidate
            assert found.propensity[place] == 1.0
    said = " ".join(found.notes)
    for share in case["shares"]:
        counts = np.bincount(share.codes[order][share.codes[order] >= 0], minlength=1)
        assert counts.max() <= share.cap(k) or share.named in said
        assert counts.sum() >= share.floor(k) or share.least == 0 or share.named in said


@given(case=cases())
def test_a_cap_gives_way_only_where_it_must(case):
    """Without pins and with one cap, it gives way only where fewer than k candidates would keep it."""
    shares = [share for share in case["shares"] if share.least == 0][:1]
    found = arranged(**{**case, "pins": {}, "shares": shares, "explore": 0.0})
    for share in shares:
        codes = share.codes
        cap = share.cap(case["k"])
        can = (codes < 0).sum() + np.minimum(np.bincount(codes[codes >= 0], minlength=1), cap).sum()
        assert bool(found.notes) == (can < min(case["k"], len(codes)))


@given(case=cases())
def test_without_wishes_it_is_the_best_in_order(case):
    found = arranged(case["values"], case["k"])
    assert found.order.tolist() == np.argsort(-case["values"], kind="stable")[: case["k"]].tolist()
    assert not found.notes


def test_a_floor_is_filled_from_below_the_pool():
    values = np.arange(1000.0)[::-1]
    own = np.where(np.arange(1000) >= 990, 0, -1)
    found = arranged(values, 10, shares=[Share("own", own, 1.0, 0.2)])
    assert found.order.tolist() == [*range(8), 990, 991]
    assert not found.notes


def test_two_caps_are_kept_at_once_where_they_can_be():
    """The one candidate that keeps both is the last of a thousand."""
    brand, shelf = np.zeros(1000, np.int64), np.zeros(1000, np.int64)
    brand[500:] = np.arange(500) % 3 + 1
    shelf[:500] = np.arange(500) % 3 + 1
    shelf[999] = brand[999] = 7
    found = arranged(
        np.arange(1000.0)[::-1], 3, shares=[Share("brand", brand, 0.34, 0), Share("shelf", shelf, 0.34, 0)]
    )
    assert not found.notes
    assert len(set(brand[found.order])) == len(set(shelf[found.order])) == 3


def test_notes_say_what_was_not_to_be_had():
    found = arranged(np.arange(4.0), 4, shares=[Share("Acme", np.zeros(4, np.int64), 0.5, 0.0)])
    assert found.notes == ["Acme: more than 2 of 4 places, since there is no other candidate"]
    found = arranged(np.arange(4.0), 4, shares=[Share("own", np.array([0, -1, -1, -1]), 1.0, 0.5)])
    assert found.notes == ["own: 1 of the 2 places wanted, since there is no other candidate"]


def test_a_pin_beyond_the_end_stands_last():
    assert arranged(np.array([3.0, 2.0, 1.0]), 9, pins={7: 0}).order.tolist() == [1, 2, 0]


@pytest.mark.parametrize("most", [0.0, 0.05])
def test_the_least_cap_is_one_place_unless_it_is_none(most):
    found = arranged(
        np.arange(6.0)[::-1], 4, shares=[Share("a", np.array([0, 0, -1, -1, -1, -1]), most, 0.0)]
    )
    assert found.order.tolist() == ([2, 3, 4, 5] if most == 0 else [0, 2, 3, 4])
