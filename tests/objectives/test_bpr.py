import numpy as np
import torch

from shelfspace.objectives.bpr import BPR
from shelfspace.objectives.contrast import Contrast
from tests.contracts.objective_contract import B, M, ObjectiveContract, negatives


class TestBPR(ObjectiveContract):
    kind = BPR
    cases = (
        {},
        {"num_negatives": 3},
        {"num_negatives": 0},
        {"num_negatives": 50},
        {"mask_false_negatives": False},
    )
    order_counts = True

    def naive(self, given, objective):
        loss = np.zeros(B)
        for b in range(B):
            allowed = negatives(given, b, masked=objective.mask_false_negatives)
            around = [c for c in [(b * M // B + k) % M for k in range(M)] if c in allowed]
            s = given.candidate @ given.anchor[b]
            chosen = around[: objective.num_negatives or None]
            loss[b] = np.mean([-np.log(1 / (1 + np.exp(s[c] - s[given.positive[b]]))) for c in chosen])
        return np.average(loss, weights=given.weight)


def test_every_candidate_serves_about_equally_often():
    rows, columns = 300, 60
    candidate = torch.randn(columns, 4, requires_grad=True)
    positive = torch.randint(columns, (rows,), generator=torch.Generator().manual_seed(0))
    served = torch.zeros(columns)
    for b in range(rows):
        weight = torch.zeros(rows)
        weight[b] = 1.0
        loss = BPR(4)(Contrast(torch.ones(rows, 4), candidate, positive, weight=weight))
        (gradient,) = torch.autograd.grad(loss, candidate)
        touched = gradient.abs().sum(dim=1) > 0
        touched[positive[b]] = False
        assert touched.sum() == 1
        served += touched
    assert served.min() >= 3
    assert served.max() <= 8
