"""The k-th largest of many numbers, in a pass or two. B rows."""

import numpy as np

from shelfspace.linear.counts import Floats

GROUP = 16
"""Columns of a group when the best are looked for."""


def kth_largest(values: Floats, k: int) -> Floats:
    """Return the k-th largest of each row, float32 [B]; 0 where a row is shorter.

    The k-th largest of the maxima of groups is a lower bound, and few values reach it: a pass or two over the row
    instead of a partition of it.
    """
    size = values.shape[1]
    if size < k:
        return np.zeros(len(values), np.float32)
    whole = size - size % GROUP
    maxima = np.maximum.reduce(values[:, :whole].reshape(len(values), GROUP, whole // GROUP), axis=1)
    maxima = np.concatenate([maxima, values[:, whole:]], axis=1)
    if maxima.shape[1] < 2 * k:
        kth: Floats = np.partition(values, -k, axis=1)[:, -k]
        return kth
    bound = np.partition(maxima, -k, axis=1)[:, -k]
    few = (row[row >= least] for row, least in zip(values, bound, strict=True))
    return np.asarray([np.partition(row, -k)[-k] for row in few], np.float32)
