"""Kinds of query: what is known of it when it is asked, and nothing of the answer. B queries."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from shelfspace.shop.history import History

By = Literal["events", "age"]


@dataclass(frozen=True)
class Slice:
    """The queries whose `by` is at least `low` and below `high`.

    by: `events`, how many events the history has; or `age`, how long ago the last of them was, in days or steps (a
    query without history has none, and one without a moment of asking was asked at its last event).
    """

    by: By
    low: float
    high: float

    def holds(self, queries: History) -> npt.NDArray[np.bool_]:
        """Return which of the queries are in it, bool [B]."""
        return self.has(measured(queries, self.by))

    def has(self, values: npt.NDArray[np.number]) -> npt.NDArray[np.bool_]:
        """Return which of these, lengths of histories or ages, are in it, bool [B]."""
        held: npt.NDArray[np.bool_] = (values >= self.low) & (values < self.high)
        return held

    @property
    def name(self) -> str:
        """What it is called: `history 1–4`."""
        if self.by == "age":
            old = self.high == np.inf
            return f"last event {self.low:g} or longer ago" if old else f"last event within {self.high:g}"
        if self.high == 1:
            return "cold users"
        return f"history {self.low:g}+" if self.high == np.inf else f"history {self.low:g}–{self.high - 1:g}"


BY_LENGTH = (
    Slice("events", 0, 1),
    Slice("events", 1, 5),
    Slice("events", 5, 20),
    Slice("events", 20, np.inf),
)
"""By how many events a history has: none, few, some, many."""


def measured(queries: History, by: By) -> npt.NDArray[np.float64]:
    """Return of each query what slices go by, float64 [B]; NaN where there is no such thing."""
    lengths = queries.lengths()
    if by == "events":
        return lengths.astype(np.float64)
    ages, some = np.full(len(queries), np.nan), lengths > 0
    ages[some] = queries.age()[queries.indptr[1:][some] - 1]
    return ages
