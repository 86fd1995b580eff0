"""Each item's nearest in the learnt space. N items, P past items, K neighbours, D numbers."""

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shelfspace.encode.neighbours import LearntKNN
from shelfspace.index.topk import available_threads, top_k
from shelfspace.linear.counts import most_taken


def near_of(
    part: LearntKNN,
    vectors: npt.NDArray[np.float32],
    num_events: npt.ArrayLike,
    rising: npt.ArrayLike | None = None,
) -> LearntKNN:
    """Give the part each item's nearest by cosine; an item whose vector is 0 has none and is nobody's. O(P N D)."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = (vectors / np.maximum(length, 1e-12)).astype(np.float32)
    real = length[:, 0] > 1e-6
    past: npt.NDArray[np.integer] = np.arange(len(unit))
    if len(unit) > part.max_items:
        past = most_taken(np.asarray(num_events, np.float64), part.max_items)
    itself = sparse.csr_array(
        (np.ones(len(past), bool), (np.arange(len(past)), past)), (len(past), len(unit))
    )
    found, cosines = top_k(
        unit[past],
        unit,
        part.kept(len(unit)),
        allowed=None if real.all() else real,
        exclude=itself,
        threads=available_threads(),
    )
    found[~real[past]] = -1
    return part.take(past, found, cosines, num_events, rising)
