"""A blend that answers one shopper in less than a millisecond: few items are looked at, and sums are kept.

N items, B shoppers, C candidates of one.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from shelfspace.blend import Allowed, Blend, Mode, Scored, weighed
from shelfspace.linear.retriever import Scores
from shelfspace.live.narrow import Narrow
from shelfspace.shop.history import History
from shelfspace.slicing import By, measured

FEW = 8
"""So many shoppers of one question are answered one by one; of more every item is scored, which is exact."""

MOST_BYTES = 256_000_000
"""What is kept of pasts, in all."""

FIRST = 8
"""So many events at the begin of a past say whose it may be."""

MOST_ADDED = 64
"""Of a past that has more new events than these the sums are made anew."""

Kept = dict[str, Any]


@dataclass(slots=True)
class Entry:
    """What models keep of a past.

    size: how many events it had;  digest: of them;  moment: who asked when, of what depends on it;
    sums: what depends on the past alone;  others: what depends on the moment, too.
    """

    size: int
    digest: int
    moment: bytes
    sums: Kept
    others: Kept

    @property
    def nbytes(self) -> int:
        """Bytes that it takes, about."""
        every = (*self.sums.values(), *self.others.values())
        return 500 + sum([int(own.nbytes) for own in every if own is not None])


class Pasts:
    """What models keep of pasts, by what is in them: nothing has to be told when a past changes.

    A past is looked up by its first events. What is kept of it holds where a digest of all the events it had is that of
    as many events now; then only those that came since are added. What was not asked for longest falls out first.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self.most_bytes = most_bytes
        self._kept: OrderedDict[int, tuple[Entry, int]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def of(self, past: History, narrow: Mapping[str, Narrow]) -> Kept:
        """Return what these models keep of a past; made from what was kept of its first events, where there is any."""
        size, asks_when = past.num_events, any(model.asks_when for model in narrow.values())
        moment = _moment(past) if asks_when else b""
        key, digest = _digest(past, min(size, FIRST)), _digest(past, size)
        before = self._take(key)
        entry = Entry(size, digest, moment, {}, {})
        if before is not None and before.digest == digest:
            entry.sums = before.sums
            entry.others = before.others if before.moment == moment else {}
            if narrow.keys() <= entry.sums.keys() | entry.others.keys():
                return entry.sums | entry.others  # as it is kept
        elif before is not None and self._goes_on(before, past):
            entry.sums = {
                name: narrow[name].more(own, past, before.size)
                for name, own in before.sums.items()
                if name in narrow
            }
        for name, model in narrow.items():
            kept = entry.others if model.asks_when else entry.sums
            if name not in kept:
                kept[name] = model.begin(past)
        self._put(key, entry)
        return entry.sums | entry.others

    def clear(self) -> None:
        """Keep nothing."""
        with self._lock:
            self._kept.clear()
            self._bytes = 0

    def _goes_on(self, before: Entry, past: History) -> bool:
        added = past.num_events - before.size
        return 0 < added <= MOST_ADDED and before.size > 0 and before.digest == _digest(past, before.size)

    def _take(self, key: int) -> Entry | None:
        """Return what is kept; two that ask at once of one past each keep a copy of their own."""
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                return None
            self._kept.move_to_end(key)
            entry = found[0]
            return Entry(entry.size, entry.digest, entry.moment, dict(entry.sums), dict(entry.others))

    def _put(self, key: int, entry: Entry) -> None:
        size = entry.nbytes
        with self._lock:
            before = self._kept.pop(key, None)
            self._bytes += size - (before[1] if before else 0)
            self._kept[key] = entry, size
            while self._bytes > self.most_bytes and len(self._kept) > 1:
                self._bytes -= self._kept.popitem(last=False)[1][1]


def _digest(past: History, size: int) -> int:
    """Return what tells the first events of a past from others, as Python hashes bytes: keyed, and quick."""
    return hash((past.item[:size].tobytes(), past.weight[:size].tobytes(), past.time[:size].tobytes()))


def _moment(past: History) -> bytes:
    """Return who asks, and how long after their last event."""
    since = (past.now or 0.0) - (past.time[-1] if past.num_events else 0.0)
    who = past.who if past.who is not None else np.zeros(0, np.int32)
    return np.float32(since).tobytes() + who.tobytes()


@dataclass(frozen=True)
class Quick(Blend):
    """A blend that looks at the best items of each model only, as all blends do, and finds them without the others.

    Where models are sums over a past nothing else differs but the last digits; items near in vectors are proposed by a
    graph, which may miss one in some hundred. Many shoppers at once, and where a ranker answers: as in `Blend`.

    narrow: the models that have a weight, by name;  pasts: what they keep.

    Cost of one shopper: O(M) of the items that dense weights model, some steps of a graph, and O(C D).
    """

    narrow: Mapping[str, Narrow] = field(default_factory=dict)
    pasts: Pasts = field(default_factory=Pasts)

    def scores(self, queries: History, allowed: Allowed, mode: Mode, *, at_least: int = 0) -> Scores:
        """Return float32 [B, N]; see `Blend.scores`."""
        if len(queries) > FEW or mode in self.rankers:
            return super().scores(queries, allowed, mode, at_least=at_least)
        found = self.scored(queries, allowed, mode, at_least=at_least)
        return np.stack([one.dense(queries.num_items) for one in found])

    def scored(self, queries: History, allowed: Allowed, mode: Mode, *, at_least: int = 0) -> list[Scored]:
        """Return the candidates of each user; see `Blend.scored`."""
        if len(queries) > FEW or mode in self.rankers:
            return super().scored(queries, allowed, mode, at_least=at_least)
        most = max(self.num_candidates, at_least)
        pasts = [queries] if len(queries) == 1 else [queries.of_users([n]) for n in range(len(queries))]
        return [self._of_one(past, may, mode, most) for past, may in zip(pasts, allowed, strict=True)]

    def _of_one(self, past: History, allowed: npt.NDArray[np.bool_], mode: Mode, most: int) -> Scored:
        """Return the candidates of one shopper."""
        narrow, factors = self._asked[id(self._weights(past, mode))]
        kept = self.pasts.of(past, narrow)
        found = [model.best(kept[name], past, allowed, most) for name, model in narrow.items()]
        rows = _each_once(np.concatenate(found)) if found else np.zeros(0, np.int32)
        values = np.zeros(len(rows), np.float32)
        for name, model in narrow.items():
            values += factors[name] * model.at(kept[name], past, rows)
        return Scored(rows, values)

    @cached_property
    def _asked(self) -> dict[int, tuple[dict[str, Narrow], dict[str, np.float32]]]:
        """The models that each set of weights asks, and what their scores are multiplied by."""
        every = [*self.weights.values(), *(own.weights for owns in self.slices.values() for own in owns)]
        return {
            id(weights): (
                {name: self.narrow[name] for name in weighed(weights)},
                {name: np.float32(weights[name] * self.scales[name]) for name in weighed(weights)},
            )
            for weights in every
        }

    def _weights(self, past: History, mode: Mode) -> Mapping[str, float]:
        """Return the weights that one shopper is answered by."""
        by: dict[By, npt.NDArray[np.float64]] = {}
        for own in self.slices.get(mode, ()):
            values = by.get(own.slice.by)
            if values is None:
                values = by[own.slice.by] = measured(past, own.slice.by)
            if own.slice.low <= values[0] < own.slice.high:
                return own.weights
        return self.weights[mode]


def _each_once(rows: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Return rows in their order, each once; of few numbers this is quicker than `np.unique`."""
    ordered = np.sort(rows)
    first = np.ones(len(ordered), bool)
    first[1:] = ordered[1:] != ordered[:-1]
    once: npt.NDArray[np.int32] = ordered[first]
    return once
