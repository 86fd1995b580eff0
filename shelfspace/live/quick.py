"""A blend that answers one shopper in less than a millisecond: few items are looked at, and sums are kept.

N items, B shoppers, C candidates of one.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from shelfspace.blend import Allowed, Blend, Mode, weighed
from shelfspace.linear.retriever import Scores
from shelfspace.live.narrow import Narrow
from shelfspace.shop.history import History

FEW = 8
"""So many shoppers of one question are answered one by one; of more every item is scored, which is exact."""

MOST_BYTES = 256_000_000
"""What is kept of pasts, in all."""

Kept = dict[str, Any]


class Pasts:
    """What models keep of pasts, by what is in them: a past that goes on is found by what it was before.

    The key is a digest of the items, weights and relative times of a past, so that nothing has to be told when it
    changes, and what was never asked again falls out first.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self.most_bytes = most_bytes
        self._kept: OrderedDict[bytes, tuple[Kept, int]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def of(self, past: History, narrow: Mapping[str, Narrow]) -> Kept:
        """Return what these models keep of a past; made from what was kept of it without its last event, if it was."""
        key, size = _digest(past, past.num_events), past.num_events
        sums = {name: model for name, model in narrow.items() if not model.asks_when}
        others = {name: model for name, model in narrow.items() if model.asks_when}
        kept = self._take(key)
        if kept is None and size > 1:
            before = self._take(_digest(past, size - 1)) or {}
            kept = {name: sums[name].more(own, past) for name, own in before.items() if name in sums}
        found = self._completed(key, kept or {}, sums, past)
        if not others:
            return found
        key += _moment(past)
        return found | self._completed(key, self._take(key) or {}, others, past)

    def _completed(self, key: bytes, kept: Kept, narrow: Mapping[str, Narrow], past: History) -> Kept:
        for name, model in narrow.items():
            if name not in kept:
                kept[name] = model.begin(past)
        self._put(key, kept)
        return kept

    def clear(self) -> None:
        """Keep nothing."""
        with self._lock:
            self._kept.clear()
            self._bytes = 0

    def _take(self, key: bytes) -> Kept | None:
        with self._lock:
            found = self._kept.pop(key, None)
            if found is None:
                return None
            self._bytes -= found[1]
            return dict(found[0])

    def _put(self, key: bytes, kept: Kept) -> None:
        size = 500 + sum(int(getattr(own, "nbytes", 0)) for own in kept.values())
        with self._lock:
            before = self._kept.pop(key, None)
            self._bytes += size - (before[1] if before else 0)
            self._kept[key] = kept, size
            while self._bytes > self.most_bytes and len(self._kept) > 1:
                self._bytes -= self._kept.popitem(last=False)[1][1]


def _digest(past: History, size: int) -> bytes:
    """Return what tells the first events of a past from others; times count as they lie to the last of these."""
    if not size:
        return b""
    age = (past.time[size - 1] - past.time[:size]).astype(np.float32)
    return hashlib.blake2b(
        past.item[:size].tobytes() + past.weight[:size].tobytes() + age.tobytes(), digest_size=16
    ).digest()


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
        total = np.full(allowed.shape, -np.inf, np.float32)
        most = max(self.num_candidates, at_least)
        for n in range(len(queries)):
            past = queries if len(queries) == 1 else queries.of_users([n])
            rows, values = self._of_one(past, allowed[n], mode, most)
            total[n, rows] = values
        return total

    def _of_one(
        self, past: History, allowed: npt.NDArray[np.bool_], mode: Mode, most: int
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
        """Return the candidates of one shopper and their scores, int32 [C] and float32 [C]."""
        [(_, weights)] = self._groups(past, mode)
        narrow = {name: self.narrow[name] for name in weighed(weights)}
        kept = self.pasts.of(past, narrow)
        found = [model.best(kept[name], past, allowed, most) for name, model in narrow.items()]
        rows = np.unique(np.concatenate(found)) if found else np.zeros(0, np.int32)
        values = np.zeros(len(rows), np.float32)
        for name, model in narrow.items():
            values += np.float32(weights[name] * self.scales[name]) * model.at(kept[name], past, rows)
        return rows, values
