import numpy as np
import pytest
import torch

from shelfspace.encode.autoencoder import rows_of
from shelfspace.encoders.autoencoder import Autoencoder
from shelfspace.learning.rows import RowLoss, RowTerm
from tests.learning.tastes import NUM_ITEMS, history

EVERY = np.arange(NUM_ITEMS, dtype=np.int32)


def term(**settings):
    given = {"task": "classify", "zeros": 0.1, "beta": 0.5, "anneal_steps": 4, **settings}
    rows = rows_of(history(), EVERY, np.inf)
    return RowTerm(rows[np.diff(rows.indptr) > 0], RowLoss(**given))


def test_a_batch_holds_rows_of_users_each_once():
    some = term()
    batch = some.draw(np.random.default_rng(0), 30)
    ends = np.append(batch.rows.start[1:], len(batch.rows.item))
    matrix = some.matrix.toarray()
    seen = []
    for start, end in zip(batch.rows.start, ends, strict=True):
        row = np.zeros(NUM_ITEMS)
        row[batch.taken.item[start:end]] = batch.taken.weight[start:end]
        user = int(np.flatnonzero((matrix == row).all(axis=1))[0])
        seen.append(user)
        np.testing.assert_allclose(batch.rows.value[start:end].square().sum(), 1.0, rtol=1e-5)
    assert len(seen) == 30
    assert len(some.draw(np.random.default_rng(0), 10**6).rows.start) == len(some) == len(matrix)


@pytest.mark.parametrize("task", ["classify", "reconstruct"])
def test_the_loss_is_by_the_event_and_counts_the_uncertainty(task):
    torch.manual_seed(0)
    some, model = (
        term(task=task, anneal_steps=0),
        Autoencoder(NUM_ITEMS, kind="variational", latent_dim=3).eval(),
    )
    batch = some.draw(np.random.default_rng(1), 20)
    found = some.objective(model, batch).item()
    code = model(batch.rows)
    dense = np.zeros((20, NUM_ITEMS))
    dense[batch.taken.user(), batch.taken.item] = batch.taken.weight
    mean, log_variance = (t.detach().double().numpy() for t in (code.mean, code.log_variance))
    z = mean @ model.vectors.detach().double().numpy().T + model.bias.detach().double().numpy()
    if task == "classify":
        rebuilt = -(dense * (z - np.log(np.exp(z).sum(axis=1, keepdims=True)))).sum()
    else:
        rebuilt = np.where(dense > 0, dense * (1 - z) ** 2, 0.1 * z**2).sum()
    distance = 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance).sum()
    assert found == pytest.approx((rebuilt + 0.5 * distance) / dense.sum(), rel=1e-4)


def test_uncertainty_comes_to_count_along_a_line():
    some, model = term(), Autoencoder(NUM_ITEMS, kind="variational", hidden=[], latent_dim=3)
    batch, seen = some.draw(np.random.default_rng(1), 20), []
    for _ in range(6):
        seen.append(some.objective.now())
        some.objective(model, batch)
    np.testing.assert_allclose(seen, [0.0, 0.125, 0.25, 0.375, 0.5, 0.5])
    assert term(anneal_steps=0).objective.now() == 0.5
    again = term().objective
    again.load_state_dict(some.objective.state_dict())
    assert again.now() == 0.5
