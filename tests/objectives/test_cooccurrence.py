from dataclasses import replace

import numpy as np
import torch

from shelfspace.objectives.contrast import Contrast
from shelfspace.objectives.cooccurrence import CosineRegression
from tests.contracts.objective_contract import B, ObjectiveContract, contrast, cosine, negatives


class TestCosineRegression(ObjectiveContract):
    kind = CosineRegression
    cases = (
        {},
        {"value": "ppmi", "negative_weight": 0.0},
        {"x_max": 10.0, "power": 0.5, "scale": 2.0, "bias": 0.3, "correct_log_q": False},
        {"mask_false_negatives": False, "negative_weight": 4.0},
    )

    def naive(self, given, objective):
        loss = np.zeros(B)
        for b, p in enumerate(given.positive):

            def foretold(c, b=b):
                return objective.scale * cosine(given.anchor[b], given.candidate[c]) + objective.bias

            x = given.value[b]
            wanted, counted = np.log(1 + x), min(1, (x / objective.x_max) ** objective.power)
            if objective.value == "ppmi":
                wanted, counted = x, 1
            others = negatives(given, b, masked=objective.mask_false_negatives)
            rarity = [np.exp(-given.log_q[c] * objective.correct_log_q) for c in others]
            nothing = np.average([foretold(c) ** 2 for c in others], weights=rarity)
            loss[b] = counted * (foretold(p) - wanted) ** 2 + objective.negative_weight * nothing
        return np.average(loss, weights=given.weight)


def test_counts_and_their_logs_are_two_ways_of_saying_the_same():
    given = contrast()
    logs = replace(given, value=given.value.log1p())
    by_logs = CosineRegression(5, value="log_count").double()(logs)
    torch.testing.assert_close(by_logs, CosineRegression(5).double()(given))


def test_all_vectors_being_one_is_the_optimum_only_without_negatives():
    torch.manual_seed(0)
    groups, items = torch.arange(12) % 3, torch.arange(12)
    anchor, positive = torch.meshgrid(items, items, indexing="ij")
    seen = ((groups[anchor] == groups[positive]) & (anchor != positive)).flatten()
    anchor, positive = anchor.flatten()[seen], positive.flatten()[seen]
    also = groups[anchor][:, None] == groups
    likeness = {}
    for negative_weight in (0.0, 1.0):
        vectors = torch.randn(12, 4) * 0.1 + 1.0
        vectors.requires_grad_()
        objective = CosineRegression(4, negative_weight=negative_weight, x_max=5.0)
        optimizer = torch.optim.Adam([vectors, *objective.parameters()], lr=0.03)
        for _ in range(150):
            optimizer.zero_grad()
            given = Contrast(
                vectors[anchor], vectors, positive, also=also, value=torch.full(anchor.shape, 9.0)
            )
            objective(given).backward()
            optimizer.step()
        of_unit = torch.nn.functional.normalize(vectors.detach())
        likeness[negative_weight] = (of_unit @ of_unit.T)[groups[:, None] != groups].mean().item()
    assert likeness[0.0] > 0.9
    assert likeness[1.0] < 0.3
