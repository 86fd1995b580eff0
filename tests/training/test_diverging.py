import math

import pytest
import torch

from shelfspace.errors import JobError
from shelfspace.objectives.infonce import InfoNCE
from tests.learning.tastes import Loop, same, weights_of

SHORT = {"epochs": 2, "epoch_steps": 4, "batch_size": 64}


class Breaks(InfoNCE):
    """InfoNCE that is no number at its fifth step."""

    def __init__(self, embedding_dim, bad=math.nan):
        super().__init__(embedding_dim)
        self.bad, self.calls = bad, 0

    def loss(self, contrast):
        self.calls += 1
        value = super().loss(contrast)
        return value * self.bad if self.calls == 5 else value


def finite(model):
    return all(bool(torch.isfinite(value).all()) for value in model.state_dict().values())


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_a_loss_that_is_no_number_ends_it_and_the_best_weights_stay(bad, ema):
    some, seen = Loop(loop={**SHORT, "epoch_steps": 3, "learning_rate": 0.002, "ema": ema}), []
    some.terms[0].objective = Breaks(16, bad)

    def value(model):
        seen.append(weights_of(model))
        return 1.0

    with pytest.raises(JobError, match=r"the loss is (nan|inf) at step 4, learning rate 0\.002"):
        some.fit(value=value)
    assert same(some.weights(), seen[0])
    assert finite(some.model)


def test_before_anything_was_measured_the_weights_are_those_it_began_with():
    some = Loop(loop={**SHORT, "epoch_steps": 6})
    before = some.weights()
    some.terms[0].objective = Breaks(16)
    with pytest.raises(JobError, match="at step 4"):
        some.fit()
    assert same(some.weights(), before)


@pytest.mark.parametrize("unit", [True, False])
@pytest.mark.parametrize("rate", [1e6, 1e30])
def test_a_rate_that_blows_up_leaves_nothing_that_is_not_finite(unit, rate):
    some = Loop(
        model={"embedding_dim": 16, "unit": unit}, loop={**SHORT, "epochs": 20, "learning_rate": rate}
    )
    before = some.weights()
    with pytest.raises(JobError, match=r"at step \d+, learning rate 1e\+\d+"):
        some.fit()
    assert finite(some.model)
    assert same(some.weights(), before)


def test_a_gradient_that_is_no_number_moves_nothing(monkeypatch):
    some = Loop(loop=SHORT)

    class Steep(InfoNCE):
        def loss(self, contrast):
            value = super().loss(contrast)
            value.register_hook(lambda g: g * math.nan)
            return value

    some.terms[0].objective = Steep(16)
    before = some.weights()
    with pytest.raises(JobError, match="at step 0"):
        some.fit()
    assert same(some.weights(), before)
