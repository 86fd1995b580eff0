from dataclasses import replace

import numpy as np
import torch

from shelfspace.objectives.align_uniform import AlignmentUniformity
from tests.contracts.objective_contract import B, D, ObjectiveContract, contrast


class TestAlignmentUniformity(ObjectiveContract):
    kind = AlignmentUniformity
    cases = (
        {},
        {"alpha": 1.0, "t": 3.0, "gamma": 0.5},
        {"mask_false_negatives": False},
    )

    def naive(self, given, objective):
        sphere = [given.anchor, given.candidate[given.positive]]
        a, p = (x / np.sqrt((x**2).sum(axis=1, keepdims=True)) for x in sphere)
        alignment = np.average(
            [np.linalg.norm(a[b] - p[b]) ** objective.alpha for b in range(B)], weights=given.weight
        )
        pairs = [(i, j) for i in range(B) for j in range(B) if i != j]
        if objective.mask_false_negatives:
            also, positive = given.also, given.positive
            pairs = [
                (i, j)
                for i, j in pairs
                if positive[i] != positive[j] and not also[i, positive[j]] and not also[j, positive[i]]
            ]
        spread = [
            np.log(np.mean([np.exp(-objective.t * ((x[i] - x[j]) ** 2).sum()) for i, j in pairs]))
            for x in (a, p)
        ]
        return alignment + objective.gamma * sum(spread) / 2


def test_the_same_item_twice_is_not_pushed_from_itself():
    given = replace(contrast(bare=True), positive=torch.zeros(B, dtype=torch.int64))
    aligned = AlignmentUniformity(D, gamma=0.0)(given)
    torch.testing.assert_close(AlignmentUniformity(D)(given), aligned)
