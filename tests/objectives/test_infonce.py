from dataclasses import replace

import numpy as np
import pytest
import torch

from shelfspace.objectives.contrast import Contrast
from shelfspace.objectives.infonce import InfoNCE
from tests.contracts.objective_contract import B, D, ObjectiveContract, contrast, is_itself


def row_loss(z, positive, also, itself, how, masked):
    if how == "ignore":
        kept = [c for c in range(len(z)) if c == positive or not (masked and also[c])]
        return np.log(sum(np.exp(z[c]) for c in kept)) - z[positive]
    kept = [c for c in range(len(z)) if not itself[c]]
    positives = [c for c in kept if c == positive or also[c]]
    total = sum(np.exp(z[kept]))
    if how == "sum_in":
        return -np.log(sum(np.exp(z[p]) for p in positives) / total)
    return -sum(np.log(np.exp(z[p]) / total) for p in positives) / len(positives)


class TestInfoNCE(ObjectiveContract):
    kind = InfoNCE
    cases = (
        {"temperature": 0.5},
        {"temperature": 0.5, "learn_temperature": True, "symmetric": True},
        {"temperature": 1.0, "multi_positive": "sum_out", "symmetric": True},
        {"temperature": 2.0, "multi_positive": "sum_in"},
        {"temperature": 1.0, "mask_false_negatives": False, "symmetric": True},
        {"temperature": 1.0, "correct_log_q": False},
    )

    def naive(self, given, objective):
        how, masked, loss, back = (
            objective.multi_positive,
            objective.mask_false_negatives,
            np.zeros(B),
            np.zeros(B),
        )
        own = given.candidate[given.positive]
        for b in range(B):
            z = given.candidate @ given.anchor[b] / objective.temperature
            z = z - given.log_q * objective.correct_log_q
            itself = [is_itself(given, b, c) for c in range(len(z))]
            loss[b] = row_loss(z, given.positive[b], given.also[b], itself, how, masked)
            took = [
                given.also[a, given.positive[b]] or given.positive[a] == given.positive[b] for a in range(B)
            ]
            z = given.anchor @ own[b] / objective.temperature
            itself = [is_itself(given, a, given.positive[b]) for a in range(B)]
            back[b] = row_loss(z, b, [t and a != b for a, t in enumerate(took)], itself, how, masked)
        loss = (loss + back) / 2 if objective.symmetric else loss
        return (given.weight * loss).sum() / given.weight.sum()


@pytest.mark.parametrize("symmetric", [False, True])
def test_a_batch_of_one_item_costs_nothing_and_moves_nothing(symmetric):
    one = Contrast(torch.randn(4, D), torch.randn(1, D), torch.zeros(4, dtype=torch.int64))
    one.anchor.requires_grad_()
    loss = InfoNCE(D, symmetric=symmetric)(one)
    loss.backward()
    assert loss == 0
    assert not one.anchor.grad.any()


def test_a_learnt_temperature_goes_back_into_its_range():
    objective = InfoNCE(D, learn_temperature=True)
    (parameter,) = objective.parameters()
    for far in (50.0, -50.0):
        parameter.data.fill_(far)
        objective(contrast()).backward()
        assert 0.00999 <= objective.divisor().detach().item() <= 1.0001
        assert parameter.grad != 0


def test_log_q_makes_the_optimum_that_of_the_softmax_over_the_catalogue():
    generator, rows = torch.Generator().manual_seed(0), 20_000
    chance = torch.tensor([0.9, 0.5, 0.2, 0.1])
    wanted = torch.tensor([0.1, 0.5, 0.2, 0.2])
    drawn = torch.rand(rows, 4, generator=generator) < chance
    positive = torch.multinomial(wanted, rows, replacement=True, generator=generator)
    learnt = {}
    for correct in (True, False):
        score = torch.zeros(4, requires_grad=True)
        objective = InfoNCE(4, temperature=1.0, correct_log_q=correct)
        optimizer = torch.optim.LBFGS([score], max_iter=30)

        def closure():
            optimizer.zero_grad()  # noqa: B023
            anchor = score.expand(rows, 4)  # noqa: B023
            loss = objective(Contrast(anchor, torch.eye(4), positive, also=~drawn, log_q=chance.log()))  # noqa: B023
            loss.backward()
            return loss

        optimizer.step(closure)
        learnt[correct] = torch.softmax(score.detach(), dim=0)
    np.testing.assert_allclose(learnt[True], wanted, atol=0.01)
    assert (learnt[False] - wanted).abs().max() > 0.1


def test_the_same_shopper_twice_in_a_batch_is_no_negative_of_the_item():
    given = replace(contrast(bare=True), positive=torch.tensor([0, 1, 2, 3, 4, 5]))
    also = torch.zeros(B, len(given.candidate), dtype=torch.bool)
    also[[0, 1], [1, 0]] = True
    twice = replace(given, anchor=given.anchor[[0, 0, 2, 3, 4, 5]].requires_grad_(), also=also)
    ways = InfoNCE(D, temperature=1.0, symmetric=True)
    once = ways(replace(twice, weight=torch.tensor([1.0, 0, 0, 0, 0, 0])))
    (gradient,) = torch.autograd.grad(once, twice.anchor)
    assert not gradient[1].any()
    assert gradient[2].any()
