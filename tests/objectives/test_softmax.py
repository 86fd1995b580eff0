import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from shelfspace.objectives.infonce import InfoNCE
from shelfspace.objectives.softmax import FullSoftmax, chunked_cross_entropy
from tests.contracts.objective_contract import B, D, M, ObjectiveContract, contrast, negatives


class TestFullSoftmax(ObjectiveContract):
    kind = FullSoftmax
    cases = (
        {"temperature": 0.5},
        {"temperature": 0.5, "chunk_size": 2, "learn_temperature": True},
        {"temperature": 1.0, "chunk_size": 1},
        {"temperature": 1.0, "chunk_size": 4, "correct_log_q": False, "mask_false_negatives": False},
    )

    def naive(self, given, objective):
        loss = np.zeros(B)
        for b, p in enumerate(given.positive):
            z = given.candidate @ given.anchor[b] / objective.temperature
            z = z - given.log_q * objective.correct_log_q
            kept = [p, *negatives(given, b, masked=objective.mask_false_negatives)]
            loss[b] = np.log(sum(np.exp(z[c]) for c in kept)) - z[p]
        return np.average(loss, weights=given.weight)


@given(
    rows=st.integers(1, 7),
    columns=st.integers(1, 23),
    chunk=st.integers(1, 30),
    pairs=st.integers(0, 40),
    seed=st.integers(0, 10**6),
)
@settings(max_examples=40)
def test_any_chunks_give_the_loss_and_gradients_of_the_whole(rows, columns, chunk, pairs, seed):
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    also = (
        torch.randint(rows, (pairs,), generator=generator),
        torch.randint(columns, (pairs,), generator=generator),
    )
    positive = torch.randint(columns, (rows,), generator=generator)
    log_q, weight = normal(columns), normal(rows).abs() + 0.1
    temperature = torch.tensor(0.3, dtype=torch.float64)
    leaves = [t.requires_grad_() for t in (normal(rows, 3), normal(columns, 3), temperature)]
    anchor, candidate, temperature = leaves
    masked = torch.zeros(rows, columns, dtype=torch.bool)
    masked[also] = True
    masked[torch.arange(rows), positive] = False
    logits = (anchor @ candidate.T / temperature - log_q).masked_fill(masked, -torch.inf)
    each = torch.nn.functional.cross_entropy(logits, positive, reduction="none")
    wanted = (weight * each).sum() / weight.sum()
    found = chunked_cross_entropy(
        anchor,
        candidate,
        positive,
        temperature=temperature,
        log_q=log_q,
        also=also,
        weight=weight,
        chunk_size=chunk,
    )
    torch.testing.assert_close(found, wanted)
    for one, other in zip(
        torch.autograd.grad(found, leaves), torch.autograd.grad(wanted, leaves), strict=True
    ):
        torch.testing.assert_close(one, other)


class Largest(TorchDispatchMode):
    """Notes the largest tensor that is made."""

    numbers = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        for tensor in made if isinstance(made, list | tuple) else [made]:
            if isinstance(tensor, torch.Tensor):
                self.numbers = max(self.numbers, tensor.numel())
        return made


def test_no_logits_of_the_whole_catalogue_are_ever_held():
    anchor, candidate = torch.randn(50, 4, requires_grad=True), torch.randn(2000, 4, requires_grad=True)
    positive = torch.arange(50)
    with Largest() as chunked:
        chunked_cross_entropy(anchor, candidate, positive, temperature=0.5, chunk_size=100).backward()
    with Largest() as whole:
        torch.nn.functional.cross_entropy(anchor @ candidate.T, positive).backward()
    assert chunked.numbers == max(50 * 100, 2000 * 4)
    assert whole.numbers == 50 * 2000


def test_it_needs_no_gradient_and_is_asked_for_no_second():
    given = contrast()
    anchor = given.anchor.requires_grad_()
    with torch.no_grad():
        value = chunked_cross_entropy(anchor, given.candidate, given.positive, temperature=0.5)
    assert not value.requires_grad
    loss = chunked_cross_entropy(anchor, given.candidate, given.positive, temperature=0.5)
    torch.testing.assert_close(loss.detach(), value)
    (gradient,) = torch.autograd.grad(loss, anchor, create_graph=True)
    with pytest.raises(RuntimeError):
        torch.autograd.grad(gradient.sum(), anchor)


def test_it_stays_finite_where_a_plain_sum_of_exponentials_does_not():
    anchor = torch.full((2, 1), 100.0, requires_grad=True)
    candidate = torch.tensor([[100.0], [-100.0], [99.0]])
    loss = chunked_cross_entropy(anchor, candidate, torch.tensor([0, 1]), temperature=0.1, chunk_size=1)
    loss.backward()
    assert loss.item() == pytest.approx(100_000.0)
    assert torch.isfinite(anchor.grad).all()


def test_it_is_infonce():
    for bare in (False, True):
        torch.testing.assert_close(
            FullSoftmax(D, chunk_size=M - 1)(contrast(bare=bare)), InfoNCE(D)(contrast(bare=bare))
        )
