from dataclasses import replace

import numpy as np
import pytest
import torch

from shelfspace.inputs.pasts import recent
from shelfspace.model.model import Past
from tests.learning.tastes import NUM_ITEMS, history, made


def past(rows, user=None):
    stop = history().indptr[np.array(rows) + 1]
    seen = recent(history(), np.array(rows), stop, 8)
    user = rows if user is None else user
    given = (seen.item, seen.age, seen.kind, seen.mask, np.array(user))
    return Past(*(torch.from_numpy(np.asarray(a)) for a in given))


def vectors_of(towers, some):
    vectors = towers.model.all_items()
    return towers.model.users(some, vectors, some.item).detach()


def nothing(some):
    return replace(some, mask=torch.zeros_like(some.mask))


def test_vectors_are_of_unit_length_but_for_those_of_which_nothing_is_known():
    lengths = made().model.all_items().norm(dim=1)
    torch.testing.assert_close(lengths[:-1], torch.ones(NUM_ITEMS - 1))
    assert lengths[-1] == 0


def test_raw_vectors_point_where_those_of_unit_length_do():
    towers = made()
    unit = towers.model.all_items()
    towers.model.unit = False
    raw = towers.model.all_items()
    assert (raw[:-1].norm(dim=1) - 1).abs().max() > 0.05
    torch.testing.assert_close(raw / raw.norm(dim=1, keepdim=True).clamp(min=1e-6), unit)


@pytest.mark.parametrize("size", [1, 7, 60, 8192])
@pytest.mark.parametrize("training", [True, False])
def test_all_items_are_the_same_in_blocks_and_leave_the_mode_as_it_was(size, training):
    model = made(fusion={"use": "gated"}).model.train(training)
    found = model.all_items(size)
    assert model.training == training
    assert not found.requires_grad
    torch.testing.assert_close(
        found, model.eval().items(torch.arange(NUM_ITEMS)).detach(), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("unit", [True, False])
def test_over_a_graph_items_are_what_it_makes_of_the_whole_catalogue(unit):
    model = made(model={"embedding_dim": 16, "unit": unit}, graph={"layers": 2, "noise": 0.5}).model
    with torch.no_grad():
        alone = model.item(torch.arange(NUM_ITEMS))
        expected = model.scaled(model.graph(alone))
        torch.testing.assert_close(model.items(torch.tensor([5, 0, 5])), expected[[5, 0, 5]])
    for size in (7, 8192):
        torch.testing.assert_close(model.train().all_items(size), expected)
    assert not expected[-1].any()
    new = ~np.isin(np.arange(NUM_ITEMS), history().item)
    torch.testing.assert_close(expected[new], model.scaled(alone)[new])


def test_in_training_each_call_is_another_view_of_the_same_items():
    fields = {"encoders": {"ids": {}}, "profile": {}}
    for graph in ({"noise": 0.1}, {"drop_edges": 0.5}, {"drop_nodes": 0.5}):
        model = made(graph=graph, **fields).model.train()
        one, other = (model.items(torch.arange(20)).detach() for _ in range(2))
        assert not torch.equal(one, other)


def test_the_gradient_reaches_the_items_that_were_taken_with_those_asked_for():
    model = made(graph={"layers": 1}, encoders={"ids": {}}, profile={}).model
    model.items(torch.tensor([3])).square().sum().backward()
    model.items(torch.tensor([3]))[0, 0].backward()
    taken = history().matrix()
    near = (taken.T @ taken).toarray()[3] > 0
    moved = model.item.encoder("ids").table.weight.grad.any(dim=1).numpy()
    np.testing.assert_array_equal(moved[:NUM_ITEMS], near)


@pytest.mark.parametrize("unit", [True, False])
def test_a_user_is_what_is_known_of_them(unit):
    towers = made(model={"embedding_dim": 16, "unit": unit})
    some = past([1, 2, 3])
    model, vectors = towers.model, towers.model.all_items()
    pooled = model.user.history(vectors[some.item], some.age, some.mask)
    profile = model.user.profile(some.user)
    both = vectors_of(towers, some)
    torch.testing.assert_close(both, model.scaled((pooled + profile) / 2).detach())
    new = vectors_of(towers, nothing(some))
    torch.testing.assert_close(new, model.scaled(profile).detach())
    unknown = vectors_of(towers, past([1, 2, 3], user=[-1, -1, -1]))
    torch.testing.assert_close(unknown, model.scaled(pooled).detach())
    nobody = vectors_of(towers, nothing(past([1, 2, 3], user=[-1, -1, -1])))
    assert not nobody.any()


def test_a_user_whose_profile_is_empty_is_their_history():
    """User 9 has no town and the towers no ids."""
    towers = made(
        model={"embedding_dim": 16, "unit": False}, profile={"town": {"use": "attributes", "column": "town"}}
    )
    known, unknown = vectors_of(towers, past([9])), vectors_of(towers, past([9], user=[-1]))
    torch.testing.assert_close(known, unknown, rtol=0, atol=0)


def test_users_without_histories_are_their_profiles():
    towers = made(user={"length": 0})
    some = past([1, 2])
    found = vectors_of(towers, replace(some, user=torch.tensor([1, -1])))
    torch.testing.assert_close(
        found[0], towers.model.scaled(towers.model.user.profile(some.user))[0].detach()
    )
    assert not found[1].any()


def test_what_is_padded_does_not_matter():
    towers, some = made(), past([1, 2])
    wide = Past(
        *(torch.nn.functional.pad(t, (5, 0), value=3) for t in (some.item, some.age, some.kind)),
        torch.nn.functional.pad(some.mask, (5, 0), value=False),
        some.user,
    )
    torch.testing.assert_close(vectors_of(towers, wide), vectors_of(towers, some))


def test_some_of_the_users_are_taken_from_all_their_arrays():
    some = past([1, 2, 3]).take(slice(1, 3))
    assert some.user.tolist() == [2, 3]
    assert all(len(t) == 2 for t in (some.item, some.age, some.mask))
