import numpy as np
import torch

from shelfspace.objectives.byol import BYOL
from tests.contracts.objective_contract import B, ObjectiveContract, cosine


class TestBYOL(ObjectiveContract):
    kind = BYOL
    cases = ({"hidden_dim": 16},)

    def naive(self, given, objective):
        first, norm, _, last = objective.predictor

        def foretold(x):
            hidden = first.weight.numpy(force=True) @ x + first.bias.numpy(force=True)
            hidden = (hidden - hidden.mean()) / np.sqrt(hidden.var() + norm.eps)
            hidden = hidden * norm.weight.numpy(force=True) + norm.bias.numpy(force=True)
            return last.weight.numpy(force=True) @ np.maximum(hidden, 0) + last.bias.numpy(force=True)

        loss = np.zeros(B)
        for b, p in enumerate(given.positive):
            there = 2 - 2 * cosine(foretold(given.anchor[b]), given.target[p])
            back = 2 - 2 * cosine(foretold(given.candidate[p]), given.target_anchor[b])
            loss[b] = (there + back) / 2
        return np.average(loss, weights=given.weight)


def test_the_predictor_is_learnt():
    assert all(isinstance(p, torch.nn.Parameter) for p in BYOL(4).parameters())
    assert len(list(BYOL(4).parameters())) == 6
