"""Losses of whole rows: what a user took of N items, against a score of each, without ever holding the scores.

B users, N items, E events of them all, D width of the last layer. A score is z_bi = hidden_b · vector_i + bias_i.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from shelfspace.objectives.softmax import CHUNK_SIZE, logit_chunks


@dataclass(frozen=True)
class Taken:
    """What each user of a batch took.

    item: int64 [E], user by user;  start: int64 [B], where each user's begin;  weight: float [E], what each counts.
    """

    item: Tensor
    start: Tensor
    weight: Tensor

    def user(self) -> Tensor:
        """Return the user of each event, int64 [E]."""
        ends = torch.cat([self.start[1:], self.start.new_tensor([len(self.item)])])
        return torch.repeat_interleave(torch.arange(len(self.start)), ends - self.start)

    def total(self) -> Tensor:
        """Return the weights of each user together, [B]."""
        return self.weight.new_zeros(len(self.start)).index_add(0, self.user(), self.weight)


def multinomial(
    hidden: Tensor, vectors: Tensor, bias: Tensor, taken: Taken, *, chunk_size: int = CHUNK_SIZE
) -> Tensor:
    """Return each user's weighted sum of -log softmax(z) at what they took, [B].

    Σ_e w_e (lse(z) - z_e) is one log-sum-exp a row and one sum of the vectors taken, whatever the number of events.

    Args:
        hidden: [B, D].
        vectors: [N, D].
        bias: [N].
        taken: the events.
        chunk_size: items whose scores are held at once; see `chunked_cross_entropy`.

    Cost: 4 B N D multiplications and 2 B N exponentials, E D additions; O(B · chunk_size + (B + N) D) memory.

    Source: Liang et al. 2018, "Variational Autoencoders for Collaborative Filtering".

    Example:
        >>> both = Taken(torch.tensor([0, 1]), torch.tensor([0, 1]), torch.ones(2))
        >>> [round(loss, 4) for loss in multinomial(torch.eye(2), torch.eye(2), torch.zeros(2), both).tolist()]
        [0.3133, 0.3133]
    """
    total: Tensor = _LogSumExp.apply(hidden, vectors, bias, chunk_size)  # type: ignore[no-untyped-call]
    own = functional.embedding_bag(
        taken.item, vectors, taken.start, mode="sum", per_sample_weights=taken.weight
    )
    of_bias = torch.zeros_like(total).index_add(0, taken.user(), taken.weight * bias[taken.item])
    return taken.total() * total - (hidden * own).sum(dim=1) - of_bias


def squared_error(hidden: Tensor, vectors: Tensor, bias: Tensor, taken: Taken, *, zeros: float) -> Tensor:
    """Return each user's Σ_e w_e (1 - z_e)² + zeros · Σ_(i not taken) z_i², [B], over the whole catalogue.

    Of the items not taken no score is made: Σ_i z_i² = h (VᵀV) hᵀ, with the bias as one more column. An item comes
    at most once for a user.

    Args:
        hidden: [B, D].
        vectors: [N, D].
        bias: [N].
        taken: the events, w their weights.
        zeros: what an item that was not taken counts for.

    Cost: O((N + B) D² + E D) time; O(E D + D²) memory.

    Source: Hu, Koren and Volinsky 2008, "Collaborative Filtering for Implicit Feedback Datasets".
    """
    wide = torch.cat([hidden, torch.ones_like(hidden[:, :1])], dim=1)
    columns = torch.cat([vectors, bias[:, None]], dim=1)
    everything = ((wide @ (columns.T @ columns)) * wide).sum(dim=1)
    user = taken.user()
    score = (wide[user] * functional.embedding(taken.item, columns)).sum(dim=1)
    own = taken.weight * (1 - score) ** 2 - zeros * score**2
    return zeros * everything + torch.zeros_like(everything).index_add(0, user, own)


def kl_to_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return KL(N(mean, e^log_variance) | N(0, 1)) of each row, [B].

    Source: Kingma and Welling 2014, "Auto-Encoding Variational Bayes", appendix B.

    Example:
        >>> kl_to_normal(torch.tensor([[1.0, 0.0]]), torch.zeros(1, 2)).tolist()
        [0.5]
    """
    return 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(dim=1)


class _LogSumExp(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, vectors: Tensor, bias: Tensor, chunk_size: int) -> Tensor:
        total = torch.full_like(hidden[:, 0], -torch.inf)
        for _, logits in logit_chunks(hidden, vectors, -bias, None, chunk_size):
            total = torch.logaddexp(total, torch.logsumexp(logits, dim=1))
        ctx.save_for_backward(hidden, vectors, bias, total)
        ctx.chunk_size = chunk_size
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        hidden, vectors, bias, total = ctx.saved_tensors
        by_hidden, by_vectors = torch.zeros_like(hidden), torch.zeros_like(vectors)
        by_bias = torch.zeros_like(bias)
        for some, logits in logit_chunks(hidden, vectors, -bias, None, ctx.chunk_size):
            share = logits.sub_(total[:, None]).exp_().mul_(gradient[:, None])
            by_hidden.addmm_(share, vectors[some])
            torch.mm(share.T, hidden, out=by_vectors[some])
            torch.sum(share, dim=0, out=by_bias[some])
        return by_hidden, by_vectors, by_bias, None
