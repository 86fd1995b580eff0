"""Histories as rectangles, the latest events last. B histories, T their length, E events."""

from typing import Literal

import numpy as np
import numpy.typing as npt

from shelfspace.shop.history import History

Age = Literal["steps", "days"]
"""What ages count: events since, or time since (days, or steps where the shop's times are an order)."""


def recent(
    history: History,
    row: npt.NDArray[np.integer],
    stop: npt.NDArray[np.integer],
    length: int,
    *,
    age: Age = "steps",
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Return the last `length` events before `stop` of each row: items, ages and where there is an event.

    Args:
        history: the events.
        row: [B], rows of the history.
        stop: [B], indices into `history.item`; the end of a row for all that it has.
        length: T at most; at least 1.
        age: what ages count, from the moment of asking: that of the event after what is seen; of a whole row,
            `history.now`, else its last event.

    Returns:
        item int64 [B, T] (0 where there is none), age float32 [B, T], mask bool [B, T]. O(B T).
    """
    start = np.maximum(history.indptr[row], stop - length)
    width = max(1, int((stop - start).max(initial=1)))
    place = np.asarray(stop, np.int64)[:, None] - np.arange(width, 0, -1)
    mask = place >= start[:, None]
    if not history.num_events:
        return np.zeros(mask.shape, np.int64), np.zeros(mask.shape, np.float32), mask
    place = np.where(mask, place, 0)
    item = np.where(mask, history.item[place], 0).astype(np.int64)
    if age == "steps":
        since = np.broadcast_to(np.arange(width - 1, -1, -1, dtype=np.float32), mask.shape)
    else:
        whole = np.asarray(stop) == history.indptr[np.asarray(row) + 1]
        last = history.time[np.maximum(np.asarray(stop, np.int64) - 1, 0)]
        at_end = last if history.now is None else history.now
        moment = np.where(whole, at_end, history.time[np.minimum(stop, history.num_events - 1)])
        since = np.maximum(moment[:, None] - history.time[place], 0.0)
    return item, np.where(mask, since, 0.0).astype(np.float32), mask
