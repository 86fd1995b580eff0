import numpy as np

from shelfspace.objectives.bce import BinaryCrossEntropy
from tests.contracts.objective_contract import B, ObjectiveContract, negatives


class TestBinaryCrossEntropy(ObjectiveContract):
    kind = BinaryCrossEntropy
    cases = (
        {"temperature": 0.5, "bias": -1.0},
        {"temperature": 0.5, "learn_temperature": True, "negative_weight": 3.0},
        {"temperature": 1.0, "learn_bias": False, "bias": 0.5, "correct_log_q": False},
        {"temperature": 1.0, "mask_false_negatives": False},
    )

    def naive(self, given, objective):
        def sigmoid(z):
            return 1 / (1 + np.exp(-z))

        loss = np.zeros(B)
        for b in range(B):
            z = given.candidate @ given.anchor[b] / objective.temperature + objective.bias
            z = z - given.log_q * objective.correct_log_q
            others = negatives(given, b, masked=objective.mask_false_negatives)
            no = np.mean([-np.log(1 - sigmoid(z[c])) for c in others])
            loss[b] = -np.log(sigmoid(z[given.positive[b]])) + objective.negative_weight * no
        return np.average(loss, weights=given.weight)
