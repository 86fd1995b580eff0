import numpy as np

from shelfspace.objectives.triplet import Triplet
from tests.contracts.objective_contract import B, ObjectiveContract, cosine, negatives


class TestTriplet(ObjectiveContract):
    kind = Triplet
    cases = (
        {"margin": 0.5},
        {"margin": 0.5, "mining": "hard"},
        {"margin": 0.9, "mining": "semi_hard"},
        {"margin": 0.5, "mask_false_negatives": False},
    )

    def naive(self, given, objective):
        loss = np.zeros(B)
        for b in range(B):
            d = [1 - cosine(given.anchor[b], candidate) for candidate in given.candidate]
            to_own = d[given.positive[b]]
            others = [d[c] for c in negatives(given, b, masked=objective.mask_false_negatives)]
            if objective.mining == "hard":
                others = [min(others)]
            elif objective.mining == "semi_hard":
                further = [x for x in others if x > to_own]
                others = [min(further) if further else max(others)]
            loss[b] = np.mean([max(0, to_own - x + objective.margin) for x in others])
        return np.average(loss, weights=given.weight)
