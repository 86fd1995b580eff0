"""MoCo: a queue of past candidates as negatives.

B batch, M candidates, Q queue_size, D embedding_dim.
"""

from typing import Annotated, ClassVar

import torch
from torch import Tensor

from shelfspace.config import Range
from shelfspace.objectives.averaging import weighted_mean
from shelfspace.objectives.checks import at_least
from shelfspace.objectives.contrast import Contrast
from shelfspace.objectives.crossentropy import cross_entropy
from shelfspace.objectives.objective import Objective, needed
from shelfspace.objectives.similarity import unit
from shelfspace.objectives.temperature import Temperature


class MoCo(Objective):
    """-log(exp(z⁺) / Σ exp(z)) over the batch's candidates and the queue, z = cos(anchor, key) / temperature - log q.

    Keys are the candidates as embedded by the loop's EMA copy, which changes slowly enough that keys of past
    batches still fit. In training they join the queue after the loss; the oldest leave. Candidates of the
    batch in `also` are masked; in the queue, the anchor's own positive is, where `candidate_id` is given (what
    else an anchor took cannot be known there). Each key keeps its log q. Vectors are brought to unit length here.
    Only anchors get a gradient: use it where anchors and candidates go through one tower.

    Args:
        embedding_dim: D.
        queue_size: Q, how many keys are kept.
        temperature: what a cosine is divided by.
        learn_temperature: it is learnt from there on, within [0.01, 1].
        correct_log_q: false is for measuring what the correction does.
        mask_false_negatives: false takes all but the positive for negatives; for measuring what the mask does.

    Cost: O(B (M + Q) D) time, O(B (M + Q) + Q D) memory, and the forward pass of the copy.

    Raises:
        ConfigError: a setting out of its range, or the batch comes without targets.

    Source: He et al. 2020.

    When: the encoder is so large that batches are small.
    """

    needs_target: ClassVar[bool] = True
    queue: Tensor
    queue_id: Tensor
    queue_log_q: Tensor
    num_queued: Tensor
    place: Tensor

    def __init__(
        self,
        embedding_dim: int,
        *,
        queue_size: int = 4096,
        temperature: Annotated[float, Range(0.02, 0.5, log=True)] = 0.07,
        learn_temperature: bool = False,
        correct_log_q: bool = True,
        mask_false_negatives: bool = True,
    ) -> None:
        super().__init__(embedding_dim)
        at_least(1, queue_size=queue_size)
        self.divisor = Temperature(temperature, learn=learn_temperature)
        self.queue_size = queue_size
        self.temperature = temperature
        self.learn_temperature = learn_temperature
        self.correct_log_q = correct_log_q
        self.mask_false_negatives = mask_false_negatives
        self.register_buffer("queue", torch.zeros(queue_size, embedding_dim))
        self.register_buffer("queue_id", torch.full((queue_size,), -1))
        self.register_buffer("queue_log_q", torch.zeros(queue_size))
        self.register_buffer("num_queued", torch.tensor(0))
        self.register_buffer("place", torch.tensor(0))

    def loss(self, contrast: Contrast) -> Tensor:
        """Return the loss of vectors in full precision, and take the keys into the queue in training."""
        keys = unit(needed(contrast.target, "moco", "the embeddings of the EMA copy: `target`").detach())
        filled = int(self.num_queued)
        past = self.queue[:filled].to(keys.dtype)
        logits = unit(contrast.anchor) @ torch.cat([keys, past]).T / self.divisor()
        log_q = contrast.corrections(correct=self.correct_log_q)
        if log_q is not None:
            logits = logits - torch.cat([log_q, self.queue_log_q[:filled].to(log_q.dtype)])
        kept = torch.cat(
            [contrast.negatives(masked=self.mask_false_negatives), self._others(contrast)], dim=1
        )
        kept[torch.arange(len(kept), device=kept.device), contrast.positive] = True
        rows = cross_entropy(logits.masked_fill(~kept, -torch.inf), contrast.positive)
        if self.training:
            self._enqueue(keys, contrast)
        return weighted_mean(rows, contrast.weight)

    def _others(self, contrast: Contrast) -> Tensor:
        """Return which of the queue's keys are not the anchor's positive, bool [B, queued]."""
        ids = self.queue_id[: int(self.num_queued)]
        if contrast.candidate_id is None or not self.mask_false_negatives:
            return torch.ones(len(contrast.anchor), len(ids), dtype=torch.bool, device=ids.device)
        return contrast.candidate_id[contrast.positive][:, None] != ids

    @torch.no_grad()
    def _enqueue(self, keys: Tensor, contrast: Contrast) -> None:
        some = slice(max(0, len(keys) - self.queue_size), None)
        number = len(keys[some])
        places = (int(self.place) + torch.arange(number, device=keys.device)) % self.queue_size
        self.queue[places] = keys[some].to(self.queue.dtype)
        self.queue_id[places] = -1 if contrast.candidate_id is None else contrast.candidate_id[some]
        log_q = torch.zeros(len(keys), device=keys.device) if contrast.log_q is None else contrast.log_q
        self.queue_log_q[places] = log_q[some].to(self.queue_log_q.dtype)
        self.place.fill_((int(self.place) + number) % self.queue_size)
        self.num_queued.fill_(min(self.queue_size, int(self.num_queued) + number))
