"""Histories one after the other, and packed into rectangles without much padding.

S runs, E events of all runs, B histories, R rows of a rectangle, L slots of a row.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from shelfspace.inputs.pasts import Age
from shelfspace.inputs.ragged import gathered, indptr_of
from shelfspace.shop.history import History

Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Runs:
    """Runs of events, each of one user: those of run s are indptr[s]:indptr[s + 1], the earliest first.

    indptr: int64 [S + 1];  item: int64 [E];  age: float32 [E], in days or steps, from any moment that a run's events
    share: only differences count;  kind: int64 [E], an index into the shop's event kinds;  hidden: bool [E], events of
    which the item is not shown.
    """

    indptr: Places
    item: npt.NDArray[np.int64]
    age: npt.NDArray[np.float32]
    kind: npt.NDArray[np.int64]
    hidden: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def lengths(self) -> Places:
        """Return how many events each run has, int64 [S]."""
        return np.diff(self.indptr)

    def take(self, place: Places, lengths: npt.NDArray[np.integer]) -> Self:
        """Return runs of these lengths [S], made of the events at these places, one after the other."""
        return type(self)(
            indptr_of(lengths), self.item[place], self.age[place], self.kind[place], self.hidden[place]
        )


def cut(history: History, first: Places, last: Places, *, age: Age = "steps") -> Runs:
    """Return the events from `first` up to `last`, int64 [S] each: indices into `history.item`. O(E)."""
    bounds = np.stack([first, np.maximum(first, last)], axis=1).ravel()
    indptr, place = gathered(bounds, np.arange(0, len(bounds), 2))
    since: npt.NDArray[np.number]
    if age == "days":
        until = history.time[np.maximum(last, 1) - 1] if history.num_events else np.zeros(len(last))
        since = np.repeat(until, np.diff(indptr)) - history.time[place]
    else:
        since = np.repeat(indptr[1:] - 1, np.diff(indptr)) - np.arange(len(place))
    return Runs(
        indptr=indptr,
        item=history.item[place].astype(np.int64),
        age=since.astype(np.float32),
        kind=history.kind[place].astype(np.int64),
        hidden=np.zeros(len(place), bool),
    )


def slots(lengths: npt.NDArray[np.integer], width: int) -> tuple[Places, int]:
    """Put runs into rows of `width` slots, no run over two rows; return where each begins and how many rows there are.

    The longest come first, and a row is closed when the next does not fit: some percent of the slots stay free where
    most runs are much shorter than a row.

    Args:
        lengths: [S], each at most `width`.
        width: L.

    Returns:
        int64 [S], row · L + column of each run's first event; R. O(S log S).

    Example:
        >>> begins, rows = slots(np.array([2, 3, 1]), 4)
        >>> begins.tolist(), rows
        ([4, 0, 6], 2)
    """
    order = np.argsort(-np.asarray(lengths, np.int64), kind="stable")
    ends = np.cumsum(np.asarray(lengths, np.int64)[order])
    begins = np.empty(len(order), np.int64)
    rows, done = 0, 0
    while done < len(order):
        before = ends[done - 1] if done else 0
        upto = int(np.searchsorted(ends, before + width, side="right"))
        begins[order[done:upto]] = rows * width + np.concatenate([[0], ends[done : upto - 1] - before])
        rows, done = rows + 1, upto
    return begins, rows
