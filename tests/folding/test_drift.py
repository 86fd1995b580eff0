"""What is told of drift, and when to train again is advised."""

from dataclasses import replace

import numpy as np
import pytest

from shelfspace.folding.drift import FEW, Drift, shift

CALM = Drift(0.1, 0.95, 0.0, 1.0, popularity=0.05, unseen=0.05, events=10 * FEW)


def drawn(rng: np.random.Generator, shares: np.ndarray, size: int) -> np.ndarray:
    return rng.choice(len(shares), size, p=shares / shares.sum()).astype(np.int32)


@pytest.mark.parametrize("size", [50, 500, 5000])
def test_samples_of_one_popularity_have_not_moved(size: int):
    rng = np.random.default_rng(0)
    shares = 1 / np.arange(1, 2001)
    assert shift(drawn(rng, shares, size), drawn(rng, shares, size), rng) < 0.06


def test_what_moved_is_seen_in_part_and_altogether():
    rng = np.random.default_rng(0)
    shares = 1 / np.arange(1, 201)
    old = drawn(rng, shares, 4000)
    turned = shift(old, drawn(rng, shares[::-1], 4000), rng)
    half = shift(old, np.where(rng.random(4000) < 0.5, old, old + 200).astype(np.int32), rng)
    assert 0.4 < half < 0.6 < turned
    assert shift(old, old + 500, rng) == pytest.approx(1.0, abs=0.02)


def test_without_events_nothing_moved():
    none = np.zeros(0, np.int32)
    assert shift(none, none, np.random.default_rng(0)) == 0.0


@pytest.mark.parametrize(("name", "value"), [("unseen", 0.3), ("popularity", 0.4), ("similar_overlap", 0.3)])
def test_training_again_is_advised_above_each_threshold(name: str, value: float):
    assert CALM.advice == "no need to train again yet"
    assert replace(CALM, **{name: value}).advice.startswith("train again: ")


def test_a_few_events_are_no_reason():
    assert replace(CALM, unseen=1.0, events=FEW - 1).advice == "no need to train again yet"
