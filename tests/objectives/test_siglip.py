import math

import pytest
import torch

from shelfspace.objectives.siglip import SigLIP
from tests.contracts.objective_contract import ObjectiveContract, contrast, negatives


class TestSigLIP(ObjectiveContract):
    kind = SigLIP
    cases = (
        {},
        {"learn_temperature": False, "temperature": 0.5, "learn_bias": False, "bias": -1.0},
        {"mask_false_negatives": False},
    )

    def naive(self, given, objective):
        def softplus(value):
            return math.log1p(math.exp(-abs(value))) + max(value, 0.0)

        total = 0.0
        for row, anchor in enumerate(given.anchor):
            logits = given.candidate @ anchor / objective.temperature + objective.bias
            loss = softplus(-logits[given.positive[row]])
            for column in negatives(given, row, masked=objective.mask_false_negatives):
                loss += softplus(logits[column])
            total += given.weight[row] * loss
        return total / given.weight.sum()


def test_temperature_and_bias_are_learnt():
    objective = SigLIP(5).double()
    optimizer = torch.optim.SGD(objective.parameters(), lr=0.1)
    first = objective(contrast())
    for _ in range(20):
        optimizer.zero_grad()
        objective(contrast()).backward()
        optimizer.step()
    assert objective(contrast()) < first
    assert float(objective.divisor().detach()) != pytest.approx(0.1)
    assert float(objective.offset.detach()) != pytest.approx(-10.0)
