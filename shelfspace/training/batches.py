"""From pairs to a batch: which items to encode, who is a candidate, what is no negative.

B pairs, T history length, M candidates, R items encoded, N items.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from shelfspace.inputs.pasts import Age, recent
from shelfspace.model.model import Past
from shelfspace.objectives.negatives import Negatives
from shelfspace.pairs.mix import Mix
from shelfspace.pairs.pairs import Pairs
from shelfspace.pairs.positives import Marker
from shelfspace.pairs.propensity import Propensity
from shelfspace.shop.history import History


@dataclass(frozen=True)
class Batch:
    """What one objective sees of one draw, but for the vectors.

    rows: int64 [R], the items to encode;  candidate: int64 [M], places in `rows`;  candidate_id: int64 [M];
    positive: int64 [B], the candidate of each pair;  also: bool [B, M];  log_q: float [M];  weight: float [B];
    value: float [B] or None;  anchor: int64 [B], places in `rows`, where anchors are items;
    past and place [B, T]: the anchors' histories, where they are users;  views: anchors are encoded once more.
    """

    rows: Tensor
    candidate: Tensor
    candidate_id: Tensor
    positive: Tensor
    also: Tensor
    log_q: Tensor
    weight: Tensor
    value: Tensor | None
    anchor: Tensor | None
    past: Past | None
    place: Tensor | None
    views: bool


@dataclass
class Term:
    """One objective with its pairs, its negatives and its weight in the sum.

    known: what is no negative of an anchor, by source of pairs;  length: of a history, its ages counted by `age`;
    num_named: how many rows of the history are users;  propensity: what pairs count for, against exposure bias.
    """

    name: str
    objective: nn.Module
    mix: Mix
    negatives: Negatives
    weight: float
    known: dict[str, Marker]
    history: History
    length: int
    age: Age
    num_named: int
    propensity: Propensity | None = None

    def __len__(self) -> int:
        """Return how many positives there are; that many draws are an epoch."""
        return len(self.mix)

    def draw(self, rng: np.random.Generator, size: int) -> Batch:
        """Draw pairs and put the batch together. O(B T + M log M)."""
        source, pairs = self.mix.draw(rng, size)
        pairs = pairs if self.propensity is None else self.propensity.weigh(pairs)
        extra = self.negatives.draw(rng, pairs.positive)
        candidates = np.unique(np.concatenate([pairs.positive, extra]))
        also = self.known[source].mark(pairs.anchor, candidates)
        expected = np.exp(self.negatives.log_expected(candidates, size).astype(np.float64))
        # candidates are taken once each: what counts is the chance that one is among them at all
        log_q = np.log(np.maximum(-np.expm1(-expected), 1e-12)).astype(np.float32)
        rows, anchor, past, place = self._anchors(pairs, candidates)
        return Batch(
            rows=torch.from_numpy(rows),
            candidate=torch.from_numpy(np.searchsorted(rows, candidates)),
            candidate_id=torch.from_numpy(candidates.astype(np.int64)),
            positive=torch.from_numpy(np.searchsorted(candidates, pairs.positive)),
            also=torch.from_numpy(also),
            log_q=torch.from_numpy(log_q),
            weight=torch.from_numpy(pairs.weight),
            value=torch.from_numpy(pairs.value) if pairs.value is not None else None,
            anchor=anchor,
            past=past,
            place=place,
            views=pairs.kind == "view",
        )

    def _anchors(
        self, pairs: Pairs, candidates: npt.NDArray[np.integer]
    ) -> tuple[npt.NDArray[np.int64], Tensor | None, Past | None, Tensor | None]:
        if pairs.kind != "user":
            rows = np.unique(np.concatenate([pairs.anchor, candidates])).astype(np.int64)
            return rows, torch.from_numpy(np.searchsorted(rows, pairs.anchor)), None, None
        assert pairs.stop is not None
        item, age, mask = recent(self.history, pairs.anchor, pairs.stop, self.length, age=self.age)
        rows = np.unique(np.concatenate([item[mask], candidates])).astype(np.int64)
        user = np.where(pairs.anchor < self.num_named, pairs.anchor, -1).astype(np.int64)
        past = Past(*(torch.from_numpy(a) for a in (item, age, mask, user)))
        place = np.where(mask, np.searchsorted(rows, item), 0)
        return rows, None, past, torch.from_numpy(np.minimum(place, len(rows) - 1))
