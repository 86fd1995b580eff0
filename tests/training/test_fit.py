import math
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
import torch

from shelfspace.training import fit as loop
from shelfspace.training.gradients import Plain
from tests.learning.tastes import Loop, same, weights_of

SHORT = {"epochs": 2, "epoch_steps": 4, "batch_size": 64}


class Spy(torch.optim.AdamW):
    """AdamW that keeps, of every step, the rate and the gradients."""

    seen: ClassVar[list[SimpleNamespace]] = []

    def step(self, closure=None):
        group = self.param_groups[0]
        gradients = [None if w.grad is None else w.grad.clone() for w in group["params"]]
        Spy.seen.append(SimpleNamespace(rate=group["lr"], gradients=gradients))
        return super().step(closure)


@pytest.fixture
def spy(monkeypatch):
    Spy.seen = []
    monkeypatch.setattr(torch.optim, "AdamW", Spy)
    return Spy.seen


def norm(gradients):
    return math.sqrt(sum(float(g.double().square().sum()) for g in gradients if g is not None))


def test_the_loss_falls():
    curve = Loop(loop={"epochs": 4, "learning_rate": 0.01}).fit().curve
    losses = [entry["loss"] for entry in curve]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.8 * losses[0]


def test_the_same_seed_ends_in_the_same_weights_bit_for_bit():
    runs = [Loop(seed=seed, loop=SHORT) for seed in (5, 5, 6)]
    curves = [run.fit().curve for run in runs]
    assert same(runs[0].weights(), runs[1].weights())
    assert [c["loss"] for c in curves[0]] == [c["loss"] for c in curves[1]]
    assert not same(runs[0].weights(), runs[2].weights())


def test_what_is_drawn_elsewhere_does_not_matter():
    one, two = Loop(loop=SHORT), Loop(loop=SHORT)
    one.fit()
    torch.rand(100)
    np.random.default_rng(0).random(100)
    two.fit()
    assert same(one.weights(), two.weights())


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", [0.2, 0.4, 0.6, 0.8, 1.0, 1.0, 1.0, 1.0]),
        ("linear", [(n + 1) / 5 * (1 - n / 8) if n < 4 else 1 - n / 8 for n in range(8)]),
        ("cosine", [min(1, (n + 1) / 5) * (1 + math.cos(math.pi * n / 8)) / 2 for n in range(8)]),
    ],
)
def test_the_rate_of_every_step(schedule, expected, spy):
    Loop(loop={**SHORT, "warm_up": 5, "schedule": schedule, "learning_rate": 0.01}).fit()
    np.testing.assert_allclose([step.rate for step in spy], 0.01 * np.array(expected), rtol=1e-9)


def test_a_schedule_ends_with_the_budget(spy, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(loop.time, "monotonic", lambda: clock[0])

    def told(*_):
        clock[0] += 1.0  # a step takes a second

    some = Loop(loop={**SHORT, "epochs": 10, "epoch_steps": 2, "warm_up": 0, "schedule": "linear"})
    assert some.fit(budget_seconds=10.0, told=told).step == 10
    rates = np.array([step.rate for step in spy]) / spy[0].rate
    np.testing.assert_allclose(rates, [1.0, 1 - 1 / 20, *(1 - n / 10 for n in range(2, 10))])


def test_without_a_warm_up_the_first_step_has_the_whole_rate(spy):
    Loop(loop={**SHORT, "warm_up": 0, "learning_rate": 0.02}).fit()
    assert {step.rate for step in spy} == {0.02}


def test_the_gradient_is_clipped_to_its_bound(spy):
    Loop(loop={**SHORT, "clip": 0.0}).fit()
    free, whole = [norm(step.gradients) for step in spy], spy[0].gradients
    spy.clear()
    bound = min(free) / 2
    Loop(loop={**SHORT, "clip": bound}).fit()
    clipped = [norm(step.gradients) for step in spy]
    np.testing.assert_allclose(clipped, bound, rtol=1e-4)
    for small, large in zip(spy[0].gradients, whole, strict=True):
        if large is not None:
            torch.testing.assert_close(small, large * (bound / free[0]), rtol=1e-3, atol=1e-8)
    spy.clear()
    Loop(loop={**SHORT, "clip": 2 * max(free)}).fit()
    np.testing.assert_allclose([norm(step.gradients) for step in spy], free, rtol=1e-4)


def test_an_accumulated_step_has_the_mean_of_the_gradients_of_its_batches(spy):
    Loop(seed=3, loop={**SHORT, "accumulate": 2, "clip": 0.0}).fit()
    twin = Loop(seed=3, loop=SHORT)
    twin.model.train()
    torch.manual_seed(3)
    rng = np.random.default_rng(3)
    for _ in range(2):
        Plain().add(twin.model, twin.terms[0].draw(rng, 64), twin.terms[0].objective, None, 0.5)
    expected = [weight.grad for weight in twin.model.parameters()]
    for found, gradient in zip(spy[0].gradients, expected, strict=True):
        assert (found is None) == (gradient is None)
        if gradient is not None:
            torch.testing.assert_close(found, gradient, rtol=1e-6, atol=1e-8)


def test_an_accumulated_epoch_has_as_many_pairs_and_fewer_steps():
    steps = [Loop(loop={"accumulate": n, "batch_size": 100}).fit().step for n in (1, 3)]
    assert steps[1] == math.ceil(len(Loop().terms[0].mix) / 300) < steps[0]


def test_several_objectives_add_up_by_their_weights(spy):
    one, other = {"use": "infonce", "pairs": "basket"}, {"use": "vicreg", "pairs": "two_views"}
    for weights in ((1.0, 0.0), (0.0, 1.0), (0.5, 2.0)):
        both = [{**o, "weight": w} for o, w in zip((one, other), weights, strict=True)]
        Loop(objectives=both, loop={**SHORT, "clip": 0.0, "epochs": 1, "epoch_steps": 1}).fit()
    for first, second, found in zip(*(step.gradients for step in spy), strict=True):
        assert (found is None) == (first is None)
        if found is not None:
            torch.testing.assert_close(found, 0.5 * first + 2.0 * second, rtol=1e-4, atol=1e-6)


def test_the_average_of_the_weights_is_what_is_measured_and_kept():
    some, passed, measured = Loop(loop={**SHORT, "ema": 0.7}), [], []
    slow = {name: value.double() for name, value in some.weights().items()}

    def told(*_):
        for name, value in some.weights().items():
            slow[name] = 0.7 * slow[name] + 0.3 * value.double()
        passed.append(dict(slow))

    some.fit(told=told, value=lambda model: measured.append(weights_of(model)) or len(measured))
    for found, expected in ((measured[0], passed[3]), (some.weights(), passed[-1])):
        for name, value in found.items():
            torch.testing.assert_close(value.double(), expected[name], rtol=1e-4, atol=1e-6)


def test_the_curve_has_the_mean_loss_and_the_value_of_every_epoch(monkeypatch):
    given, losses = iter([0.3, 0.1, 0.2]), []
    real = loop._step
    monkeypatch.setattr(loop, "_step", lambda *a: losses.append(real(*a)) or losses[-1])
    progress = Loop(loop={**SHORT, "epochs": 3, "patience": 0}).fit(value=lambda _: next(given))
    assert [entry["value"] for entry in progress.curve] == [0.3, 0.1, 0.2]
    expected = np.array(losses).reshape(3, 4).mean(axis=1)
    np.testing.assert_allclose([entry["loss"] for entry in progress.curve], expected)
    assert progress.step == 12


def test_progress_is_told_after_every_step():
    told = []
    Loop(loop=SHORT).fit(told=lambda *said: told.append(said))
    assert told == [("training", n + 1, 8) for n in range(8)]


def temperature_of(some):
    with torch.no_grad():
        return float(some.terms[0].objective.divisor())


@pytest.mark.parametrize("ema", [0.0, 0.5])
def test_an_early_stop_keeps_the_weights_that_were_best(ema):
    """The learnt temperature is that of the best epoch, too."""
    objective = {"use": "infonce", "learn_temperature": True}
    some = Loop(
        objectives=[objective], loop={**SHORT, "epochs": 9, "patience": 2, "learning_rate": 0.02, "ema": ema}
    )
    seen, values = [], [0.1, 0.5, 0.3, 0.4, 0.9]

    def value(model):
        assert not model.training
        seen.append((weights_of(model), temperature_of(some)))
        return values[len(seen) - 1]

    progress = some.fit(value=value)
    assert [entry["value"] for entry in progress.curve] == values[:4]
    assert same(some.weights(), seen[1][0])
    assert temperature_of(some) == seen[1][1] != seen[3][1]
    assert not some.model.training


def test_without_patience_every_epoch_is_trained_and_the_best_is_kept():
    some, seen, values = Loop(loop={**SHORT, "epochs": 4, "patience": 0}), [], [0.4, 0.9, 0.2, 0.1]

    def value(model):
        seen.append(weights_of(model))
        return values[len(seen) - 1]

    assert len(some.fit(value=value).curve) == 4
    assert same(some.weights(), seen[1])


def test_where_nothing_is_measured_the_last_weights_stay():
    some, last = Loop(loop=SHORT), {}
    some.fit(told=lambda *_: last.update(some.weights()))
    assert same(some.weights(), last)


def test_no_epoch_is_begun_that_would_not_end_in_time(monkeypatch):
    """By a clock on which an epoch takes 10 seconds."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: clock.now))

    def value(_):
        clock.now += 10.0
        return clock.now

    epochs = []
    for budget in (1.0, 20.0, 35.0, math.inf):
        clock.now = 0.0
        progress = Loop(loop={**SHORT, "epochs": 6}).fit(value=value, budget_seconds=budget)
        epochs.append(len(progress.curve))
        assert progress.seconds == 10.0 * epochs[-1]
    assert epochs == [1, 2, 3, 6]


@pytest.mark.parametrize("chunk_size", [0, 20])
def test_bfloat16_learns_as_float32_does(chunk_size):
    losses = {}
    for precision in ("float32", "bfloat16"):
        some = Loop(
            loop={"epochs": 3, "learning_rate": 0.01, "precision": precision, "chunk_size": chunk_size}
        )
        losses[precision] = some.fit().curve[-1]["loss"]
        assert all(value.dtype == torch.float32 for value in some.weights().values())
    assert losses["bfloat16"] == pytest.approx(losses["float32"], rel=0.05)


def test_mined_negatives_are_looked_at_again_as_often_as_they_say():
    some, seen = Loop(negatives={"use": "hard", "refresh_steps": 3, "skip": 1}, loop=SHORT), []
    real = some.terms[0].negatives.update
    some.terms[0].negatives.update = lambda vectors: seen.append(vectors) or real(vectors)
    some.fit()
    assert len(seen) == 2  # at steps 3 and 6 of 8
    assert not np.array_equal(*seen)


def test_the_first_term_says_how_long_an_epoch_is():
    pairs = len(Loop().terms[0].mix)
    assert Loop(loop={"batch_size": 100}).fit().step == math.ceil(pairs / 100)
    assert Loop(loop={"batch_size": 100, "epoch_steps": 3}).fit().step == 3
    assert Loop(loop={"batch_size": 10 * pairs}).fit().step == 1
