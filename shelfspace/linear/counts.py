"""What the linear models count alike: ages, degrees, latest events. U users, N items, E events."""

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shelfspace.shop.history import History

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int32]


def decay(age: npt.NDArray[np.floating], half_life: float) -> Floats:
    """Return 2^(-age / half_life) as float32, 1 where the half-life is infinite; ages below 0 count as 0."""
    if half_life == np.inf:
        return np.ones(len(age), np.float32)
    faded: Floats = np.exp2(np.maximum(age, 0.0) * (-1.0 / half_life)).astype(np.float32)
    return faded


def power(degree: npt.NDArray[np.floating] | npt.NDArray[np.integer], exponent: float) -> Floats:
    """Return degree^exponent as float32, 0 where the degree is 0."""
    some = degree > 0
    powers: Floats = np.where(some, np.power(np.where(some, degree, 1.0), exponent), 0.0).astype(np.float32)
    return powers


def item_degree(history: History) -> npt.NDArray[np.float64]:
    """Return how many different users took each item, float64 [N]."""
    return np.bincount(history.matrix().indices, minlength=history.num_items).astype(np.float64)


def most_taken(degree: npt.NDArray[np.float64], most: int) -> Rows:
    """Return the items with the highest degrees above 0, at most so many; ties at the border are left out."""
    border = np.sort(degree)[-most - 1] if len(degree) > most else 0.0
    return np.flatnonzero(degree > border).astype(np.int32)


def latest_of_each(history: History) -> npt.NDArray[np.int64]:
    """Return where the latest event of each user with each item is, by user and item. O(E log E)."""
    key = history.user().astype(np.int64) * history.num_items + history.item
    _, place = np.unique(key[::-1], return_index=True)
    latest: npt.NDArray[np.int64] = history.num_events - 1 - place
    return latest


def latest_matrix(history: History, values: Floats) -> sparse.csr_array:
    """Return float32 [U, N]: for each user and item the value of the latest event. O(E log E)."""
    place = latest_of_each(history)
    counts = np.bincount(history.user()[place], minlength=history.num_users)
    indptr = np.concatenate([[0], np.cumsum(counts)])
    shape = (history.num_users, history.num_items)
    return sparse.csr_array((values[place], history.item[place], indptr), shape=shape)
