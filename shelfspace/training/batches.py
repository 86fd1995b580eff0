"""From pairs to a batch: which items to encode, who is a candidate, what is no negative.

B pairs, T history length, L slots of a row of packed histories, M candidates, R items encoded, N items.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from shelfspace.inputs.packing import Runs, cut, slots
from shelfspace.inputs.pasts import Age, recent
from shelfspace.model.model import Packed, Past
from shelfspace.objectives.negatives import Negatives
from shelfspace.pairs.drawing import Deck
from shelfspace.pairs.mix import Mix
from shelfspace.pairs.pairs import Pairs, Shown
from shelfspace.pairs.positives import Marker
from shelfspace.pairs.propensity import Propensity
from shelfspace.shop.history import History
from shelfspace.training.terms import Adds

Alter = Callable[[Runs, np.random.Generator], Runs]


@dataclass(frozen=True)
class Batch:
    """What one objective sees of one draw, but for the vectors.

    rows: int64 [R], the items to encode;  candidate: int64 [M], places in `rows`;  candidate_id: int64 [M];
    positive: int64 [B], the candidate of each pair;  also: bool [B, M];  log_q: float [M];  weight: float [B];
    value: float [B] or None;  anchor: int64 [B], places in `rows`, where anchors are items;
    past and place [B, T], or [rows, L] where packed: the anchors' histories, where they are users;  other and
    other_place: the histories that are the candidates, in place of items;  views: anchors are encoded once more;
    shown: the fields by which anchors and candidates are seen, where not by all.
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
    past: Past | Packed | None
    place: Tensor | None
    views: bool
    other: Past | Packed | None = None
    other_place: Tensor | None = None
    shown: Shown | None = None


@dataclass
class Term:
    """One objective with its pairs, its negatives and its weight in the sum.

    known: what is no negative of an anchor, by source of pairs;  length: of a history, its ages counted by `age`;
    num_named: how many rows of the history are users;  propensity: what pairs count for, against exposure bias;
    packs: the user tower reads histories packed;  batch_size: pairs of a step, in place of the loop's;
    gradients: how its batches become gradients, where not as the loop's others do.
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
    packs: bool = False
    batch_size: int | None = None
    gradients: Adds | None = None

    def __len__(self) -> int:
        """Return how many positives there are; that many draws are an epoch."""
        return len(self.mix)

    def decks(self) -> dict[str, Deck]:
        """Return what the sources deal from, where they do: a checkpoint must hold how far they are."""
        decks = {name: getattr(source, "deck", None) for name, source in self.mix.sources.items()}
        return {name: deck for name, deck in decks.items() if deck is not None}

    def draw(self, rng: np.random.Generator, size: int) -> Batch:
        """Draw pairs and put the batch together. O(B T + M log M)."""
        source, pairs = self.mix.draw(rng, self.batch_size or size)
        pairs = pairs if self.propensity is None else self.propensity.weigh(pairs)
        if pairs.kind == "history":
            return self._of_histories(source, pairs, rng)
        extra = self.negatives.draw(rng, pairs.positive)
        candidates = np.unique(np.concatenate([pairs.positive, extra]))
        also = self.known[source].mark(pairs.anchor, candidates)
        expected = np.exp(self.negatives.log_expected(candidates, len(pairs)).astype(np.float64))
        # candidates are taken once each: what counts is the chance that one is among them at all
        log_q = np.log(np.maximum(-np.expm1(-expected), 1e-12)).astype(np.float32)
        past = anchor = place = None
        if pairs.kind in ("item", "view"):
            rows = np.unique(np.concatenate([pairs.anchor, candidates])).astype(np.int64)
            anchor = torch.from_numpy(np.searchsorted(rows, pairs.anchor))
        else:
            past = self._past(pairs)
            rows = np.unique(np.concatenate([past.item.numpy().ravel(), candidates])).astype(np.int64)
            place = torch.from_numpy(np.searchsorted(rows, past.item.numpy()))
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
            shown=getattr(self.mix.sources[source], "shown", None),
        )

    def _of_histories(self, source: str, pairs: Pairs, rng: np.random.Generator) -> Batch:
        """Put a batch together of which anchors and candidates are histories; those that lead to one item are alike."""
        assert pairs.partner is not None
        alter = getattr(self.mix.sources[source], "alter", None)
        views = [self._past(some, rng, alter) for some in (pairs, pairs.partners())]
        items = [view.item.numpy() for view in views]
        rows = np.unique(np.concatenate([item.ravel() for item in items])).astype(np.int64)
        place, other_place = (torch.from_numpy(np.searchsorted(rows, item)) for item in items)
        alike = pairs.positive[:, None] == pairs.positive
        alike |= pairs.anchor[:, None] == pairs.partner
        size = len(pairs)
        return Batch(
            rows=torch.from_numpy(rows),
            candidate=torch.zeros(0, dtype=torch.int64),
            candidate_id=torch.arange(size),
            positive=torch.arange(size),
            also=torch.from_numpy(alike),
            log_q=torch.zeros(size),
            weight=torch.from_numpy(pairs.weight),
            value=None,
            anchor=None,
            past=views[0],
            place=place,
            views=False,
            other=views[1],
            other_place=other_place,
        )

    def _past(
        self, pairs: Pairs, rng: np.random.Generator | None = None, alter: Alter | None = None
    ) -> Past | Packed:
        """Return what the anchors know, padded or packed, altered where there is something that alters it."""
        assert pairs.stop is not None
        user = np.where(pairs.anchor < self.num_named, pairs.anchor, -1).astype(np.int64)
        if self.packs:
            return self._packed(pairs, user, rng, alter)
        past = recent(self.history, pairs.anchor, pairs.stop, self.length, age=self.age)
        return Past(*(torch.from_numpy(a) for a in (past.item, past.age, past.kind, past.mask, user)))

    def _packed(
        self,
        pairs: Pairs,
        user: npt.NDArray[np.int64],
        rng: np.random.Generator | None,
        alter: Alter | None,
    ) -> Packed:
        """Cut what the anchors know out of the history, a run for those drawn together, and pack the runs."""
        assert pairs.stop is not None
        begin = self.history.indptr[pairs.anchor]
        run = np.stack([pairs.stop, pairs.stop], axis=1) if pairs.run is None else pairs.run
        if (
            pairs.kind != "hidden"
        ):  # the first of a run that is drawn together knows half as much as one drawn alone
            first = np.minimum(run[:, 1] - self.length, run[:, 0] - (self.length + 1) // 2)
            run = np.stack([np.maximum(begin, first), run[:, 1]], axis=1)
        new = np.ones(len(run), bool)
        if pairs.run is not None:
            new[1:] = (np.diff(pairs.anchor) != 0) | (np.diff(run, axis=0) != 0).any(axis=1)
        owner = np.cumsum(new) - 1
        first, last = run[new].T
        runs = cut(self.history, first, last, age=self.age)
        at = pairs.stop - first[owner] - (pairs.kind != "hidden")
        if pairs.kind == "hidden":
            runs.hidden[runs.indptr[owner] + at] = True
        if alter is not None:
            assert rng is not None
            runs = alter(runs, rng)
            at = runs.lengths() - 1
        width = int(max(self.length, runs.lengths().max(initial=1)))
        begins, num_rows = slots(runs.lengths(), width)
        slot = np.repeat(begins - runs.indptr[:-1], runs.lengths()) + np.arange(runs.indptr[-1])
        laid = {"segment": np.full(num_rows * width, -1, np.int64)}
        laid["segment"][slot] = np.repeat(np.arange(len(runs)), runs.lengths())
        for name in ("item", "age", "kind", "hidden"):
            values = getattr(runs, name)
            laid[name] = np.zeros(num_rows * width, values.dtype)
            laid[name][slot] = values
        tensors = {name: torch.from_numpy(values.reshape(num_rows, width)) for name, values in laid.items()}
        read = np.where(at < 0, -1, begins[owner] + at)
        return Packed(**tensors, at=torch.from_numpy(read), user=torch.from_numpy(user))
