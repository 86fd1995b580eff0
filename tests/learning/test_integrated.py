"""Integrated gradients of what a history brings, against exact shares and against leaving out."""

from pathlib import Path

import numpy as np
import pytest

from shelfspace.encoders.history import HISTORIES
from shelfspace.errors import SpaceError
from shelfspace.holding import Holding

pytest.importorskip("captum", reason="the extra [explain] is not installed")

from shelfspace.learning.integrated import PastGradients


@pytest.fixture(scope="module")
def space(small_run: Path) -> Holding:
    return Holding.open(small_run)


@pytest.fixture(scope="module")
def gradients(small_run: Path) -> PastGradients:
    return PastGradients.of_run(small_run)


def test_the_rebuilt_module_says_what_the_exported_tower_says(space, gradients):
    past = space.history.of_users([7])
    answers = np.arange(6)
    found = gradients.of(past, answers)
    own = gradients.learnt.encode(past)[0] @ gradients.learnt.vectors[answers].T
    np.testing.assert_allclose(found.cosine, own, atol=1e-4)
    assert found.item.tolist() == past.item[-len(found.item) :].tolist()


def test_amounts_sum_to_the_cosine(space, gradients):
    for user in (3, 7, 11):
        found = gradients.of(space.history.of_users([user]), np.arange(5), steps=128)
        np.testing.assert_allclose(found.amounts.sum(axis=1) + found.missing, found.cosine, atol=1e-9)
        assert np.abs(found.missing).max() < 0.02


def test_of_a_mean_each_event_brings_its_own_part(space, gradients):
    """In float64: the mean is linear, so the gradient is the same all along the way."""
    mean = PastGradients(HISTORIES["mean"](gradients.learnt.vectors.shape[1], 1), gradients.learnt)
    past = space.history.of_users([7])
    found = mean.of(past, np.arange(4), steps=8)
    vectors = gradients.learnt.vectors.astype(np.float64)
    pooled = vectors[found.item].mean(axis=0)
    exact = vectors[:4] @ vectors[found.item].T / len(found.item) / np.linalg.norm(pooled)
    np.testing.assert_allclose(found.amounts, exact, atol=1e-5)
    np.testing.assert_allclose(found.missing, 0.0, atol=1e-5)


def test_what_it_names_first_lowers_the_cosine_when_it_is_left_out(space, gradients):
    """On average over users and answers, and more than an event at random does."""
    rng = np.random.default_rng(0)
    named, drawn = [], []
    for user in range(20):
        past = space.history.of_users([user])
        if past.num_events < 4:
            continue
        found = gradients.of(past, np.arange(0, 120, 17))
        whole = gradients.learnt.encode(past)[0] @ gradients.learnt.vectors[::17][:8].T
        start = past.num_events - len(found.item)
        for n in range(found.amounts.shape[0]):
            for places, into in ((found.amounts[n].argmax(), named), (rng.integers(len(found.item)), drawn)):
                kept = np.arange(past.num_events) != start + places
                left = gradients.learnt.encode(past.keep(kept))[0] @ gradients.learnt.vectors[17 * n]
                into.append(whole[n] - left)
    assert np.mean(named) > 2 * max(np.mean(drawn), 0.0)


def test_a_run_without_towers_is_refused(tmp_path: Path):
    with pytest.raises(SpaceError):
        PastGradients.of_run(tmp_path)
