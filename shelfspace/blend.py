"""Several retrievers, one list: each gives candidates, all score the union, a weighted sum ranks it.

B users asked at once, N items, C candidates of one user, R retrievers, P places (a user and a candidate).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple, Protocol, Self

import numpy as np
import numpy.typing as npt

from shelfspace.features import Facts, Places
from shelfspace.linear.largest import kth_largest
from shelfspace.linear.retriever import Reason, Retriever, Scores
from shelfspace.shop.history import History
from shelfspace.slicing import Slice

Mode = Literal["new", "any"]
"""What the weights were chosen for: items new to the user, or any item, repeats included."""

Allowed = npt.NDArray[np.bool_]
Amounts = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Part:
    """One additive part of a blended score. `item` is the past item it comes from; -1: the shop as a whole."""

    retriever: str
    item: int
    amount: float


class Scored(NamedTuple):
    """The candidates of one user: int32 [C], rising, and their scores, float32 [C]."""

    rows: npt.NDArray[np.int32]
    scores: npt.NDArray[np.float32]

    @classmethod
    def of(cls, scores: npt.NDArray[np.float32]) -> Self:
        """Return those of a row of scores, float32 [N], that are no candidates at -inf. O(N)."""
        rows = np.flatnonzero(scores > -np.inf).astype(np.int32)
        return cls(rows, scores[rows])

    def dense(self, num_items: int) -> npt.NDArray[np.float32]:
        """Return the row of scores, float32 [N]."""
        row = np.full(num_items, -np.inf, np.float32)
        row[self.rows] = self.scores
        return row


@dataclass(frozen=True)
class Own:
    """Weights of its own that a slice of the queries has."""

    slice: Slice
    weights: Mapping[str, float]


class Ranker(Protocol):
    """What may answer instead of the sum: it adds to the sum what it makes of more than the scores."""

    trees: str
    facts: Facts

    @property
    def names(self) -> list[str]:
        """The retrievers whose scores it sees, in their order."""
        ...

    def scores(self, places: Places, among: Places, queries: History) -> Scores:
        """Return the scores of candidates, float32 [P].

        Args:
            places: the candidates, scored by the retrievers.
            among: what would be candidates if nothing were filtered: ranks are told by these.
            queries: the past of the B users.
        """
        ...

    def contributions(
        self, places: Places, among: Places, queries: History
    ) -> tuple[dict[str, Amounts], dict[str, Amounts]]:
        """Return what each retriever, and what each thing beside them, adds to the sum, float64 [P] by name."""
        ...


@dataclass(frozen=True)
class Blend:
    """A weighted sum of retrievers, each on one global scale.

    Every retriever names its `num_candidates` best allowed items; the union is scored exactly by every retriever.
    The score is `sum_r weights[mode][r] * scales[r] * score_r`; a query that is in one of `slices[mode]` has the
    weights of that slice, the first that holds. A mode with a ranker has that score and what the ranker adds, and
    no slices. Scales, weights, slices and rankers come from validation.

    Cost: O(B R N) time and memory a block, beside what the retrievers cost.
    """

    retrievers: Mapping[str, Retriever]
    scales: Mapping[str, float]
    weights: Mapping[Mode, Mapping[str, float]]
    num_candidates: int = 100
    slices: Mapping[Mode, Sequence[Own]] = field(default_factory=dict)
    rankers: Mapping[Mode, Ranker] = field(default_factory=dict)

    @cached_property
    def used(self) -> set[str]:
        """The retrievers that answer: those with a weight somewhere, and all that a ranker sees."""
        every = [*self.weights.values(), *(own.weights for owns in self.slices.values() for own in owns)]
        some = {name for weights in every for name in weighed(weights)}
        return some | {name for ranker in self.rankers.values() for name in ranker.names}

    def scores(self, queries: History, allowed: Allowed, mode: Mode, *, at_least: int = 0) -> Scores:
        """Return float32 [B, N]; -inf where an item is not allowed or no retriever brought it.

        Args:
            queries: the past of the B users.
            allowed: bool [B, N], the items that may be answered.
            mode: which weights.
            at_least: how many candidates each retriever names, if more than `num_candidates`.
        """
        most = max(self.num_candidates, at_least)
        if mode in self.rankers:
            return self._ranked(queries, allowed, mode, most)
        total = np.full(allowed.shape, -np.inf, np.float32)
        for rows, weights in self._groups(queries, mode):
            if len(rows) == len(queries):
                return self._sum(queries, allowed, weights, most)
            total[rows] = self._sum(queries.of_users(rows), allowed[rows], weights, most)
        return total

    def scored(self, queries: History, allowed: Allowed, mode: Mode, *, at_least: int = 0) -> list[Scored]:
        """Return the candidates of each user; as `scores`, without what is none."""
        return [Scored.of(row) for row in self.scores(queries, allowed, mode, at_least=at_least)]

    def reasons(self, query: History, items: npt.NDArray[np.int32], mode: Mode) -> list[list[Part]]:
        """Return, for one user, the parts of each item's score, the largest first; they sum to it.

        What a ranker adds is its TreeSHAP values; those of a retriever are shared out over the past items that the
        retriever names, by how much each counts there.
        """
        found: list[list[Part]] = [[] for _ in items]
        ranker = self.rankers.get(mode)
        [(_, weights)] = self._groups(query, mode)
        added, beside = dict[str, Amounts](), dict[str, Amounts]()
        if ranker is not None:
            own = self._scaled(query, ranker.names)
            places = _places(own, _marked(items, query.num_items))
            at = np.searchsorted(places.item, items)
            found_by = ranker.contributions(places, self._unfiltered(own, query, mode), query)
            added, beside = ({name: values[at] for name, values in by.items()} for by in found_by)
        for name in dict.fromkeys([*weighed(weights), *added]):
            factor = weights[name] * self.scales[name]
            more = added.get(name, np.zeros(len(items)))
            reasons = self.retrievers[name].reasons(query, items)
            for parts, said, extra in zip(found, reasons, more.tolist(), strict=True):
                parts += _shared(name, said, factor, extra)
        for name, values in beside.items():
            for parts, amount in zip(found, values.tolist(), strict=True):
                parts += [Part(name, -1, amount)] if amount else []
        return [sorted(parts, key=lambda p: -abs(p.amount)) for parts in found]

    def _groups(
        self, queries: History, mode: Mode
    ) -> list[tuple[npt.NDArray[np.int64], Mapping[str, float]]]:
        """Return the rows of the queries with the weights they have, each query in one group."""
        left = np.ones(len(queries), bool)
        groups = []
        for own in self.slices.get(mode, ()):
            held = own.slice.holds(queries) & left
            left &= ~held
            groups.append((np.flatnonzero(held), own.weights))
        groups.append((np.flatnonzero(left), self.weights[mode]))
        return [group for group in groups if len(group[0])]

    def _sum(self, queries: History, allowed: Allowed, weights: Mapping[str, float], most: int) -> Scores:
        parts = {name: self.retrievers[name].score(queries) for name in weighed(weights)}
        union = candidates(parts, allowed, most)
        total = np.zeros(allowed.shape, np.float32)
        for name, part in parts.items():
            total += np.float32(weights[name] * self.scales[name]) * part
        total[~union] = -np.inf
        return total

    def _ranked(self, queries: History, allowed: Allowed, mode: Mode, most: int) -> Scores:
        ranker = self.rankers[mode]
        parts = self._scaled(queries, ranker.names)
        places = _places(parts, candidates(parts, allowed, most))
        total = np.full(allowed.shape, -np.inf, np.float32)
        among = self._unfiltered(parts, queries, mode)
        total[places.query, places.item] = ranker.scores(places, among, queries)
        return total

    def _scaled(self, queries: History, names: Sequence[str]) -> dict[str, Scores]:
        return {n: np.float32(self.scales[n]) * self.retrievers[n].score(queries) for n in names}

    def _unfiltered(self, parts: Mapping[str, Scores], queries: History, mode: Mode) -> Places:
        """Return what would be candidates if the mode alone said what is allowed."""
        allowed = np.ones((len(queries), queries.num_items), bool)
        if mode == "new":
            allowed[queries.user(), queries.item] = False
        return _places(parts, candidates(parts, allowed, self.num_candidates))


def weighed(weights: Mapping[str, float]) -> list[str]:
    """Return the names that have a weight."""
    return [name for name, weight in weights.items() if weight > 0]


def _places(parts: Mapping[str, Scores], union: Allowed) -> Places:
    query, item = np.nonzero(union)
    return Places(query, item, np.stack([part[query, item] for part in parts.values()]))


def _marked(items: npt.NDArray[np.int32], num_items: int) -> Allowed:
    marked = np.zeros((1, num_items), bool)
    marked[0, items] = True
    return marked


def _shared(name: str, reasons: Sequence[Reason], factor: float, extra: float) -> list[Part]:
    """Return a retriever's own reasons, weighed, and beside them what a ranker makes of it, shared out over them."""
    whole = sum(abs(reason.amount) for reason in reasons)
    if not whole:
        return [Part(name, -1, extra)] if extra else []
    amounts = [(r.item, factor * r.amount + extra * abs(r.amount) / whole) for r in reasons]
    return [Part(name, item, amount) for item, amount in amounts if amount]


def candidates(parts: Mapping[str, Scores], allowed: Allowed, num_candidates: int) -> Allowed:
    """Return bool [B, N]: the union of each retriever's best allowed items, those it scores above 0 only.

    All items that tie with the last one are in, so that no order of ids decides.
    """
    union = np.zeros(allowed.shape, bool)
    for part in parts.values():
        usable = part * allowed
        least = kth_largest(usable, num_candidates)
        union |= usable >= np.maximum(least, np.finfo(np.float32).tiny)[:, None]
    return union
