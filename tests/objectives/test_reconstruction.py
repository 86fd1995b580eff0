from dataclasses import replace

import numpy as np
import torch

from shelfspace.objectives.reconstruction import MaskedReconstruction
from tests.contracts.objective_contract import B, D, ObjectiveContract, contrast, cosine


class TestMaskedReconstruction(ObjectiveContract):
    kind = MaskedReconstruction
    cases = (
        {},
        {"gamma": 1.0},
        {"gamma": 3.0},
    )

    def naive(self, given, objective):
        loss = [
            (1 - cosine(given.anchor[b], given.target[given.positive[b]])) ** objective.gamma
            for b in range(B)
        ]
        return np.average(loss, weights=given.weight)


def test_without_a_copy_the_whole_is_the_models_own_vector_and_stays_where_it_is():
    given = contrast()
    own = replace(given, target=None, candidate=given.target.clone().requires_grad_())
    anchor = given.anchor.requires_grad_()
    torch.testing.assert_close(MaskedReconstruction(D)(own), MaskedReconstruction(D)(given))
    MaskedReconstruction(D)(replace(own, anchor=anchor)).backward()
    assert own.candidate.grad is None
    assert torch.isfinite(anchor.grad).all()
