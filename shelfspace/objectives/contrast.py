"""What an objective sees: anchors, candidates, who is positive for whom, and how the candidates were drawn.

B batch, M candidates, D embedding_dim.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Contrast:
    """A batch of pairs against one set of candidates.

    anchor: [B, D];  candidate: [M, D];
    positive: int64 [B], the column of each anchor's positive;
    also: bool [B, M], candidates that are no negatives of this anchor (the same item, its duplicates, anything
    else it took); the positive itself may or may not be marked;
    log_q: [M], the log of how often a candidate is expected among the candidates, given how they were drawn; of
    candidates taken once each, the log of the chance that one is among them;
    weight: [B], what a pair counts for; a loss is divided by the sum, so that only ratios matter;
    value: [B], what is regressed: a co-occurrence count or PPMI;
    target_anchor: [B, D] and target: [M, D], the same as made by the loop's EMA copy, without gradient;
    candidate_id: int64 [M], the item of each candidate, for objectives that remember candidates;
    anchor_id: int64 [B], the item of each anchor, where anchors are items other than their positives.
    """

    anchor: Tensor
    candidate: Tensor
    positive: Tensor
    also: Tensor | None = None
    log_q: Tensor | None = None
    weight: Tensor | None = None
    value: Tensor | None = None
    target_anchor: Tensor | None = None
    target: Tensor | None = None
    candidate_id: Tensor | None = None
    anchor_id: Tensor | None = None

    def positives(self) -> Tensor:
        """Return the vector of each anchor's positive, [B, D]."""
        return self.candidate[self.positive]

    def own(self) -> Tensor:
        """Return which candidate is the positive, bool [B, M]. O(B M)."""
        columns = torch.arange(len(self.candidate), device=self.positive.device)
        return self.positive[:, None] == columns

    def itself(self) -> Tensor | None:
        """Return which candidates are the anchor itself, bool [B, M]; None where no anchor can be. O(B M).

        An item is as near to itself as can be, which teaches nothing: it is no positive of its own.
        """
        if self.anchor_id is None or self.candidate_id is None:
            return None
        return (self.anchor_id[:, None] == self.candidate_id) & ~self.own()

    def negatives(self, *, masked: bool) -> Tensor:
        """Return which candidates are negatives, bool [B, M]; masked: `also` are not. O(B M)."""
        negative = ~self.own()
        return negative & ~self.also if masked and self.also is not None else negative

    def corrections(self, *, correct: bool) -> Tensor | None:
        """Return `log_q` where it is there and wanted."""
        return self.log_q if correct else None

    def in_full_precision(self) -> "Contrast":
        """Return the same with vectors of half precision in float32."""
        names = ("anchor", "candidate", "target_anchor", "target")
        given = {name: getattr(self, name) for name in names}
        low = (torch.bfloat16, torch.float16)
        return replace(self, **{k: v.float() for k, v in given.items() if v is not None and v.dtype in low})
