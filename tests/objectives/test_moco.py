from dataclasses import replace

import numpy as np
import torch

from shelfspace.objectives.moco import MoCo
from tests.contracts.objective_contract import B, D, M, ObjectiveContract, contrast, cosine


class TestMoCo(ObjectiveContract):
    kind = MoCo
    cases = (
        {"temperature": 0.5, "queue_size": 20},
        {"temperature": 0.5, "queue_size": 7, "learn_temperature": True},
        {"temperature": 1.0, "correct_log_q": False},
        {"temperature": 1.0, "mask_false_negatives": False},
    )

    def made(self):
        for objective in super().made():
            for seed in (7, 8):
                objective.train()(contrast(seed))
            yield objective.eval()

    def naive(self, given, objective):
        past = []
        for seed in (7, 8):
            batch = contrast(seed)
            past += list(
                zip(batch.target.numpy(), batch.candidate_id.tolist(), batch.log_q.numpy(), strict=True)
            )
        past = past[-objective.queue_size :]
        corrected = objective.correct_log_q and given.log_q.any()
        loss = np.zeros(B)
        for b, p in enumerate(given.positive):
            masked = objective.mask_false_negatives
            keys = [
                (given.target[c], given.log_q[c])
                for c in range(M)
                if c == p or not (masked and given.also[b, c])
            ]
            own = None if given.candidate_id is None else given.candidate_id[p]
            keys += [(key, q) for key, item, q in past if not masked or own is None or item != own]

            def logit(key, q, b=b):
                return cosine(given.anchor[b], key) / objective.temperature - q * corrected

            total = sum(np.exp(logit(*key)) for key in keys)
            loss[b] = np.log(total) - logit(given.target[p], given.log_q[p])
        return np.average(loss, weights=given.weight)


def test_the_queue_goes_round_keeps_the_latest_and_is_saved():
    objective = MoCo(D, queue_size=20)
    for seed in range(5):
        objective(contrast(seed))
    keys = torch.cat([contrast(seed).target for seed in range(5)])[-20:]
    keys = torch.nn.functional.normalize(keys).float()
    place = int(objective.place)
    torch.testing.assert_close(torch.cat([objective.queue[place:], objective.queue[:place]]), keys)
    other = MoCo(D, queue_size=20)
    other.load_state_dict(objective.state_dict())
    torch.testing.assert_close(other.eval()(contrast(9)), objective.eval()(contrast(9)))


def test_the_queue_changes_in_training_only_and_after_the_loss():
    objective, given = MoCo(D), contrast()
    before = objective.eval()(given)
    assert objective.num_queued == 0
    torch.testing.assert_close(objective.train()(given), before)
    assert objective.num_queued == M
    assert objective(given) > before


def test_the_gradient_can_be_taken_after_the_queue_has_moved_on():
    objective, given = MoCo(D, queue_size=4), contrast()
    anchor = given.anchor.requires_grad_()
    total = sum(objective(replace(given, anchor=anchor)) for _ in range(3))
    total.backward()
    assert torch.isfinite(anchor.grad).all()
