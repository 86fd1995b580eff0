import numpy as np
import pytest
import torch

from shelfspace.objectives.byol import BYOL
from shelfspace.objectives.contrast import Contrast
from tests.contracts.objective_contract import B, ObjectiveContract, cosine


class TestBYOL(ObjectiveContract):
    kind = BYOL
    cases = ({"hidden_dim": 16}, {"hidden_dim": 16, "centre": False})

    def naive(self, given, objective):
        first, norm, _, last = objective.predictor

        def foretold(x):
            hidden = first.weight.numpy(force=True) @ x + first.bias.numpy(force=True)
            hidden = (hidden - hidden.mean()) / np.sqrt(hidden.var() + norm.eps)
            hidden = hidden * norm.weight.numpy(force=True) + norm.bias.numpy(force=True)
            return last.weight.numpy(force=True) @ np.maximum(hidden, 0) + last.bias.numpy(force=True)

        middle = np.mean([given.target[p] for p in given.positive], axis=0) if objective.centre else 0
        middle_anchor = given.target_anchor.mean(axis=0) if objective.centre else 0
        loss = np.zeros(B)
        for b, p in enumerate(given.positive):
            there = 2 - 2 * cosine(foretold(given.anchor[b]), given.target[p] - middle)
            back = 2 - 2 * cosine(foretold(given.candidate[p]), given.target_anchor[b] - middle_anchor)
            loss[b] = (there + back) / 2
        return np.average(loss, weights=given.weight)


def test_where_all_targets_are_one_there_is_nothing_to_foretell():
    torch.manual_seed(0)
    one = torch.ones(4, 8)
    given = Contrast(torch.randn(4, 8), torch.randn(4, 8), torch.arange(4), target=one, target_anchor=one)
    assert BYOL(8)(given).item() == pytest.approx(2.0)
    alone = Contrast(one[:1], one[:1], torch.arange(1), target=one[:1], target_anchor=one[:1])
    assert BYOL(8)(alone).item() != pytest.approx(2.0)  # of one row nothing would be left


def test_the_predictor_is_learnt():
    assert all(isinstance(p, torch.nn.Parameter) for p in BYOL(4).parameters())
    assert len(list(BYOL(4).parameters())) == 6
