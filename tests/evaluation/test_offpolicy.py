"""Estimates from a log against the truth of a click model that is known, and against sums written out."""

import numpy as np
import pytest

from shelfspace.errors import DataError, InputError
from shelfspace.evaluation.offpolicy import Logged, estimates
from shelfspace.reranking.exploring import explored

K = 4


class Simulated:
    """Shoppers whose clicks are known: `examined[place] * liked[user, item]`, and the policy that logs explores."""

    def __init__(self, seed: int = 0, users: int = 40, items: int = 12) -> None:
        rng = np.random.default_rng(seed)
        self.liked = rng.random((users, items)) ** 2
        self.examined = 1.0 / np.sqrt(np.arange(1, K + 1))
        old = 0.3 * self.liked + rng.random((users, items))  # knows little of the shoppers
        self.old = np.argsort(-old, axis=1)
        self.new = np.argsort(-(self.liked + 0.3 * rng.random((users, items))), axis=1)[:, :K]
        clicks = np.take_along_axis(self.liked, self.new, axis=1) * self.examined
        self.truth = float(clicks.sum(axis=1).mean())

    def log(self, lists: int, seed: int, explore: float = 0.5) -> tuple[Logged, np.ndarray]:
        rng = np.random.default_rng(seed)
        user = rng.integers(0, len(self.old), lists)
        shown, chance = np.empty((lists, K), np.int64), np.empty((lists, K))
        free, alike = np.zeros(K, bool), np.zeros(self.liked.shape[1], np.int64)
        for n, one in enumerate(user):
            shown[n], chance[n] = explored(self.old[one, :K], alike, free, explore, rng)
        clicked = rng.random((lists, K)) < self.liked[user[:, None], shown] * self.examined
        rows, places = np.repeat(np.arange(lists), K), np.tile(np.arange(K), lists)
        log = Logged(rows, places, shown.ravel(), chance.ravel(), clicked.ravel().astype(np.float64))
        return log, self.new[user]


def test_estimates_agree_with_the_truth_and_the_naive_one_does_not():
    shop = Simulated()
    found = estimates(*shop.log(10_000, seed=1)).values
    for name in ("ips", "snips", "dr"):
        assert found[name].value == pytest.approx(shop.truth, rel=0.1)
        assert abs(found[name].value - shop.truth) < found[name].high - found[name].low  # 4 standard errors
    assert found["logged"].high < 0.8 * shop.truth


def test_what_the_log_never_shows_is_told():
    shop = Simulated()
    log, target = shop.log(3000, seed=2)
    assert not estimates(log, target).notes
    target[: len(target) // 2, 0] = 999
    found = estimates(log, target)
    assert found.support.value == pytest.approx(7 / 8, abs=0.1)
    assert "and not 1: part of what this policy would show is never shown" in found.notes[0]


def test_the_naive_estimate_is_off_where_agreement_hangs_on_the_shopper():
    """Half of the shoppers, who click a lot, are shown what the new policy shows already; the others click little."""
    rng, lists = np.random.default_rng(1), 20_000
    keen = rng.random(lists) < 0.5
    agree = rng.random(lists) < np.where(keen, 0.95, 0.05)
    item, chance = np.where(agree, 1, 0), np.where(agree == keen, 0.95, 0.05)
    clicked = rng.random(lists) < np.where(keen, 0.6, 0.1)
    log = Logged(np.arange(lists), np.zeros(lists, int), item, chance, clicked.astype(float))
    found = estimates(log, np.ones((lists, 1), np.int64)).values
    assert found["naive"].low > 0.5
    for name in ("ips", "snips", "dr"):
        assert found[name].low < 0.35 < found[name].high


def test_intervals_hold_the_truth_as_often_as_they_say():
    shop, repeats, names = Simulated(), 40, ("ips", "snips", "dr")
    held = dict.fromkeys(names, 0)
    for seed in range(repeats):
        found = estimates(*shop.log(300, seed), resamples=200, seed=seed).values
        for name in names:
            held[name] += found[name].low <= shop.truth <= found[name].high
    assert min(held.values()) > 33, held  # 38 of 40 on average; 33 and fewer come once in 100


def test_the_sums_written_out():
    log = Logged(
        np.array([0, 0, 1, 1, 2]),
        np.array([0, 1, 0, 1, 0]),
        np.array([5, 6, 5, 7, 6]),
        np.array([0.5, 0.25, 0.5, 0.1, 0.05]),
        np.array([1.0, 0.0, 0.0, 1.0, 1.0]),
    )
    target = np.array([[5, 6], [6, 7], [6, -1]])
    found = estimates(log, target)
    assert found.values["logged"].value == pytest.approx(3 / 3)
    assert found.values["ips"].value == pytest.approx((2 + 10 + 20) / 3)
    assert found.values["snips"].value == pytest.approx((2 + 10 + 20) / (2 + 4 + 10 + 20) * 5 / 3)
    assert found.values["naive"].value == pytest.approx(3 / 4 * 5 / 3)
    assert (found.agreeing, found.rows, found.clipped) == (4, 5, 0)
    assert found.effective == pytest.approx(36**2 / (4 + 16 + 100 + 400))
    cut = estimates(log, target, clip=10.0)
    assert cut.clipped == 1
    assert cut.values["ips"].value == pytest.approx((2 + 10 + 10) / 3)
    assert cut.differences["ips"].value == pytest.approx(22 / 3 - 1)


def test_the_same_policy_is_what_was_logged():
    """Logged without chance, the present policy is the one that logged: every estimate is the plain rate."""
    rng = np.random.default_rng(0)
    items = rng.integers(0, 9, (50, 3))
    log = Logged(
        np.repeat(np.arange(50), 3),
        np.tile(np.arange(3), 50),
        items.ravel(),
        np.ones(150),
        (rng.random(150) < 0.3) * 1.0,
    )
    found = estimates(log, items).values
    for name in ("naive", "ips", "snips", "dr"):
        assert found[name].value == pytest.approx(found["logged"].value)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"propensity": np.array([0.5, 0.0])}, "1 rows of impressions have no propensity"),
        ({"propensity": np.array([0.5, np.nan])}, "no propensity"),
        ({"place": np.array([0, 0])}, "two rows are of one place of one list"),
        ({"place": np.array([0, -1])}, "count from 1"),
        ({"lists": np.zeros(0, int)}, "empty"),
    ],
)
def test_a_log_that_cannot_be_used(change, word):
    good = {
        "lists": np.array([0, 0]),
        "place": np.array([0, 1]),
        "item": np.array([3, 4]),
        "propensity": np.array([0.5, 0.5]),
        "clicked": np.array([0.0, 1.0]),
    }
    with pytest.raises(DataError, match=word):
        Logged(**{**good, **change})
    with pytest.raises(InputError, match="clip = 0"):
        estimates(Logged(**good), np.array([[3, 4]]), clip=0)
    nowhere = estimates(Logged(**good), np.array([[7, 8]]))
    assert "agree nowhere" in nowhere.notes[0]
    assert nowhere.values["ips"].value == 0.0
