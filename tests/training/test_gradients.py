import copy
from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from shelfspace.learning.towers import made_of
from shelfspace.training.gradients import Cached, Perturbed, Plain, contrast_of
from tests.learning.tastes import NUM_ITEMS, TABLE, catalogue, history, learner, records

SETTINGS = {
    "users": {"use": "infonce", "pairs": "next_item"},
    "users, temperature learnt": {"use": "infonce", "pairs": "user_item", "learn_temperature": True},
    "items": {"use": "infonce", "pairs": "basket", "symmetric": True},
    "values": {"use": "cosine_regression", "pairs": "cooccurrence"},
    "whole catalogue": {"use": "softmax", "pairs": "next_item", "chunk_size": 9},
    "views": {"use": "vicreg", "pairs": "two_views"},
    "sides": {
        "use": "infonce",
        "pairs": "text_photo",
        "symmetric": True,
    },
    "views against a slower copy": {"use": "byol", "pairs": "two_views"},
    "anchors alone, by a queue": {"use": "moco", "pairs": "two_views", "queue_size": 50},
    "anchors alone": {"use": "masked_reconstruction", "pairs": "two_views"},
}

SIDES = {"text_photo": {"anchor": ["title", "brand"], "positive": ["category", "price"]}}


def towers(objective, *, dropout=0.0, **sections):
    """Model, term, slower copy and a batch, all in float64."""
    encoders = {n: {**s, "dropout": dropout} for n, s in TABLE["encoders"].items()}
    profile = {n: {**s, "dropout": dropout} for n, s in TABLE["profile"].items()}
    sections.setdefault("pairs", SIDES)
    some = learner(objectives=[objective], encoders=encoders, profile=profile, **sections)
    torch.manual_seed(4)
    made = made_of(some.plan, records(), np.ones(NUM_ITEMS, bool))
    model = made.model.double().train()
    for tower in (model.item, model.user.profile):
        for held in tower.held.values():
            for name in ("values", "weight"):
                if hasattr(held, name):
                    setattr(held, name, getattr(held, name).double())
    term = some._terms(history(), catalogue(), made.seen)[0]
    term.objective = term.objective.double()
    target = copy.deepcopy(model).eval()
    with torch.no_grad():
        for weight in target.parameters():
            weight += 0.1 * torch.randn(weight.shape, dtype=torch.float64)
    drawn = term.draw(np.random.default_rng(2), 40)
    slower = term.objective.needs_target or objective["use"] == "masked_reconstruction"
    return model, term, target if slower else None, precise(drawn)


def precise(drawn):
    """The batch with its numbers in float64."""
    given = {f.name: getattr(drawn, f.name) for f in fields(drawn)}
    wide = {k: v.double() for k, v in given.items() if isinstance(v, torch.Tensor) and v.is_floating_point()}
    past, other = (some and replace(some, age=some.age.double()) for some in (drawn.past, drawn.other))
    return replace(drawn, **wide, past=past, other=other)


def gradients(way, model, objective, target, drawn, *, scale=1.0, seed=0):
    for weight in (*model.parameters(), *objective.parameters()):
        weight.grad = None
    torch.manual_seed(seed)
    value = way.add(model, drawn, objective, target, scale)
    parts = {"model": model, "objective": objective}
    return value, {f"{n}.{k}": w.grad for n, part in parts.items() for k, w in part.named_parameters()}


def assert_same(found, expected, **close):
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        assert (found[name] is None) == (gradient is None), name
        if gradient is not None:
            torch.testing.assert_close(found[name], gradient, msg=lambda m, n=name: f"{n}: {m}", **close)


@pytest.mark.parametrize("chunk_size", [1, 7, 40, 1000])
@pytest.mark.parametrize("kind", SETTINGS)
def test_chunks_give_the_gradients_of_the_whole_batch(kind, chunk_size):
    """BYOL's and MoCo's objectives change as they are called, so each way has a copy of its own."""
    model, term, target, drawn = towers(SETTINGS[kind])
    given = [
        (way, model, copy.deepcopy(term.objective), target, drawn) for way in (Plain(), Cached(chunk_size))
    ]
    (value, expected), (cached, found) = (gradients(*some, scale=0.3) for some in given)
    torch.testing.assert_close(cached, value, rtol=1e-9, atol=1e-9)
    assert_same(found, expected, rtol=1e-6, atol=1e-9)
    assert any(g is not None and g.any() for g in expected.values())


@pytest.mark.parametrize("kind", ["users", "items", "views", "sides", "anchors alone"])
def test_a_chunk_as_large_as_the_batch_hides_what_the_whole_batch_hides(kind):
    """Then the draws of drop-out come in one order; the second pass must hide what the first hid."""
    model, term, target, drawn = towers(SETTINGS[kind], dropout=0.3)
    value, expected = gradients(Plain(), model, term.objective, target, drawn)
    cached, found = gradients(Cached(1000), model, term.objective, target, drawn)
    torch.testing.assert_close(cached, value)
    assert_same(found, expected, rtol=1e-6, atol=1e-9)


def test_with_drop_out_chunks_give_the_gradient_of_the_loss_they_return():
    """By finite differences along the gradient, the same fields hidden each time."""
    model, term, target, drawn = towers(SETTINGS["users"], dropout=0.3)
    _, found = gradients(Cached(9), model, term.objective, target, drawn, seed=5)
    weight = model.item.encoder("title").table.weight
    along = found["model.item.fields.field_title.table.weight"]
    step, values = 1e-6, []
    for sign in (1, -1):
        with torch.no_grad():
            weight += sign * step * along
        values.append(float(gradients(Cached(9), model, term.objective, target, drawn, seed=5)[0]))
        with torch.no_grad():
            weight -= sign * step * along
    assert (values[0] - values[1]) / (2 * step) == pytest.approx(float(along.square().sum()), rel=1e-4)


@pytest.mark.parametrize("way", [Plain(), Cached(7)])
def test_gradients_add_up_by_their_scales(way):
    model, term, target, drawn = towers(SETTINGS["users"])
    other = precise(term.draw(np.random.default_rng(9), 40))
    singles = [gradients(way, model, term.objective, target, one)[1] for one in (drawn, other)]
    expected = {n: None if g is None else (g + singles[1][n]) / 2 for n, g in singles[0].items()}
    gradients(way, model, term.objective, target, drawn, scale=0.5)
    way.add(model, other, term.objective, target, 0.5)
    found = {f"model.{n}": w.grad for n, w in model.named_parameters()}
    assert_same(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", ["users", "views"])
def test_chunks_are_right_in_bfloat16_too(kind):
    """Casts made without a graph must not be taken for those with one."""
    model, term, target, drawn = towers(SETTINGS[kind])
    model, objective = model.float(), term.objective.float()
    for tower in (model.item, model.user.profile):
        for held in tower.held.values():
            for name in ("values", "weight"):
                if hasattr(held, name):
                    setattr(held, name, getattr(held, name).float())
    given = {f.name: getattr(drawn, f.name) for f in fields(drawn)}
    low = {k: v.float() for k, v in given.items() if isinstance(v, torch.Tensor) and v.is_floating_point()}
    drawn = replace(drawn, **low, past=drawn.past and replace(drawn.past, age=drawn.past.age.float()))
    with torch.autocast("cpu", torch.bfloat16):
        _, expected = gradients(Plain(), model, objective, target, drawn)
        _, found = gradients(Cached(7), model, objective, target, drawn)
    for name, gradient in expected.items():
        if gradient is not None and gradient.norm() > 1e-4:
            assert (found[name] - gradient).norm() < 0.05 * gradient.norm(), name


def test_nothing_flows_into_the_slower_copy():
    model, term, target, drawn = towers(SETTINGS["views against a slower copy"])
    for way in (Plain(), Cached(7)):
        gradients(way, model, term.objective, target, drawn)
        assert all(weight.grad is None for weight in target.parameters())


TRANSFORMER = {"use": "transformer", "num_heads": 2, "dropout": 0.0, "length": 8}
OF_HISTORIES = {
    "stretches": ({"use": "infonce", "pairs": "next_item"}, {"pairs": {"next_item": {"stretch": 4}}}),
    "two histories": ({"use": "infonce", "pairs": "two_histories"}, {}),
    "one target": ({"use": "infonce", "pairs": "same_target"}, {}),
    "hidden": (
        {"use": "infonce", "pairs": "hidden_item"},
        {"user": {**TRANSFORMER, "causal": False}},
    ),
}


@pytest.mark.parametrize("kind", OF_HISTORIES)
def test_chunks_of_packed_histories_give_the_gradients_of_the_whole_batch(kind):
    objective, sections = OF_HISTORIES[kind]
    model, term, target, drawn = towers(objective, **{"user": TRANSFORMER, **sections})
    given = [(way, model, copy.deepcopy(term.objective), target, drawn) for way in (Plain(), Cached(7))]
    (value, expected), (cached, found) = (gradients(*some) for some in given)
    torch.testing.assert_close(cached, value, rtol=1e-9, atol=1e-9)
    assert_same(found, expected, rtol=1e-6, atol=1e-9)
    assert any(g is not None and g.any() for n, g in expected.items() if "history" in n)


def test_a_perturbed_loss_is_that_of_vectors_moved_along_its_gradient():
    model, term, target, drawn = towers({"use": "infonce", "pairs": "next_item"})
    size, weight, scale = 0.3, 0.7, 0.5
    value, found = gradients(Perturbed(size, weight), model, term.objective, target, drawn, scale=scale)
    _, plain = gradients(Plain(), model, term.objective, target, drawn, scale=scale)

    class Moved(torch.nn.Module):
        """The model, its items moved by what is held fixed."""

        def __init__(self, by):
            super().__init__()
            self.by = by

        def items(self, rows, shown=None):
            return model.scaled(model.items(rows) + self.by)

        def users(self, *given):
            return model.users(*given)

    vectors = model.items(drawn.rows).detach().requires_grad_()
    loss = term.objective(
        contrast_of(model, drawn, vectors, model.users(drawn.past, vectors, drawn.place), None)
    )
    torch.testing.assert_close(loss.detach(), value)
    (by,) = torch.autograd.grad(loss, vectors)
    by = size * by / by.norm(dim=1, keepdim=True).clamp(min=1e-12)
    for part in (model, term.objective):
        for one in part.parameters():
            one.grad = None
    larger = Plain().add(Moved(by), drawn, term.objective, target, scale * weight)
    assert larger > value
    parts = {"model": model, "objective": term.objective}
    moved = {f"{n}.{k}": w.grad for n, part in parts.items() for k, w in part.named_parameters()}
    expected = {n: g if moved[n] is None else g + moved[n] for n, g in plain.items() if g is not None}
    assert_same({n: found[n] for n in expected}, expected, rtol=1e-6, atol=1e-10)
