"""Models that are sums over past items, kept for each past: a new event is one more term.

N items, P past items, M modelled items, D numbers of a vector, S numbers of a sum, R rows asked.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shelfspace.linear.counts import Floats, decay
from shelfspace.linear.itemwise import DenseWeights, Itemwise
from shelfspace.linear.trending import Trending
from shelfspace.live.nearest import Nearest
from shelfspace.shop.history import History

Rows = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]

FEW_ALLOWED = 2_000
"""Where no more items may be answered, each of them is scored."""

MOST_FETCHED = 4_096
"""More are not asked of a graph: then every item that may be answered is scored."""

FEW_TERMS = 16
"""Of more past items the terms are added as a sparse row."""

STEP = 32
"""A graph is asked for multiples of it, so that what was found for a past is enough when it is a little longer."""

LEAST_CARRIED = 0.5
"""Where less of a sum was there when its best items were looked for, a graph is asked again."""

_COLUMNS = ("item", "time", "weight", "kind", "basket")


@dataclass(frozen=True)
class Sum:
    """A sum over a past, as of its last event.

    parts: float32 [S];  total: of the weights;  top: the best items found for it so far, best first, as many as were
    asked for, and the share of the sum that was there when they were looked for; none: not looked for yet.
    """

    parts: Floats
    total: float
    top: list[tuple[int, float, Rows]] = field(default_factory=list)

    @property
    def nbytes(self) -> int:
        """Bytes that it takes, about."""
        return self.parts.nbytes + sum(rows.nbytes for *_, rows in self.top) + 500


@dataclass(frozen=True)
class Summed:
    """What the item→item models share: terms that fade alike, and one scale of them all."""

    asks_when: ClassVar[bool] = False
    part: Itemwise

    def begin(self, past: History) -> Sum:
        """Return the sum over a past, as of its last event. O(P S)."""
        known = past.item < self._num_items
        if not known.any():
            return Sum(np.zeros(self._size, np.float32), 0.0)
        age = past.time[-1] - past.time[known]
        values = past.weight[known] * decay(age, self.part.history_half_life)
        items, place = np.unique(past.item[known], return_inverse=True)
        summed = np.bincount(place, values, minlength=len(items)).astype(np.float32)
        return Sum(self._terms(items, summed), float(values.sum()))

    def more(self, kept: Sum, past: History, start: int) -> Sum:
        """Return the sum with the events from `start` on. O(S) each."""
        faded = self.faded(past, start)
        if past.num_events == start + 1 and past.item[-1] < self._num_items:  # by far the most often
            parts = kept.parts * faded
            parts += self._terms(past.item[start:], past.weight[start:])
            return Sum(parts, kept.total * float(faded) + float(past.weight[-1]))
        rest = replace(past, **{name: getattr(past, name)[start:] for name in _COLUMNS})
        added = self.begin(rest)
        return Sum(kept.parts * faded + added.parts, kept.total * float(faded) + added.total)

    def faded(self, past: History, start: int) -> np.float32:
        """Return by how much what was before an event has faded at the last one."""
        gap = max(0.0, float(past.time[-1] - past.time[start - 1]))
        return np.float32(2.0 ** (-gap / self.part.history_half_life))

    def scale(self, kept: Sum, past: History) -> np.float32:
        """Return what every score is multiplied by: how old the past is by now, and how long it was."""
        if kept.total <= 0:
            return np.float32(0.0)
        since = 0.0 if past.now is None else max(0.0, past.now - float(past.time[-1]))
        fade = 2.0 ** (-since / self.part.history_half_life)
        if fade == 0.0:
            return np.float32(0.0)
        return np.float32(fade * (fade * kept.total) ** -self.part.history_power)

    @property
    def _size(self) -> int:
        raise NotImplementedError

    @property
    def _num_items(self) -> int:
        raise NotImplementedError

    def _terms(self, items: npt.NDArray[np.integer], values: Floats) -> Floats:
        raise NotImplementedError


@dataclass(frozen=True)
class Dense(Summed):
    """Weights among M modelled items: a sum is a score of each of them.

    gain: float32 [M], what scores are multiplied by.
    """

    weights: DenseWeights
    gain: Floats

    @cached_property
    def place(self) -> Rows:
        """Where each item is among those modelled, -1: nowhere. int32 [N]."""
        place = np.full(self.weights.num_items, -1, np.int32)
        place[self.weights.items] = np.arange(len(self.weights.items))
        return place

    def more(self, kept: Sum, past: History, start: int) -> Sum:
        """Return the sum with more events; where none is of a modelled item all fades alike, and the best stay so."""
        longer = super().more(kept, past, start)
        if not any(self._is_modelled(item) for item in past.item[start:].tolist()):
            longer.top[:] = kept.top
        return longer

    def best(self, kept: Sum, past: History, allowed: Mask, k: int) -> Rows:
        """Return the k best. O(M) at first, then O(k)."""
        most = max(4 * k, 512)
        while True:
            top = self._top(kept, most)
            found = top[allowed[top]]
            if len(found) >= k or len(top) < most:
                return found[:k]
            most *= 4

    def _top(self, kept: Sum, most: int) -> Rows:
        for asked, _, rows in kept.top:
            if asked >= most:
                return rows
        rows = ordered(self.weights.items, kept.parts * self.gain, most)
        kept.top[:] = [(most, 1.0, rows)]
        return rows

    def at(self, kept: Sum, past: History, rows: Rows) -> Floats:
        """Return the scores of items."""
        place = self._places(rows, past.num_items)
        found: Floats = kept.parts.take(place, mode="wrap") * self.gain.take(place, mode="wrap")
        found *= self.scale(kept, past)
        found[place < 0] = 0.0  # -1 took the last
        return found

    def _places(self, rows: Rows, num_items: int) -> Rows:
        """Return where items are among those modelled, -1: nowhere; what came later is not."""
        found: Rows = self.place.take(rows, mode="clip")
        if num_items > len(self.place):
            found[rows >= len(self.place)] = -1
        return found

    def _is_modelled(self, item: int) -> bool:
        return item < len(self.place) and bool(self.place[item] >= 0)

    @property
    def _size(self) -> int:
        return len(self.weights.items)

    @property
    def _num_items(self) -> int:
        return self.weights.num_items

    def _terms(self, items: npt.NDArray[np.integer], values: Floats) -> Floats:
        place = self.place[items]
        modelled = place >= 0
        place, values = place[modelled], values[modelled]
        if not len(place):
            return np.zeros(self._size, np.float32)
        if len(place) <= FEW_TERMS:  # a sparse row takes longer to make than these to add
            few: Floats = values @ self.weights.matrix[place]
            return few
        row = sparse.csr_array((values, place, [0, len(place)]), shape=(1, self._size))
        several: Floats = np.asarray(row @ self.weights.matrix, np.float32)[0]
        return several


@dataclass(frozen=True)
class Vectors(Summed):
    """Weights that are inner products: a sum is a vector.

    vectors: float32 [N, D];  gain: float32 [N];  nearest: of the vectors times their gain;
    neighbours: int32 [N, few], the best items for a past of each item alone.
    """

    vectors: Floats
    gain: Floats
    nearest: Nearest
    neighbours: Rows

    def more(self, kept: Sum, past: History, start: int) -> Sum:
        """Return the sum with more events; what was best before, and what is near their items, is looked at."""
        longer, items = super().more(kept, past, start), past.item[start:]
        for asked, share, rows in kept.top:
            share *= kept.total * float(self.faded(past, start)) / max(longer.total, 1e-30)
            if share >= LEAST_CARRIED and (items < len(self.neighbours)).all():
                looked_at = np.concatenate([rows, self.neighbours[items].ravel()])
                if len(looked_at) > 2 * asked:
                    looked_at = self._ordered(longer, np.unique(looked_at))[:asked]
                longer.top[:] = [(asked, share, looked_at)]
        return longer

    def best(self, kept: Sum, past: History, allowed: Mask, k: int) -> Rows:
        """Return about the k best: those that a graph proposes, or, where few are allowed, all of them scored."""
        if not kept.total:
            return np.zeros(0, np.int32)
        allowed = allowed[: len(self.vectors)]
        num_allowed = int(np.count_nonzero(allowed))
        had = min(k, past.num_events)  # of what is nearest some may be theirs already
        fetch = STEP * -(-(k + had) * len(allowed) // (max(num_allowed, 1) * STEP))
        while num_allowed > FEW_ALLOWED and fetch <= MOST_FETCHED:
            share, top = self._top(kept, fetch)
            found = top[allowed[top]]
            if len(found) >= k:  # what was carried over is in no order: all of it is a candidate
                return found[:k] if share == 1.0 else found
            fetch *= 2
        return self._ordered(kept, np.flatnonzero(allowed).astype(np.int32))[:k]

    def at(self, kept: Sum, past: History, rows: Rows) -> Floats:
        """Return the scores of items. O(R D)."""
        if past.num_items > len(self.vectors):
            known = rows < len(self.vectors)
            found = np.zeros(len(rows), np.float32)
            found[known] = self._scored(kept, rows[known])
        else:
            found = self._scored(kept, rows)
        found *= self.scale(kept, past)
        return found

    def _top(self, kept: Sum, fetch: int) -> tuple[float, Rows]:
        for asked, share, rows in kept.top:
            if asked >= fetch:
                return share, rows
        rows = self._ordered(kept, self.nearest.search(kept.parts, fetch))
        kept.top[:] = [(fetch, 1.0, rows)]
        return 1.0, rows

    def _ordered(self, kept: Sum, rows: Rows) -> Rows:
        return ordered(rows, self._scored(kept, rows), len(rows))

    def _scored(self, kept: Sum, rows: Rows) -> Floats:
        """Return the scores of items but for their scale. Picking the rows is most of it: `take` does it fastest."""
        found: Floats = self.vectors.take(rows, axis=0) @ kept.parts
        found *= self.gain.take(rows)
        return found

    @property
    def _size(self) -> int:
        return int(self.vectors.shape[1])

    @property
    def _num_items(self) -> int:
        return len(self.vectors)

    def _terms(self, items: npt.NDArray[np.integer], values: Floats) -> Floats:
        terms: Floats = values @ self.vectors[items]
        return terms


def ordered(rows: Rows, scores: Floats, most: int) -> Rows:
    """Return the rows of the highest scores above 0, at most so many, the best first."""
    if len(rows) > most:
        top = np.argpartition(scores, -most)[-most:]
        rows, scores = rows[top], scores[top]
    order = np.argsort(-scores)
    found: Rows = rows[order[: int(np.count_nonzero(scores > 0))]]
    return found


def gain_of(part: Itemwise) -> Floats | None:
    """Return what a trend multiplies the scores of items by, float32 [N]; None: nothing."""
    return np.exp(np.float32(part.trend) * part.rising) if isinstance(part, Trending) else None
