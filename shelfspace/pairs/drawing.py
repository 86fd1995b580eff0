"""Drawing in proportion to weights.

B drawn at once, K things to draw from, N items.
"""

import numpy as np
import numpy.typing as npt

from shelfspace.errors import JobError

Weights = npt.NDArray[np.float64]


class Categorical:
    """Draws numbers below K, each with a probability in proportion to its weight, by inversion.

    What is drawn comes in ascending order, so that looking it up walks through memory once, some ten times
    faster than at random; who wants a fair order shuffles the outcome. What has a weight of 0 is never drawn.
    O(K) to build, 8 bytes each; O(log K) a draw.

    Example:
        >>> Categorical(np.array([0.0, 3.0, 0.0])).draw(np.random.default_rng(0), 3).tolist()
        [1, 1, 1]
    """

    def __init__(self, weight: Weights) -> None:
        self.upto = np.cumsum(weight, dtype=np.float64)

    def draw(self, rng: np.random.Generator, size: int) -> npt.NDArray[np.int64]:
        """Draw with replacement, int64 [B], ascending.

        Raises:
            JobError: nothing has a weight above 0.
        """
        if not len(self.upto) or not self.upto[-1] > 0:
            raise JobError("there are no pairs to draw: leave this source out, or give it data")
        row: npt.NDArray[np.int64] = np.searchsorted(
            self.upto, np.sort(rng.random(size)) * self.upto[-1], side="right"
        )
        return row


def tempered(weight: Weights, group: npt.NDArray[np.integer], power: float) -> Weights:
    """Scale the weights of each group so that its total becomes the total to the power given."""
    if power == 1:
        return weight
    total = np.bincount(group, weight)
    scaled: Weights = weight * np.power(np.where(total > 0, total, 1.0), power - 1)[group]
    return scaled


def expected(
    item: npt.NDArray[np.integer], probability: Weights, *, num_items: int, draws: int
) -> npt.NDArray[np.float64]:
    """Return how often each item is drawn in so many draws, float64 [N], of probabilities of any scale."""
    counts: npt.NDArray[np.float64] = np.bincount(item, probability, minlength=num_items).astype(np.float64)
    if draws:
        counts *= draws / counts.sum()
    return counts
