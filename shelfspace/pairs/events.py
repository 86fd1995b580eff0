"""What an event counts for when pairs are drawn. E events."""

import numpy as np
import numpy.typing as npt

from shelfspace.shop.history import History


def event_weights(history: History, *, power: float, half_life: float) -> npt.NDArray[np.float64]:
    """Return weight^power · 2^(-age / half_life), float64 [E], the age counted from that of the youngest.

    0 where an event has no weight, or is after `history.now`: such events are not learnt from. O(E).
    """
    past = history.weight > 0
    if history.now is not None:
        past &= history.time <= history.now
    weights = np.zeros(history.num_events)
    weights[past] = history.weight[past].astype(np.float64) ** power
    if half_life < np.inf and past.any():
        age = history.age()[past]
        weights[past] *= np.exp2((age.min() - age) / half_life)
    return weights
