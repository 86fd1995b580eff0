"""How a batch becomes gradients: at once, or in chunks with the same result (GradCache).

B pairs, M candidates, R items encoded, D embedding_dim.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from shelfspace.encoders.view import seen
from shelfspace.model.model import Model, Past
from shelfspace.objectives.contrast import Contrast
from shelfspace.training.batches import Batch

Loss = Callable[[Contrast], Tensor]


class Gradients(Protocol):
    """Adds the gradient of `scale` times the loss of a batch to the parameters' own; gives the loss."""

    def add(self, model: Model, batch: Batch, loss: Loss, target: Model | None, scale: float) -> Tensor:
        """Return the loss, detached."""
        ...


@dataclass(frozen=True)
class Plain:
    """All rows encoded at once."""

    def add(self, model: Model, batch: Batch, loss: Loss, target: Model | None, scale: float) -> Tensor:
        """Return the loss, detached."""
        vectors = _encoded(model, batch, batch.rows)
        value = loss(contrast_of(model, batch, vectors, _anchors(model, batch, vectors), target))
        (scale * value).backward()  # type: ignore[no-untyped-call]
        return value.detach()


@dataclass(frozen=True)
class Perturbed:
    """All rows encoded at once, and the loss a second time where every item vector is moved to make it larger.

    A vector x becomes x + size · g / |g|, g the gradient of the loss by x, held fixed; at unit length again where the
    model's are. Cost: objective and user tower twice forward and thrice backward.

    Sources: Goodfellow, Shlens and Szegedy 2015 (along the gradient); He et al. 2018 (of embeddings, APR).
    """

    size: float
    weight: float

    def add(self, model: Model, batch: Batch, loss: Loss, target: Model | None, scale: float) -> Tensor:
        """Return the loss of vectors that were not moved, detached."""
        vectors = _encoded(model, batch, batch.rows)
        value = loss(contrast_of(model, batch, vectors, _anchors(model, batch, vectors), target))
        (gradient,) = torch.autograd.grad(value, vectors, retain_graph=True)
        moved = model.scaled(vectors + self.size * functional.normalize(gradient, dim=-1))
        again = loss(contrast_of(model, batch, moved, _anchors(model, batch, moved), target))
        (scale * (value + self.weight * again)).backward()  # type: ignore[no-untyped-call]
        return value.detach()


@dataclass(frozen=True)
class Cached:
    """Vectors first without a graph, the loss's gradient by them, then each chunk again with its graph.

    Time: the encoders run twice forward; memory: the graph of one chunk, and the loss's. The result is that of `Plain`
    but for rounding, and for which fields drop-out hides.

    Source: Gao et al. 2021, "Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup".
    """

    chunk_size: int

    def add(self, model: Model, batch: Batch, loss: Loss, target: Model | None, scale: float) -> Tensor:
        """Return the loss, detached."""
        size = self.chunk_size
        chunks = [batch.rows[start : start + size] for start in range(0, len(batch.rows), size)]
        parts_of = _split(batch, size)
        with torch.no_grad():
            parts, states = [], []
            for chunk in chunks:
                states.append(torch.get_rng_state())
                parts.append(_encoded(model, batch, chunk))
        vectors = torch.cat(parts).requires_grad_()
        with torch.no_grad():
            anchor_state = torch.get_rng_state()
            some = [_anchors(model, part, vectors) for part in parts_of]
        anchors = torch.cat(some).requires_grad_()
        value = loss(contrast_of(model, batch, vectors, anchors, target))
        (scale * value).backward()  # type: ignore[no-untyped-call]
        after = torch.get_rng_state()
        torch.set_rng_state(anchor_state)
        assert anchors.grad is not None
        for n, part in enumerate(parts_of):
            gradient = anchors.grad[n * size : (n + 1) * size]
            _anchors(model, part, vectors).backward(gradient)  # type: ignore[no-untyped-call]
        if vectors.grad is not None:  # a loss may look at anchors alone
            for n, (chunk, state) in enumerate(zip(chunks, states, strict=True)):
                torch.set_rng_state(state)
                gradient = vectors.grad[n * size : (n + 1) * size]
                _encoded(model, batch, chunk).backward(gradient)  # type: ignore[no-untyped-call]
        torch.set_rng_state(after)
        return value.detach()


def contrast_of(
    model: Model, batch: Batch, vectors: Tensor, anchors: Tensor, target: Model | None
) -> Contrast:
    """Return what an objective sees; with the target network's vectors where there is one."""
    target_items, target_anchors = None, None
    if target is not None:
        with torch.no_grad(), seen(target):
            rows = _encoded(target, batch, batch.rows)
            target_items, target_anchors = _candidates(target, batch, rows), _anchors(target, batch, rows)
    return Contrast(
        anchor=anchors,
        candidate=_candidates(model, batch, vectors),
        positive=batch.positive,
        also=batch.also,
        log_q=batch.log_q,
        weight=batch.weight,
        value=batch.value,
        target_anchor=target_anchors,
        target=target_items,
        candidate_id=batch.candidate_id,
        anchor_id=batch.rows[batch.anchor] if batch.anchor is not None and not batch.views else None,
    )


def _encoded(model: Model, batch: Batch, rows: Tensor) -> Tensor:
    """Return float [b, D], items as candidates are seen."""
    return model.items(rows, batch.shown[1] if batch.shown is not None else None)


def _anchors(model: Model, batch: Batch, vectors: Tensor) -> Tensor:
    """Return float [B, D]; items that are anchors of another view are encoded once more, with drop-out of their own."""
    if batch.past is not None and batch.place is not None:
        return model.users(batch.past, vectors, batch.place)
    assert batch.anchor is not None
    if not batch.views:
        return vectors[batch.anchor]
    return model.items(batch.rows[batch.anchor], batch.shown[0] if batch.shown is not None else None)


def _candidates(model: Model, batch: Batch, vectors: Tensor) -> Tensor:
    """Return float [M, D]: items, or histories where those are the candidates."""
    if batch.other is not None and batch.other_place is not None:
        return model.users(batch.other, vectors, batch.other_place)
    return vectors[batch.candidate]


def _split(batch: Batch, size: int) -> list[Batch]:
    """Return the batch's anchors in chunks; the rest is not looked at, packed histories stay whole."""
    found = []
    padded = batch.place if isinstance(batch.past, Past) else None
    for start in range(0, len(batch.positive), size):
        part = slice(start, start + size)
        found.append(
            Batch(
                **{
                    **vars(batch),
                    "anchor": batch.anchor[part] if batch.anchor is not None else None,
                    "past": batch.past.take(part) if batch.past is not None else None,
                    "place": batch.place if padded is None else padded[part],
                }
            )
        )
    return found
