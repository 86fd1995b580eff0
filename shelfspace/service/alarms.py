"""Alarms: when answers are no longer what they were, without anybody having asked for less.

Each worker watches its own answers and rings for itself: with several, each sees its share of all, and a gauge of the
server is best read as the largest of its workers'. W answers of a window.
"""

import logging
import math
import time
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from shelfspace.errors import ConfigError

log = logging.getLogger("shelfspace.service")

FALLBACK = "popular items answer"
"""What a note says where the shop's popular items stand in for a shopper's own."""

PERSONAL = frozenset({"recommend"})
"""Tasks that have such a fallback."""

BINS = 10

MOST = 100
"""Places of an answer that are looked at."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """When alarms ring.

    Args:
        window: answers that shares and coverage are of.
        least: answers before a share is believed.
        every: answers between two looks.
        baseline: the first answers of a task, after a start or a swap, that its scores are held against.
        most_fallback: the share of personal answers that are the shop's popular items.
        most_empty: the share of answers without a hit.
        least_coverage: distinct items over the items of the catalogue, or over the places that were filled, where those
            are fewer.
        most_shift: of scores, as a population stability index: below 0.1 nothing moved, above 0.25 much did.

    Raises:
        ConfigError: a number is out of range.
    """

    window: int = 10_000
    least: int = 1_000
    every: int = 100
    baseline: int = 1_000
    most_fallback: float = 0.3
    most_empty: float = 0.05
    least_coverage: float = 0.01
    most_shift: float = 0.25

    def __post_init__(self) -> None:
        if min(self.least, self.every) < 1 or self.baseline < 2 * BINS or self.window < self.least:
            raise ConfigError(
                f"least and every are from 1, baseline from {2 * BINS} and window from least: {self}"
            )
        for f in fields(self)[4:]:
            if not getattr(self, f.name) >= 0.0:
                raise ConfigError(f"{f.name} = {getattr(self, f.name)} must not be negative")


@dataclass(frozen=True)
class State:
    """An alarm: whether it rings, since when (seconds since 1970), what was seen last, and the limit."""

    firing: bool
    since: float | None
    value: float
    limit: float


class Alarms:
    """Watches the answers of one worker; to be fed from one thread.

    Some microseconds an answer of ten, and memory for the ids of W answers.

    Args:
        num_items: of the catalogue.
        limits: when alarms ring.
        clock: seconds since 1970.

    Example:
        >>> alarms = Alarms(3, Limits(least=1, every=1))
        >>> alarms.answered("recommend", ["a", "b"], 0.5, fell_back=True)
        >>> alarms.states()["fallback_share"].firing
        True
    """

    def __init__(
        self, num_items: int, limits: Limits | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        self.limits = limits or Limits()
        self._clock = clock
        self._states: dict[str, State] = {}
        self.swapped(num_items)

    def swapped(self, num_items: int) -> None:
        """Begin anew with another space: what is normal is learnt again. An alarm that rings goes on until it is seen.

        Args:
            num_items: of its catalogue.
        """
        own = self.limits
        self._num_items = num_items
        self._answers = 0
        self._fallback, self._empty = _Share(own.window), _Share(own.window)
        self._items = _Distinct(own.window)
        self._shift: dict[str, Shift] = {}

    def answered(
        self, task: str, items: Sequence[Hashable], top: float | None, *, fell_back: bool | None = None
    ) -> None:
        """Take in one answer.

        Args:
            task: its name.
            items: ids or rows, in order of rank.
            top: the score of the first; None: it has none.
            fell_back: whether the shop's popular items stood in; None where the task knows no such thing.
        """
        self._answers += 1
        self._empty.add(not items)
        if fell_back is not None:
            self._fallback.add(fell_back)
        if items:
            self._items.add(items if len(items) <= MOST else items[:MOST])
            # popular items have scores of another kind
            if top is not None and not fell_back and math.isfinite(top):
                shift = self._shift.get(task)
                if shift is None:
                    shift = self._shift[task] = Shift(self.limits.baseline)
                shift.add(top)
        if self._answers % self.limits.every == 0:
            self._look()

    def told(self, task: str, hits: Sequence[Mapping[str, Any]], notes: Sequence[str]) -> None:
        """Take in an answer to one subject as it is sent: rows with `item_id` and `score`, and notes."""
        items = [hit["item_id"] for hit in hits if "item_id" in hit]
        top = hits[0]["score"] if hits else None
        fell_back = any(FALLBACK in note for note in notes) if task in PERSONAL else None
        self.answered(task, items if hits and items else hits[:0], top, fell_back=fell_back)

    def states(self) -> dict[str, State]:
        """Return each alarm that has seen enough, as of now."""
        self._look()
        return dict(self._states)

    def numbers(self) -> dict[str, float]:
        """Return what is watched as plain numbers, for gauges: NAME, and NAME_firing as 0 or 1."""
        found: dict[str, float] = {}
        for name, state in self.states().items():
            found[name] = state.value
            found[f"{name}_firing"] = float(state.firing)
        return found

    def _look(self) -> None:
        own = self.limits
        if len(self._fallback) >= own.least:
            self._judge("fallback_share", self._fallback.share, own.most_fallback)
        if len(self._empty) >= own.least:
            self._judge("empty_share", self._empty.share, own.most_empty)
        if len(self._items) >= own.least:
            places = min(self._num_items, self._items.num_places)
            self._judge("coverage", len(self._items.last) / max(1, places), own.least_coverage, below=True)
        shifts = [index for shift in self._shift.values() if (index := shift.index()) is not None]
        if shifts:
            self._judge("score_shift", max(shifts), own.most_shift)

    def _judge(self, name: str, value: float, limit: float, *, below: bool = False) -> None:
        before = self._states.get(name)
        rings = before is not None and before.firing
        # an alarm ends a tenth within its limit, so that it does not flutter
        edge = limit if not rings else limit * (1.1 if below else 0.9)
        firing = value < edge if below else value > edge
        since = self._clock() if firing and not rings else before.since if before and firing else None
        self._states[name] = State(firing, since, value, limit)
        if firing != rings:
            what = "begins" if firing else "ends"
            side = "least" if below else "most"
            log.warning("alarm %s %s: %.4g, at %s %.4g", name, what, value, side, limit)


class Shift:
    """How far the scores of late lie from the first ones: a population stability index over tenths of the first.

    Σ (p - q) · ln(p / q), p the share of the first scores in a bin and q that of as many of late; half a score is added
    to each bin. Where nothing moved it is about 18 / baseline.

    References:
        Siddiqi. Credit Risk Scorecards. 2006.
        Yurdakul, Naranjo. Statistical properties of the population stability index. 2020.
    """

    def __init__(self, baseline: int) -> None:
        self.baseline = baseline
        self._first: list[float] = []
        self._edges: list[float] = []
        self._expected: list[int] = []
        self._counts: list[int] = []
        self._late: deque[int] = deque()

    def add(self, score: float) -> None:
        """Take in a score. O(1)."""
        if len(self._first) < self.baseline:
            self._first.append(score)
            if len(self._first) == self.baseline:
                ordered = sorted(self._first)
                self._edges = sorted({ordered[n * self.baseline // BINS] for n in range(1, BINS)})
                self._expected = [0] * (len(self._edges) + 1)
                for one in self._first:
                    self._expected[bisect_right(self._edges, one)] += 1
                self._counts = [0] * len(self._expected)
            return
        row = bisect_right(self._edges, score)
        self._counts[row] += 1
        self._late.append(row)
        if len(self._late) > self.baseline:
            self._counts[self._late.popleft()] -= 1

    def index(self) -> float | None:
        """Return the index, or None before there are as many late scores as first ones."""
        if len(self._late) < self.baseline:
            return None
        total = self.baseline + 0.5 * len(self._counts)
        shares = [
            ((e + 0.5) / total, (c + 0.5) / total) for e, c in zip(self._expected, self._counts, strict=True)
        ]
        return sum((p - q) * math.log(p / q) for p, q in shares)


class _Share:
    """The share of late answers of which something holds."""

    def __init__(self, window: int) -> None:
        self._flags: deque[bool] = deque(maxlen=window)
        self._window, self._sum = window, 0

    def __len__(self) -> int:
        return len(self._flags)

    @property
    def share(self) -> float:
        return self._sum / len(self._flags)

    def add(self, flag: bool) -> None:
        if len(self._flags) == self._window:
            self._sum -= self._flags[0]
        self._flags.append(flag)
        self._sum += flag


class _Distinct:
    """How many things late answers named: when each was named last, and what to forget as answers fall out."""

    def __init__(self, window: int) -> None:
        self.last: dict[Hashable, int] = {}
        self.num_places = 0
        self._answers: deque[Sequence[Hashable]] = deque()
        self._window, self._number = window, 0

    def __len__(self) -> int:
        return len(self._answers)

    def add(self, items: Sequence[Hashable]) -> None:
        last, answers = self.last, self._answers
        self._number += 1
        last.update(dict.fromkeys(items, self._number))
        answers.append(items)
        self.num_places += len(items)
        if len(answers) > self._window:
            old, gone = answers.popleft(), self._number - self._window
            self.num_places -= len(old)
            for item in old:
                if last.get(item) == gone:
                    del last[item]
