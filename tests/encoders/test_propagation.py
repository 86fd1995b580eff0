import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse

from shelfspace.encoders.propagation import Edges, Propagation
from shelfspace.errors import ConfigError

D = 4


def taken(users=9, items=7, *, seed=0, share=0.3):
    """Who took what, dense; user 3 took nothing, and items 2 and 5 nobody."""
    some = np.random.default_rng(seed).random((users, items)) < share
    some[3], some[:, [2, 5]] = False, False
    return some


def vectors(rows=7, *, seed=1):
    return torch.randn((rows, D), dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def normalised(dense):
    """D_u^-1/2 X D_i^-1/2, a number at a time."""
    weight = np.zeros(dense.shape)
    for u, i in np.argwhere(dense):
        weight[u, i] = (dense[u].sum() * dense[:, i].sum()) ** -0.5
    return weight


def propagated(dense, items, layers):
    """The mean of an item's layers, layer by layer with dense matrices."""
    weight, layer = normalised(dense), items.numpy()
    found = [layer]
    for _ in range(layers):
        layer = weight.T @ (weight @ layer)
        found.append(layer)
    means = [
        np.mean([one[i] for one in (found if dense[:, i].any() else found[:1])], axis=0)
        for i in range(len(layer))
    ]
    return torch.from_numpy(np.stack(means))


def module(dense=None, **given):
    return Propagation(sparse.csr_array(taken() if dense is None else dense), **given)


@pytest.mark.parametrize("layers", [1, 2, 4])
@pytest.mark.parametrize("training", [True, False])
def test_it_is_what_dense_matrices_give(layers, training):
    found = module(layers=layers).train(training)(vectors())
    torch.testing.assert_close(found, propagated(taken(), vectors(), layers), rtol=1e-12, atol=1e-12)


def test_the_values_and_the_order_of_what_is_stored_do_not_matter():
    dense = taken()
    user, item = np.nonzero(dense)
    order = np.argsort(user * 10 - item)  # items falling within a user
    indptr = np.concatenate([[0], np.cumsum(dense.sum(axis=1))])
    stored = sparse.csr_array((np.arange(len(user)) + 5.0, item[order], indptr), shape=dense.shape)
    torch.testing.assert_close(Propagation(stored)(vectors()), module()(vectors()), rtol=0, atol=0)


def test_the_gradient_is_that_of_finite_differences():
    assert torch.autograd.gradcheck(module(layers=2), vectors().requires_grad_())
    weight = vectors(9).requires_grad_()
    assert torch.autograd.gradcheck(Edges.of(sparse.csr_array(taken())).to_items, weight)


def test_what_nobody_took_keeps_its_vector_and_users_of_nothing_are_0():
    found = module(layers=3)(vectors())
    torch.testing.assert_close(found[[2, 5]], vectors()[[2, 5]], rtol=0, atol=0)
    users = Edges.of(sparse.csr_array(taken())).to_users(vectors())
    assert not users[3].any()


@pytest.mark.parametrize("dense", [np.zeros((3, 7), bool), np.eye(3, 7, dtype=bool), np.zeros((0, 7), bool)])
@pytest.mark.parametrize("changes", [{}, {"drop_edges": 0.5, "drop_nodes": 0.5, "noise": 0.3}])
def test_a_past_in_which_no_user_has_two_items_changes_no_direction(dense, changes):
    given = module(dense, layers=2, **changes).eval()(vectors())
    torch.testing.assert_close(given, vectors())
    items = vectors().requires_grad_()
    found = module(dense, layers=2, **changes).train()(items)
    found.square().sum().backward()
    assert torch.isfinite(found).all()
    assert torch.isfinite(items.grad).all()


def test_noise_has_the_length_that_is_set_and_the_signs_of_what_it_moves():
    torch.manual_seed(0)
    some = vectors(500)
    some[7] = 0.0
    step = module(noise=0.3).train()._moved(some) - some
    there = some.any(dim=1)
    torch.testing.assert_close(step[there].norm(dim=1), torch.full((499,), 0.3, dtype=torch.float64))
    assert (step.sign() == some.sign()).all()
    assert not step[7].any()
    share = step[there].abs() / 0.3
    assert share.mean(dim=0).std() < 0.02  # no coordinate is preferred


def test_noise_moves_users_and_items_of_each_layer():
    """Layer by layer by hand, from the same random numbers."""
    dense = taken()
    weight, part = torch.from_numpy(normalised(dense)), module(layers=2, noise=0.2).train()
    torch.manual_seed(3)
    found = part(vectors())
    torch.manual_seed(3)
    layer = total = vectors()
    for _ in range(2):
        for matrix in (weight, weight.T):
            layer = matrix @ layer
            length = torch.rand_like(layer)
            layer = layer + 0.2 * layer.sign() * length / length.norm(dim=1, keepdim=True)
        total = total + layer
    took = torch.from_numpy(dense.any(axis=0))
    torch.testing.assert_close(found[took], total[took] / 3)


def test_the_noise_itself_has_no_gradient():
    part, items = module(layers=1, noise=0.4).train(), vectors().requires_grad_()
    torch.manual_seed(1)
    (one,) = torch.autograd.grad(part(items).sum(), items)
    (other,) = torch.autograd.grad(part.eval()(items).sum(), items)
    torch.testing.assert_close(one, other)


@pytest.mark.parametrize(
    "changes", [{"drop_edges": 0.4}, {"drop_nodes": 0.4}, {"drop_edges": 0.3, "drop_nodes": 0.2}]
)
def test_a_view_is_normalised_by_the_degrees_of_what_is_left(changes):
    torch.manual_seed(2)
    part = module(layers=2, **changes).train()
    view = part._view()
    left = dense_of(view, taken().shape)
    assert left.sum() < taken().sum()
    assert not (left & ~taken()).any()
    part._view = lambda: view
    torch.testing.assert_close(part(vectors()), propagated(left, vectors(), 2), rtol=1e-12, atol=1e-12)


def test_so_many_edges_are_dropped_as_are_asked_for():
    torch.manual_seed(0)
    dense = np.random.default_rng(0).random((200, 150)) < 0.5
    left = dense_of(module(dense, drop_edges=0.3).train()._view(), dense.shape)
    share, size = left.sum() / dense.sum(), dense.sum()
    assert abs(share - 0.7) < 4 * (0.21 / size) ** 0.5


def test_a_dropped_node_loses_all_its_edges_and_the_others_none():
    torch.manual_seed(0)
    dense = np.ones((200, 150), bool)
    left = dense_of(module(dense, drop_nodes=0.3).train()._view(), dense.shape)
    users, items = left.any(axis=1), left.any(axis=0)
    np.testing.assert_array_equal(left, users[:, None] & items)
    for kept in (users, items):
        assert abs(kept.mean() - 0.7) < 4 * (0.21 / len(kept)) ** 0.5


@pytest.mark.parametrize("changes", [{"drop_edges": 0.3}, {"drop_nodes": 0.3}, {"noise": 0.1}])
def test_each_call_in_training_is_another_view_and_evaluation_has_none(changes):
    part = module(**changes)
    assert not torch.equal(part(vectors()), part(vectors()))
    torch.manual_seed(5)
    one = part(vectors())
    torch.manual_seed(5)
    torch.testing.assert_close(part(vectors()), one, rtol=0, atol=0)
    part.eval()
    torch.testing.assert_close(part(vectors()), module()(vectors()), rtol=0, atol=0)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_what_is_kept_of_edges_is_what_would_be_listed_of_them(data):
    shape = data.draw(st.tuples(st.integers(0, 6), st.integers(1, 6)))
    dense = data.draw(hnp.arrays(bool, shape))
    edges = Edges.of(sparse.csr_array(dense))
    mask = data.draw(hnp.arrays(bool, len(edges.item)))
    left = dense.copy()
    left[dense] = mask
    found, expected = edges.keep(torch.from_numpy(mask)), Edges.of(sparse.csr_array(left))
    for name, value in vars(expected).items():
        assert torch.equal(getattr(found, name), value), name


def test_a_second_network_looks_at_the_same_past():
    part = module()
    assert copy.deepcopy(part).edges is part.edges
    assert not part.state_dict()


def test_it_takes_what_lower_precision_gives():
    found = module()(vectors().bfloat16())
    torch.testing.assert_close(found.double(), module()(vectors()), rtol=0.05, atol=0.05)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"layers": 0}, "layers = 0"),
        ({"drop_edges": 1.0}, r"drop_edges = 1\.0"),
        ({"drop_nodes": -0.1}, r"drop_nodes = -0\.1"),
        ({"noise": -1.0}, r"noise = -1\.0"),
        ({"noise": float("inf")}, "noise = inf"),
        ({"noise": float("nan")}, "noise = nan"),
    ],
)
def test_bad_settings_are_named(changes, said):
    with pytest.raises(ConfigError, match=said):
        module(**changes)


def dense_of(edges, shape):
    dense = np.zeros(shape, bool)
    dense[np.repeat(np.arange(shape[0]), edges.user_degree().numpy()), edges.item.numpy()] = True
    return dense
