"""Losses of rows against dense float64."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfspace.objectives.rows import Taken, kl_to_normal, multinomial, squared_error
from tests.objectives.test_softmax import Largest

ZEROS = 0.2


def a_batch(users, items, seed):
    """Rows of distinct items, some of them empty, and the same as a dense matrix of weights."""
    rng = np.random.default_rng(seed)
    dense = np.where(rng.random((users, items)) < 0.4, rng.random((users, items)) + 0.1, 0.0)
    dense[0] = 0.0
    row, item = np.nonzero(dense)
    start = np.searchsorted(row, np.arange(users))
    weight = torch.from_numpy(dense[row, item])
    hidden, vectors, bias = (
        torch.from_numpy(rng.normal(size=shape)).requires_grad_()
        for shape in ((users, 3), (items, 3), (items,))
    )
    return dense, Taken(torch.from_numpy(item), torch.from_numpy(start), weight), (hidden, vectors, bias)


def naive_multinomial(dense, hidden, vectors, bias):
    z = hidden @ vectors.T + bias
    chance = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    return -(dense * np.log(chance)).sum(axis=1)


def naive_squared_error(dense, hidden, vectors, bias):
    z = hidden @ vectors.T + bias
    return np.where(dense > 0, dense * (1 - z) ** 2, ZEROS * z**2).sum(axis=1)


LOSSES = {
    "multinomial": (lambda *a: multinomial(*a, chunk_size=3), naive_multinomial),
    "squared error": (lambda *a: squared_error(*a, zeros=ZEROS), naive_squared_error),
}


@pytest.mark.parametrize("name", LOSSES)
@given(users=st.integers(1, 6), items=st.integers(1, 11), seed=st.integers(0, 10**6))
@settings(max_examples=12)
def test_a_loss_is_that_of_the_dense_row_and_its_gradient_that_of_finite_differences(
    name, users, items, seed
):
    loss, naive = LOSSES[name]
    dense, taken, leaves = a_batch(users, items, seed)
    arrays = [leaf.detach().numpy().copy() for leaf in leaves]
    found = loss(*leaves, taken)
    np.testing.assert_allclose(found.detach().numpy(), naive(dense, *arrays), rtol=1e-9, atol=1e-9)
    each = np.random.default_rng(seed).random(users)
    gradients = torch.autograd.grad((found * torch.from_numpy(each)).sum(), leaves)
    rng = np.random.default_rng(seed + 1)
    for n, gradient in enumerate(gradients):
        direction, step = rng.normal(size=arrays[n].shape), 1e-5
        sides = []
        for sign in (1, -1):
            moved = [a + sign * step * direction if m == n else a for m, a in enumerate(arrays)]
            sides.append((each * naive(dense, *moved)).sum())
        slope = (sides[0] - sides[1]) / (2 * step)
        assert float((gradient.numpy() * direction).sum()) == pytest.approx(slope, rel=1e-5, abs=1e-6)


def test_no_scores_of_the_whole_catalogue_are_ever_held():
    item, start = torch.arange(60), torch.arange(0, 60, 2)
    leaves = [torch.randn(*shape, requires_grad=True) for shape in ((30, 4), (2000, 4), (2000,))]
    for loss in (lambda *a: multinomial(*a, chunk_size=100), lambda *a: squared_error(*a, zeros=0.1)):
        with Largest() as seen:
            loss(*leaves, Taken(item, start, torch.ones(60))).sum().backward()
        assert seen.numbers <= 2000 * 5 < 30 * 2000


def test_the_distance_from_a_normal_is_what_sampling_says():
    """KL(p | q) is the mean of log p - log q over draws from p."""
    rng = np.random.default_rng(0)
    mean, log_variance = np.array([[0.5, -1.0], [0.0, 0.0]]), np.array([[0.3, -0.8], [0.0, 0.0]])
    found = kl_to_normal(torch.from_numpy(mean), torch.from_numpy(log_variance)).numpy()
    deviation = np.exp(log_variance / 2)
    x = mean + deviation * rng.normal(size=(200_000, 2, 2))
    log_p = -0.5 * ((x - mean) / deviation) ** 2 - np.log(deviation)
    sampled = (log_p + 0.5 * x**2).sum(axis=2).mean(axis=0)
    np.testing.assert_allclose(found, sampled, atol=0.01)
    assert found[1] == 0.0
