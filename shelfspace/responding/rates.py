"""How often something was taken before a moment, counted strictly before it. R responses, Q questions, M sums."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.integer]


def before(key: Codes, time: Floats, values: Floats, asked_key: Codes, asked_time: Floats) -> Floats:
    """Return the sums of what has the same key and an earlier time, float64 [Q, M]. O((R + Q) log (R + Q)).

    Args:
        key: [R], below 0: of nothing.
        time: [R].
        values: [R, M], what is summed.
        asked_key: [Q], below 0: of nothing, answered with 0.
        asked_time: [Q]; what happened at this very moment does not count.
    """
    if not len(key) or not len(asked_key):
        return np.zeros((len(asked_key), values.shape[1]))
    if asked_time.min() == asked_time.max():
        found = _at_once(key, time < asked_time[0], values, asked_key)
    else:
        found = _in_time(key, time, values, asked_key, asked_time)
    found[asked_key < 0] = 0.0
    return found


def _at_once(key: Codes, earlier: npt.NDArray[np.bool_], values: Floats, asked_key: Codes) -> Floats:
    known, place = np.unique(asked_key, return_inverse=True)
    at = np.minimum(np.searchsorted(known, key), len(known) - 1)
    some = earlier & (known[at] == key)
    sums = [np.bincount(at[some], column[some], len(known)) for column in values.T]
    found: Floats = np.stack(sums, axis=1).astype(np.float64)[place]
    return found


def _in_time(key: Codes, time: Floats, values: Floats, asked_key: Codes, asked_time: Floats) -> Floats:
    is_event = np.repeat([1, 0], [len(key), len(asked_key)])  # at equal times questions come first
    keys, times = np.concatenate([key, asked_key]), np.concatenate([time, asked_time])
    order = np.lexsort((is_event, times, keys))
    rows = np.concatenate([values, np.zeros((len(asked_key), values.shape[1]))])[order]
    sums, sorted_keys = np.cumsum(rows, axis=0), keys[order]
    first = np.flatnonzero(np.r_[True, sorted_keys[1:] != sorted_keys[:-1]])
    start = np.repeat(first, np.diff(np.r_[first, len(order)]))
    found = np.empty_like(sums)
    found[order] = sums - (sums - rows)[start]
    return found[len(key) :]
