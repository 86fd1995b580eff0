"""Which items are added to a batch's own positives as candidates, and how often each is expected there.

N items, B batch, K items added, M candidates, D embedding_dim. Without torch.
"""

from typing import Annotated, Protocol, Self

import numpy as np
import numpy.typing as npt

from shelfspace.config import Range
from shelfspace.objectives.checks import at_least

Items = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]


class Negatives(Protocol):
    """Draws candidates; which of them are negatives of which anchor is for the masks to say."""

    def learn(self, counts: npt.NDArray[np.number], known: npt.NDArray[np.bool_] | None = None) -> Self:
        """Take how often each item is a positive, [N], in any scale; only known items (bool [N]) are added."""
        ...

    def draw(self, rng: np.random.Generator, positives: Items) -> Items:
        """Return the items to add to these positives (int32 [B]), int32 [K]; an item may come twice."""
        ...

    def update(self, vectors: npt.NDArray[np.float32]) -> Self:
        """Look at the items' vectors, [N, D], as they are now; the loop calls it every `refresh_steps`, where given."""
        ...

    def log_expected(self, items: Items, batch_size: int) -> npt.NDArray[np.float32]:
        """Return the log of how often each of these (int32 [M]) is expected among the candidates, float32 [M].

        That is batch_size times its share of the positives, and how often it is expected among those added; an
        item that is not expected at all is given the least expectation of any other.
        """
        ...


class InBatch:
    """No items are added: the negatives of a pair are the positives of the others.

    What is taken often is drawn often: without log q it is pushed down for that. Cost: nothing to draw; O(N) to
    learn, O(M) to look up.

    Source: Yi et al. 2019.

    Example:
        >>> negatives = InBatch().learn(np.array([3, 1]))
        >>> np.exp(negatives.log_expected(np.array([0, 1], np.int32), 8)).round(3).tolist()
        [6.0, 2.0]
    """

    def __init__(self) -> None:
        self.share: Floats = np.zeros(0)
        self.known: Items = np.zeros(0, np.int32)
        self._held: tuple[int, npt.NDArray[np.float32]] | None = None

    def learn(self, counts: npt.NDArray[np.number], known: npt.NDArray[np.bool_] | None = None) -> Self:
        """Take how often each item is a positive; see `Negatives.learn`."""
        self.share = _shares(np.asarray(counts, np.float64))
        some = np.ones(len(counts), bool) if known is None or not known.any() else known
        self.known = np.flatnonzero(some).astype(np.int32)
        self._held = None
        return self

    def draw(self, rng: np.random.Generator, positives: Items) -> Items:
        """Return the items to add; see `Negatives.draw`."""
        del rng, positives
        return np.zeros(0, np.int32)

    def log_expected(self, items: Items, batch_size: int) -> npt.NDArray[np.float32]:
        """Return the log of how often each is expected; see `Negatives.log_expected`."""
        if self._held is None or self._held[0] != batch_size:
            expected = batch_size * self.share + self._added()
            least = expected.min(where=expected > 0, initial=np.inf)
            self._held = batch_size, np.log(np.maximum(expected, least)).astype(np.float32)
        return self._held[1][items]

    def update(self, vectors: npt.NDArray[np.float32]) -> Self:
        """Look at nothing: what is drawn does not depend on the vectors."""
        del vectors
        return self

    def _added(self) -> Floats:
        """Return how often each item is expected among those added, [N]."""
        return np.zeros(len(self.share))

    def _alike(self) -> Floats:
        """Return the chance of each item where all known ones are drawn alike, [N]."""
        chance = np.zeros(len(self.share))
        chance[self.known] = 1 / max(1, len(self.known))
        return chance


class Uniform(InBatch):
    """Known items drawn alike, with replacement, whether ever taken or not.

    Args:
        num_negatives: K.

    Cost: O(K) to draw.

    Raises:
        ConfigError: num_negatives is below 0.

    When: rare and new items are to be told apart as well as popular ones.

    Example:
        >>> negatives = Uniform(num_negatives=4).learn(np.array([3, 1]))
        >>> np.exp(negatives.log_expected(np.array([0, 1], np.int32), 8)).round(3).tolist()
        [8.0, 4.0]
    """

    def __init__(self, *, num_negatives: int = 1024) -> None:
        super().__init__()
        at_least(0, num_negatives=num_negatives)
        self.num_negatives = num_negatives

    def draw(self, rng: np.random.Generator, positives: Items) -> Items:
        """Return the items to add; see `Negatives.draw`."""
        del positives
        return self.known[rng.integers(len(self.known), size=self.num_negatives)]

    def _added(self) -> Floats:
        return self.num_negatives * self._alike()


class Popularity(InBatch):
    """Known items drawn in proportion to count^power, with replacement.

    Args:
        num_negatives: K.
        power: 1 draws as the positives are, 0 alike.

    Cost: O(K log N) to draw.

    Raises:
        ConfigError: num_negatives or power is below 0.

    Source: Mikolov et al. 2013 (the power of 3/4).

    When: in-batch negatives are too few, and uniform ones too easy.
    """

    def __init__(self, *, num_negatives: int = 1024, power: Annotated[float, Range(0.0, 1.0)] = 0.75) -> None:
        super().__init__()
        at_least(0, num_negatives=num_negatives, power=power)
        self.num_negatives = num_negatives
        self.power = power
        self._chance: Floats = np.zeros(0)
        self._upto: Floats = np.zeros(0)

    def learn(self, counts: npt.NDArray[np.number], known: npt.NDArray[np.bool_] | None = None) -> Self:
        """Take how often each item is a positive; see `Negatives.learn`."""
        super().learn(counts, known)
        raised = np.zeros(len(self.share))
        raised[self.known] = self.share[self.known] ** self.power
        self._chance = _shares(raised)
        self._upto = np.cumsum(self._chance)
        return self

    def draw(self, rng: np.random.Generator, positives: Items) -> Items:
        """Return the items to add; see `Negatives.draw`."""
        del positives
        at = rng.random(self.num_negatives) * self._upto[-1]
        drawn: Items = np.searchsorted(self._upto, at, side="right").astype(np.int32)
        return drawn

    def _added(self) -> Floats:
        return self.num_negatives * self._chance


class WholeCatalogue(InBatch):
    """Every known item is added, so that a softmax is over the whole catalogue.

    All are candidates for certain: log_expected is 0 throughout. Cost: O(N) to draw; every item is encoded in
    each step.

    When: with `softmax`, up to some hundred thousand items.
    """

    def draw(self, rng: np.random.Generator, positives: Items) -> Items:
        """Return all known items."""
        del rng, positives
        return self.known

    def log_expected(self, items: Items, batch_size: int) -> npt.NDArray[np.float32]:
        """Return 0 for each, float32 [M]."""
        del batch_size
        return np.zeros(len(items), np.float32)


class Hard(InBatch):
    """Neighbours of the batch's positives, as the vectors lay when last looked at.

    Each is a random one of the `num_neighbours` nearest of a random positive of the batch. The nearest `skip` are
    left out, since they are what the item may be exchanged with. Before the first `update` items are drawn
    uniformly.

    Args:
        num_negatives: K.
        num_neighbours: how many of the nearest an item is drawn from.
        skip: how many of the very nearest are left out.
        refresh_steps: after how many steps the loop is to call `update` again.

    Cost: O(K) to draw; O(N² D) to update, in blocks of bounded memory; 4 N num_neighbours bytes.

    Raises:
        ConfigError: a setting below what it can be.

    Sources: Xiong et al. 2021 (ANCE, neighbours of an older model); Zhang and Stratos 2021 (mixed with in-batch).

    When: training has gone on for a while and batches have become easy; never without the masks.
    """

    def __init__(
        self, *, num_negatives: int = 512, num_neighbours: int = 100, skip: int = 10, refresh_steps: int = 500
    ) -> None:
        super().__init__()
        at_least(0, num_negatives=num_negatives, skip=skip)
        at_least(1, num_neighbours=num_neighbours, refresh_steps=refresh_steps)
        self.num_negatives = num_negatives
        self.num_neighbours = num_neighbours
        self.skip = skip
        self.refresh_steps = refresh_steps
        self._table: Items = np.zeros((0, 0), np.int32)
        self._chance: Floats = np.zeros(0)

    def learn(self, counts: npt.NDArray[np.number], known: npt.NDArray[np.bool_] | None = None) -> Self:
        """Take how often each item is a positive; see `Negatives.learn`. Neighbours are forgotten."""
        super().learn(counts, known)
        self._table = np.zeros((0, 0), np.int32)
        self._chance = self._alike()
        return self

    def update(self, vectors: npt.NDArray[np.float32]) -> Self:
        """Look up each item's neighbours among the known ones by inner product, given float32 [N, D]."""
        number = len(vectors)
        width = min(self.num_neighbours, len(self.known) - 1 - self.skip)
        if width < 1:
            return self
        table, others = np.empty((number, width), np.int32), vectors[self.known].T
        place = np.full(number, -1)
        place[self.known] = np.arange(len(self.known))
        size = max(1, (1 << 23) // number)
        for start in range(0, number, size):
            scores = vectors[start : start + size] @ others
            own = place[start : start + size]
            scores[np.flatnonzero(own >= 0), own[own >= 0]] = -np.inf
            table[start : start + size] = self.known[_ranks(scores, self.skip, self.skip + width)]
        chance = np.bincount(table.ravel(), np.repeat(self.share / width, width), minlength=number)
        self._table, self._chance, self._held = table, chance.astype(np.float64), None
        return self

    def draw(self, rng: np.random.Generator, positives: Items) -> Items:
        """Return the items to add; see `Negatives.draw`."""
        if not self._table.size or not len(positives):
            return self.known[rng.integers(len(self.known), size=self.num_negatives)]
        near = positives[rng.integers(len(positives), size=self.num_negatives)]
        return self._table[near, rng.integers(self._table.shape[1], size=self.num_negatives)]

    def _added(self) -> Floats:
        return self.num_negatives * self._chance


NEGATIVES: dict[str, type] = {
    "in_batch": InBatch,
    "uniform": Uniform,
    "popularity": Popularity,
    "catalogue": WholeCatalogue,
    "hard": Hard,
}


def _shares(counts: Floats) -> Floats:
    """Return counts that sum to 1; all alike where there are none."""
    total = counts.sum()
    return counts / total if total > 0 else np.full(len(counts), 1 / max(1, len(counts)))


def _ranks(scores: npt.NDArray[np.float32], first: int, last: int) -> npt.NDArray[np.int64]:
    """Return the columns of the ranks first to last of each row, the highest score being rank 0, in no order."""
    best = np.argpartition(-scores, last - 1, axis=1)[:, :last]
    if not first:
        return best
    held = np.take_along_axis(scores, best, axis=1)
    order = np.argpartition(-held, first - 1, axis=1)[:, first:]
    return np.take_along_axis(best, order, axis=1)
