"""The linear classifier of words."""

import numpy as np
from scipy import sparse

from shelfspace.classifying.descent import linear_words
from shelfspace.classifying.words import LinearWords


def rows_of(num: int, classes: int, seed: int) -> tuple[sparse.csr_array, np.ndarray]:
    """Return rows of which the feature numbered as their class is one, and some noise."""
    rng = np.random.default_rng(seed)
    label = np.arange(num) % classes
    dense = (rng.random((num, classes + 6)) < 0.2).astype(np.float32)
    dense[:, :classes] = 0.0
    dense[np.arange(num), label] = 1.0
    return sparse.csr_array(dense), label


def test_it_learns_what_tells_classes_apart():
    for classes in (2, 5):
        rows, label = rows_of(100, classes, 0)
        model = linear_words(rows, label, classes, seed=0)
        new, truth = rows_of(40, classes, 1)
        assert (model.score(new).argmax(axis=1) == truth).all()
        assert model.telling(new[[3]], int(truth[3]), int((truth[3] + 1) % classes))[0] == truth[3]


def test_scores_are_the_weights_of_the_features_and_survive_a_file():
    rows, label = rows_of(60, 4, 0)
    model = LinearWords.restored(linear_words(rows, label, 4, seed=0).arrays())
    dense = rows.toarray().astype(np.float64)
    naive = np.array(
        [
            [sum(dense[n, f] * model.weight[i, c] for i, f in enumerate(model.feature)) for c in range(4)]
            for n in range(5)
        ]
    )
    np.testing.assert_allclose(model.score(rows[:5]), naive + model.bias, rtol=1e-4, atol=1e-3)


def test_features_of_one_row_do_not_count_and_a_class_not_seen_is_last():
    rows, label = rows_of(60, 3, 0)
    alone = sparse.csr_array(sparse.hstack([rows, sparse.csr_array(np.eye(60, 1, dtype=np.float32))]))
    model = linear_words(sparse.csr_array(alone), label, 7, seed=0)
    assert rows.shape[1] not in model.feature
    nothing = sparse.csr_array((1, alone.shape[1]), dtype=np.float32)
    assert (model.score(nothing)[0, 3:] < model.score(nothing)[0, :3].min()).all()


def test_the_same_seed_gives_the_same_weights():
    rows, label = rows_of(60, 4, 0)
    one, other = (linear_words(rows, label, 4, seed=3) for _ in range(2))
    np.testing.assert_array_equal(one.weight, other.weight)
