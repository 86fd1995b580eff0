"""What the lists themselves are like: how much of the shop they show, how mixed and how unusual they are.

B cases, N items, K places of a list, D embedding_dim.
"""

import numpy as np
import numpy.typing as npt

from shelfspace.shop.history import History

_CELLS = 1 << 22


def coverage(top: npt.NDArray[np.int32], candidates: npt.NDArray[np.bool_]) -> float:
    """Return the share of the candidates that stand in anybody's list."""
    shown = np.zeros(len(candidates), bool)
    shown[top[top >= 0]] = True
    return float((shown & candidates).sum() / max(1, candidates.sum()))


def novelty(top: npt.NDArray[np.int32], fit: History) -> float:
    """Return the mean self-information of what stands in the lists: -log2 of an item's share of the events.

    Items never sold count as sold once. NaN where all lists are empty.

    References:
        Zhou et al. Solving the apparent diversity-accuracy dilemma of recommender systems. PNAS 2010.
    """
    counts = np.maximum(np.bincount(fit.item, minlength=fit.num_items), 1)
    bits = np.log2(max(1, fit.num_events) / counts)
    listed = top[top >= 0]
    return float(bits[listed].mean()) if listed.size else float("nan")


def diversity(top: npt.NDArray[np.int32], vectors: npt.NDArray[np.float32]) -> float:
    """Return 1 less the mean cosine of two items of one list, the mean over lists of two and more.

    Args:
        top: int32 [B, K], -1 where a list is shorter.
        vectors: float32 [N, D], of any length; an item whose vector is zero or NaN is left out.

    Returns:
        0: all alike, 1: nothing in common. NaN where no list has two items. O(B·K·D).
    """
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    usable = np.isfinite(lengths[:, 0]) & (lengths[:, 0] > 0)
    units = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=usable[:, None])
    total, lists = 0.0, 0
    size = max(1, _CELLS // max(1, top.shape[1] * vectors.shape[1]))
    for start in range(0, len(top), size):
        block = top[start : start + size]
        there = (block >= 0) & usable[block]
        listed = np.where(there[:, :, None], units[block], np.float32(0))
        count = there.sum(axis=1).astype(np.float64)
        square = np.square(listed.sum(axis=1, dtype=np.float64)).sum(axis=1)
        some = count >= 2
        total += float((1.0 - (square[some] - count[some]) / (count[some] * (count[some] - 1))).sum())
        lists += int(some.sum())
    return total / lists if lists else float("nan")


def category_vectors(categories: npt.NDArray[np.integer]) -> npt.NDArray[np.float32]:
    """Return a vector for each category row, so that `diversity` counts pairs of different categories.

    Args:
        categories: int [N], -1 where an item has none.

    Returns:
        float32 [N, D]; one-hot up to 256 categories, else random signs whose cosines are near 0.
    """
    kinds = int(categories.max(initial=-1)) + 1
    if kinds <= 256:
        directions = np.eye(max(kinds, 1), dtype=np.float32)
    else:
        directions = np.random.default_rng(0).choice(np.array([-1, 1], np.float32), (kinds, 256))
    vectors: npt.NDArray[np.float32] = np.where(
        categories[:, None] >= 0, directions[categories], np.float32(0)
    )
    return vectors
