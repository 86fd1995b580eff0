"""Tastes, against the sums written out."""

import numpy as np
import pytest

from shelfspace.people.tastes import HALF_LIFE, Tastes, placed
from shelfspace.shop.history import History


def test_what_was_taken_counts_by_age_and_rarity():
    user, item, time = [0, 0, 0, 1, 2, 3], [0, 1, 1, 0, 0, 2], [0.0, 100.0, 365.0, 365.0, 0.0, 5.0]
    history = History.of(user, item, time, num_users=4, num_items=3, now=365.0)
    vectors = np.random.default_rng(0).normal(size=(3, 2)).astype(np.float32)
    found = Tastes.of(history, 3, vectors)  # the fourth row is nobody known
    count = np.zeros((3, 3))
    for u, i, t in zip(user[:5], item[:5], time[:5], strict=True):
        count[u, i] += 2 ** (-(365.0 - t) / HALF_LIFE)
    expected = np.log1p(count) * np.log(3 / np.maximum((count > 0).sum(axis=0), 1))
    expected /= np.maximum(np.linalg.norm(expected, axis=1, keepdims=True), 1e-12)
    assert found.items.toarray() == pytest.approx(expected, abs=1e-6)
    summed = expected @ vectors
    summed /= np.maximum(np.linalg.norm(summed, axis=1, keepdims=True), 1e-12)
    assert found.vectors == pytest.approx(summed, abs=1e-5)


def test_rows_are_put_in_other_places():
    rows = Tastes.of(History.of([0, 1], [0, 1], num_users=2, num_items=2, clock="none"), 2).items
    assert placed(rows, np.array([1, -1, 0])).toarray().tolist() == [
        rows.toarray()[1].tolist(),
        [0.0, 0.0],
        rows.toarray()[0].tolist(),
    ]
