import numpy as np

from shelfspace.objectives.barlow import BarlowTwins
from tests.contracts.objective_contract import D, ObjectiveContract


class TestBarlowTwins(ObjectiveContract):
    kind = BarlowTwins
    cases = (
        {},
        {"off_diagonal": 0.5},
    )

    def naive(self, given, objective):
        share = given.weight / given.weight.sum()

        def standardised(x):
            mean = (share[:, None] * x).sum(axis=0)
            return (x - mean) / np.sqrt((share[:, None] * (x - mean) ** 2).sum(axis=0) + 1e-8)

        one, other = standardised(given.anchor), standardised(given.candidate[given.positive])
        loss = 0.0
        for d in range(D):
            for e in range(D):
                c = (share * one[:, d] * other[:, e]).sum()
                loss += (1 - c) ** 2 if d == e else objective.off_diagonal * c**2
        return loss
