import numpy as np

from shelfspace.objectives.vicreg import VICReg
from tests.contracts.objective_contract import B, D, ObjectiveContract


class TestVICReg(ObjectiveContract):
    kind = VICReg
    cases = (
        {},
        {"invariance": 1.0, "variance": 3.0, "covariance": 2.0, "std": 1.5},
    )

    def naive(self, given, objective):
        share, own = given.weight / given.weight.sum(), given.candidate[given.positive]

        def covariance(x, d, e):
            one, other = (x[:, k] - (share * x[:, k]).sum() for k in (d, e))
            return (share * one * other).sum() * B / (B - 1)

        loss = objective.invariance * np.average(((given.anchor - own) ** 2).mean(axis=1), weights=share)
        for x in (given.anchor, own):
            lacking = [max(0, objective.std - np.sqrt(covariance(x, d, d) + 1e-4)) for d in range(D)]
            together = [covariance(x, d, e) ** 2 for d in range(D) for e in range(D) if d != e]
            loss += objective.variance * np.mean(lacking) / 2 + objective.covariance * np.sum(together) / D
        return loss
