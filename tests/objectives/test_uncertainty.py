import math

import pytest
import torch
from torch import nn

from shelfspace.objectives.byol import BYOL
from shelfspace.objectives.infonce import InfoNCE
from shelfspace.objectives.uncertainty import HIGHEST, LOWEST, Uncertain
from tests.contracts.objective_contract import contrast


class Loss(nn.Module):
    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value))

    def forward(self) -> torch.Tensor:
        return self.value


def test_it_is_the_formula_and_the_gradient_is_weighed():
    part = Uncertain(Loss(3.0))
    with torch.no_grad():
        part.log_variance.fill_(0.7)
    value = part()
    assert value.item() == pytest.approx(3.0 * math.exp(-0.7) + 0.7)
    value.backward()
    assert part.objective.value.grad.item() == pytest.approx(math.exp(-0.7))
    assert part.log_variance.grad.item() == pytest.approx(1 - 3.0 * math.exp(-0.7))


@pytest.mark.parametrize(
    ("loss", "wanted"), [(4.0, math.log(4)), (0.5, math.log(0.5)), (0.0, LOWEST), (1e6, HIGHEST)]
)
def test_left_alone_the_weight_becomes_one_over_the_loss_within_bounds(loss, wanted):
    part = Uncertain(Loss(loss))
    optimizer = torch.optim.Adam([part.log_variance], lr=0.05)
    for _ in range(600):
        optimizer.zero_grad()
        part().backward()
        optimizer.step()
    part()
    assert part.log_variance.item() == pytest.approx(wanted, abs=0.06)


def test_it_tells_what_its_objective_tells():
    assert Uncertain(BYOL(5)).needs_target
    one = Uncertain(InfoNCE(5, temperature=0.3))
    assert not one.needs_target
    assert one.divisor() == 0.3
    assert Uncertain(Loss(1.0)).divisor is None
    torch.testing.assert_close(one(contrast()), one.objective(contrast()))
