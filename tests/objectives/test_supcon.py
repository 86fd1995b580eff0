import numpy as np
import torch

from shelfspace.objectives.infonce import InfoNCE
from shelfspace.objectives.supcon import SupervisedContrastive
from tests.contracts.objective_contract import (
    B,
    D,
    M,
    ObjectiveContract,
    chunked,
    contrast,
    cosine,
    is_itself,
)


class TestSupervisedContrastive(ObjectiveContract):
    kind = SupervisedContrastive
    cases = (
        {"temperature": 0.5},
        {"learn_temperature": True},
        {"correct_log_q": False},
    )
    also_are_positives = True

    def naive(self, given, objective):
        loss = np.zeros(B)
        for b in range(B):
            cosines = np.array([cosine(given.anchor[b], candidate) for candidate in given.candidate])
            z = cosines / objective.temperature - given.log_q * objective.correct_log_q
            kept = [c for c in range(M) if not is_itself(given, b, c)]
            positives = [c for c in kept if c == given.positive[b] or given.also[b, c]]
            loss[b] = np.mean([-np.log(np.exp(z[p]) / np.exp(z[kept]).sum()) for p in positives])
        return np.average(loss, weights=given.weight)


def test_on_vectors_of_unit_length_it_is_infonce_with_several_positives():
    given = chunked(contrast(), lambda t: t)
    unit = torch.nn.functional.normalize
    on_the_sphere = type(given)(
        **{**vars(given), "anchor": unit(given.anchor), "candidate": unit(given.candidate)}
    )
    several = InfoNCE(D, temperature=0.1, multi_positive="sum_out")
    torch.testing.assert_close(SupervisedContrastive(D)(given), several(on_the_sphere))
