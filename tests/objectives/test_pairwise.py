import numpy as np

from shelfspace.objectives.bpr import BPR
from shelfspace.objectives.pairwise import PairwiseLogistic
from tests.contracts.objective_contract import B, D, ObjectiveContract, contrast, negatives


class TestPairwiseLogistic(ObjectiveContract):
    kind = PairwiseLogistic
    cases = (
        {"temperature": 0.5},
        {"temperature": 0.5, "learn_temperature": True},
        {"temperature": 1.0, "correct_log_q": False},
        {"temperature": 1.0, "mask_false_negatives": False},
    )

    def naive(self, given, objective):
        loss = np.zeros(B)
        for b in range(B):
            s = given.candidate @ given.anchor[b] / objective.temperature
            others = negatives(given, b, masked=objective.mask_false_negatives)
            rarity = [np.exp(-given.log_q[c] * objective.correct_log_q) for c in others]
            terms = [np.log(1 + np.exp(-(s[given.positive[b]] - s[c]))) for c in others]
            loss[b] = np.average(terms, weights=rarity)
        return np.average(loss, weights=given.weight)


def test_bpr_is_it_at_temperature_one_without_a_correction():
    alike = PairwiseLogistic(D, temperature=1.0, correct_log_q=False)
    np.testing.assert_allclose(BPR(D, num_negatives=0)(contrast()), alike(contrast()))
