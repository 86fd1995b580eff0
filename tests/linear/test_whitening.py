"""Whitening within classes, against a plain recomputation in float64."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelfspace.errors import ConfigError
from shelfspace.linear.whitening import WithinClass


def rows_of(num: int, width: int, classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return classes that lie in directions of their own, and are spread far more in one that they share."""
    rng = np.random.default_rng(seed)
    label = rng.integers(classes, size=num)
    label[:classes] = np.arange(classes)
    rows = 0.5 * rng.normal(size=(num, width))
    rows[:, 0] *= 8.0
    rows[np.arange(num), 1 + label] += 2.0
    return rows.astype(np.float32), label


def naive(rows: np.ndarray, label: np.ndarray, shrinkage: float, power: float) -> np.ndarray:
    x = rows.astype(np.float64)
    x = np.sign(x) * np.abs(x) ** power
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    means = np.stack([x[label == c].mean(axis=0) for c in range(label.max() + 1)])
    inside = sum(np.outer(v - means[c], v - means[c]) for v, c in zip(x, label, strict=True)) / len(x)
    inside = (1 - shrinkage) * inside + shrinkage * np.eye(len(inside)) * np.trace(inside) / len(inside)
    inverse, centre = np.linalg.inv(inside), means.mean(axis=0)
    found = np.zeros((len(x), len(means)))
    for n, v in enumerate(x - centre):
        for c, m in enumerate(means - centre):
            found[n, c] = v @ inverse @ m / np.sqrt((v @ inverse @ v) * (m @ inverse @ m))
    return found


@given(
    seed=st.integers(0, 1000),
    classes=st.integers(2, 5),
    shrinkage=st.floats(0.05, 1.0),
    power=st.floats(0.4, 1.0),
)
def test_scores_are_cosines_under_the_shrunk_covariance(
    seed: int, classes: int, shrinkage: float, power: float
):
    rows, label = rows_of(30, 7, classes, seed)
    found = WithinClass(shrinkage=shrinkage, power=power).fit(rows, label).score(rows)
    np.testing.assert_allclose(found, naive(rows, label, shrinkage, power), atol=2e-3)


def test_what_differs_within_a_class_is_divided_out():
    rows, label = rows_of(400, 8, 4, 0)
    new, truth = rows_of(400, 8, 4, 1)
    ours = WithinClass(shrinkage=0.05, power=1.0).fit(rows, label).score(new).argmax(axis=1)
    means = np.stack([rows[label == c].mean(axis=0) for c in range(4)])
    plain = (new @ (means / np.linalg.norm(means, axis=1, keepdims=True)).T).argmax(axis=1)
    assert (ours == truth).mean() > (plain == truth).mean() + 0.1


def test_vectors_are_unit_and_nothing_stays_nothing():
    rows, label = rows_of(50, 5, 3, 0)
    rows[7] = 0.0
    model = WithinClass().fit(rows, label)
    lengths = np.linalg.norm(model.vectors(rows), axis=1)
    assert lengths[7] == 0.0
    np.testing.assert_allclose(np.delete(lengths, 7), 1.0, atol=1e-5)
    again = WithinClass().restore(model.arrays())
    np.testing.assert_array_equal(again.score(rows), model.score(rows))


def test_a_class_without_rows_is_nowhere_and_equal_rows_are_no_trouble():
    rows, label = np.eye(4, dtype=np.float32)[[0, 0, 1, 1]], np.array([0, 0, 2, 2])
    score = WithinClass().fit(rows, label, 4).score(rows)
    assert score.argmax(axis=1).tolist() == [0, 0, 2, 2]
    assert not score[:, [1, 3]].any()


@pytest.mark.parametrize("settings", [{"shrinkage": 0.0}, {"shrinkage": 1.5}, {"power": 0.0}])
def test_settings_that_cannot_be_are_refused(settings: dict[str, float]):
    with pytest.raises(ConfigError):
        WithinClass(**settings)
