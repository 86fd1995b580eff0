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


class Deck:
    """Deals numbers below K in rounds of K: in each, every number as often as its share of the weights, to a whole.

    With equal weights a round is a permutation: nothing comes a second time before everything has come once, which an
    epoch drawn with replacement leaves to chance. The order follows the seed and `dealt`, how many were dealt, alone.
    O(K) to build, 16 bytes each; O(log K) a number, all of a round at once.

    Source: systematic sampling (Madow 1949).

    Example:
        >>> sorted(Deck(np.ones(3), seed=0).deal(3).tolist())
        [0, 1, 2]
    """

    def __init__(self, weight: Weights, *, seed: int) -> None:
        self.upto, self.seed, self.dealt = np.cumsum(weight, dtype=np.float64), seed, 0
        self._round, self._order = -1, np.zeros(0, np.int64)

    def deal(self, size: int) -> npt.NDArray[np.int64]:
        """Deal the next numbers, int64 [B].

        Raises:
            JobError: nothing has a weight above 0.
        """
        if not len(self.upto) or not self.upto[-1] > 0:
            raise JobError("there are no pairs to draw: leave this source out, or give it data")
        found = np.zeros(0, np.int64)
        while len(found) < size:
            number, place = divmod(self.dealt, len(self.upto))
            part = self._of_round(number)[place : place + size - len(found)]
            self.dealt += len(part)
            found = np.concatenate([found, part])
        return found

    def _of_round(self, number: int) -> npt.NDArray[np.int64]:
        if number != self._round:
            rng = np.random.default_rng((self.seed, number))
            at = (np.arange(len(self.upto)) + rng.random()) * (self.upto[-1] / len(self.upto))
            row = np.searchsorted(self.upto, at, side="right").clip(max=len(self.upto) - 1)
            self._round, self._order = number, rng.permutation(row)
        return self._order


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
