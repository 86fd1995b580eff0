"""Histories as rectangles, the latest events last. B histories, T their length, E events."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from shelfspace.shop.history import History

Age = Literal["steps", "days"]
"""What ages count: events since, or time since (days, or steps where the shop's times are an order)."""


@dataclass(frozen=True)
class Recent:
    """The last events of B histories, the latest last; 0 where there is none.

    item: int64 [B, T];  age: float32 [B, T];  kind: int64 [B, T], an index into the shop's event kinds;
    mask: bool [B, T], where there is an event.
    """

    item: npt.NDArray[np.int64]
    age: npt.NDArray[np.float32]
    kind: npt.NDArray[np.int64]
    mask: npt.NDArray[np.bool_]


def recent(
    history: History,
    row: npt.NDArray[np.integer],
    stop: npt.NDArray[np.integer],
    length: int,
    *,
    age: Age = "steps",
) -> Recent:
    """Return the last `length` events before `stop` of each row. O(B T).

    Args:
        history: the events.
        row: [B], rows of the history.
        stop: [B], indices into `history.item`; the end of a row for all that it has.
        length: T at most; at least 1.
        age: what ages count, from the moment of asking: that of the event after what is seen; of a whole row,
            `history.now`, else its last event.
    """
    start = np.maximum(history.indptr[row], stop - length)
    width = max(1, int((stop - start).max(initial=1)))
    place = np.asarray(stop, np.int64)[:, None] - np.arange(width, 0, -1)
    mask = place >= start[:, None]
    if not history.num_events:
        nothing = np.zeros(mask.shape, np.int64)
        return Recent(nothing, nothing.astype(np.float32), nothing, mask)
    place = np.where(mask, place, 0)
    item, kind = (np.where(mask, of[place], 0).astype(np.int64) for of in (history.item, history.kind))
    if age == "steps":
        since = np.broadcast_to(np.arange(width - 1, -1, -1, dtype=np.float32), mask.shape)
    else:
        whole = np.asarray(stop) == history.indptr[np.asarray(row) + 1]
        last = history.time[np.maximum(np.asarray(stop, np.int64) - 1, 0)]
        at_end = last if history.now is None else history.now
        moment = np.where(whole, at_end, history.time[np.minimum(stop, history.num_events - 1)])
        since = np.maximum(moment[:, None] - history.time[place], 0.0)
    return Recent(item, np.where(mask, since, 0.0).astype(np.float32), kind, mask)
