import pytest
import torch

from shelfspace.errors import ConfigError
from shelfspace.objectives.byol import BYOL
from shelfspace.objectives.infonce import InfoNCE
from shelfspace.objectives.weighted_sum import WeightedSum
from tests.contracts.objective_contract import D, contrast


def test_the_sum_and_its_parts():
    parts = {"near": (InfoNCE(D), 1.0), "views": (BYOL(D).double(), 0.25)}
    both, given = WeightedSum(parts), contrast()
    given.anchor.requires_grad_()
    total, values = both(given)
    torch.testing.assert_close(total, values["near"] + 0.25 * values["views"])
    torch.testing.assert_close(values["near"], InfoNCE(D)(given).detach())
    assert not values["near"].requires_grad
    total.backward()
    assert given.anchor.grad.any()
    assert both.needs_target
    assert not both.needs_value
    assert len(list(both.parameters())) == 6


def test_nothing_and_weights_below_zero_are_refused():
    with pytest.raises(ConfigError, match="at least one"):
        WeightedSum({})
    with pytest.raises(ConfigError, match="the weight of near"):
        WeightedSum({"near": (InfoNCE(D), -1.0)})
