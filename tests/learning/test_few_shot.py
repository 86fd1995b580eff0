"""A few vectors of each class: centroids against their formula, and a start that makes a few steps worth more."""

import numpy as np
import pytest

from shelfspace.errors import ConfigError, DataError
from shelfspace.learning.few_shot import FewShot


def blurred(num_classes, rng, noise, dims=24, each=30):
    """Classes that differ in the first half of the dimensions alone; the other half is loud and says nothing."""
    centres = np.zeros((num_classes, dims))
    centres[:, : dims // 2] = rng.normal(size=(num_classes, dims // 2))
    label = np.repeat(np.arange(num_classes), each)
    loud = np.r_[np.full(dims // 2, 0.3), np.full(dims - dims // 2, noise)]
    vectors = centres[label] + loud * rng.normal(size=(len(label), dims))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), label


def right(few_shot, vectors, label, shots=3):
    rows = np.arange(len(label)) % 30 < shots
    made = few_shot.adapted(vectors[rows], label[rows])
    found = made.classes[made.log_probabilities(vectors[~rows]).argmax(axis=1)]
    return float(np.mean(found == label[~rows]))


def test_without_steps_a_class_is_its_centroid():
    vectors, label = blurred(5, np.random.default_rng(0), 1.0)
    found = FewShot(inner_steps=0, sharpness=7.0).adapted(vectors, label).log_probabilities(vectors)
    plain = vectors.astype(np.float64)
    plain /= np.linalg.norm(plain, axis=1, keepdims=True)
    means = np.stack([plain[label == c].mean(axis=0) for c in range(5)])
    logits = 7.0 * plain @ (means / np.linalg.norm(means, axis=1, keepdims=True)).T
    expected = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_start_learnt_on_other_classes_is_better_than_the_identity():
    rng = np.random.default_rng(1)
    vectors, label = blurred(24, rng, 1.5)
    fresh, of = blurred(8, rng, 1.5)
    settings = {"inner_steps": 5, "inner_rate": 0.01, "episodes": 150, "ways": 6, "shots": 5}
    plain = right(FewShot(**settings), fresh, of)
    learnt = right(FewShot(**settings).meta_learn(vectors, label), fresh, of)
    assert learnt > plain + 0.05


def test_the_labels_given_are_the_labels_told_and_a_seed_is_a_result():
    vectors, label = blurred(4, np.random.default_rng(2), 1.0)
    names = np.array([7, 40, 2, 11])[label]
    first = FewShot(episodes=5, seed=3).meta_learn(vectors, names)
    again = FewShot(episodes=5, seed=3).meta_learn(vectors, names)
    assert first.adapted(vectors, names).classes.tolist() == [2, 7, 11, 40]
    assert (first.start == again.start).all()


def test_what_cannot_be_is_refused():
    with pytest.raises(ConfigError, match="ways = 1"):
        FewShot(ways=1)
    vectors, label = blurred(1, np.random.default_rng(4), 1.0)
    with pytest.raises(DataError, match="two classes of 5 vectors; there are 1"):
        FewShot().meta_learn(vectors, label)
