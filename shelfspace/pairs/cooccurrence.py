"""Pairs from the matrix of what is taken together, with what it says of them.

B batch, N items, P pairs that occur together.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt

from shelfspace.config import Range
from shelfspace.pairs.checks import above_zero, at_least, exponents
from shelfspace.pairs.drawing import Categorical, expected
from shelfspace.pairs.events import event_weights
from shelfspace.pairs.pairs import Kind, Pairs, Sources
from shelfspace.pairs.positives import Positives, above_chance
from shelfspace.shop.cooccurrence import cooccurrence, ppmi


@dataclass(kw_only=True)
class Cooccurrence:
    """Two items that are taken together, drawn in proportion to count^power, with their count or PPMI as value.

    The count is that of `shelfspace.shop.cooccurrence.cooccurrence`: weighted by kind, distance and age.

    Args:
        over: what items must share: one basket, one session, or one user.
        session_gap: days (or steps) without an event that end a session.
        reach: the most events between two of a pair; 0: all of the basket, session or user.
        step_half_life: with `reach`, the distance in events that halves a pair.
        half_life: the age, in days or steps, that halves a pair.
        minimum_support: pairs seen less often are left out, and may be negatives.
        mask_lift: `positives` lists items that are taken together at least so many times as often as chance would
            have it; 0: all that ever were, which in a shop with large baskets leaves popular items no negatives.
        power: 1: as often as they are taken together; 0: every pair alike.
        value: what `Pairs.value` holds: the count, log(1 + count), or shifted PPMI, 0 where that is not above 0.
        shift: of the PPMI: the number of negatives that a skip-gram would draw.
        smoothing: of the PPMI: the exponent of the contexts' counts.

    Cost: to learn the sum of the squared sizes of the groups, or E · reach; 20 bytes a pair; O(log P) a pair
    drawn.

    Raises:
        ConfigError: a setting that cannot be meant.

    Source: Pennington, Socher and Manning 2014 (the power); Levy and Goldberg 2014 (PPMI).

    Use it with an objective that regresses a value, or where the same pairs come again and again.
    """

    kind: ClassVar[Kind] = "item"
    over: Literal["basket", "session", "user"] = "basket"
    session_gap: float = 30 / 1440
    reach: int = 0
    step_half_life: float = np.inf
    half_life: Annotated[float, Range(3.0, 3000.0, log=True)] = np.inf
    minimum_support: int = 1
    power: Annotated[float, Range(0.0, 1.0)] = 0.75
    value: Literal["count", "log_count", "ppmi"] = "count"
    shift: float = 1.0
    smoothing: float = 0.75
    mask_lift: float = 2.0

    def __post_init__(self) -> None:
        exponents(power=self.power, smoothing=self.smoothing)
        above_zero(session_gap=self.session_gap, step_half_life=self.step_half_life, half_life=self.half_life)
        at_least(0, reach=self.reach, mask_lift=self.mask_lift)
        at_least(1, minimum_support=self.minimum_support, shift=self.shift)

    def learn(self, sources: Sources, *, seed: int = 0) -> Self:
        """Count the pairs of the past."""
        learnt = event_weights(sources.history, power=0.0, half_life=np.inf) > 0
        self.sources = sources
        self.matrix = cooccurrence(
            sources.history.keep(learnt),
            window=self.over,
            gap=self.session_gap,
            reach=self.reach or None,
            step_half_life=self.step_half_life if self.reach else None,
            age_half_life=self.half_life if self.half_life < np.inf else None,
            minimum_support=self.minimum_support,
        )
        self.matrix.sort_indices()
        self.row = np.repeat(np.arange(self.matrix.shape[0], dtype=np.int32), np.diff(self.matrix.indptr))
        self.column = self.matrix.indices.astype(np.int32)
        self.of_pair = self._value()
        probability = self.matrix.data.astype(np.float64) ** self.power
        self.law = Categorical(probability)
        self.counts = expected(
            self.column, probability, num_items=self.matrix.shape[1], draws=len(self.column)
        )
        return self

    def __len__(self) -> int:
        return len(self.column)

    def draw(self, rng: np.random.Generator, size: int) -> Pairs:
        """Draw B pairs. O(B log P)."""
        pair = self.law.draw(rng, size)
        weight = np.ones(size, np.float32)
        pairs = Pairs("item", self.row[pair], self.column[pair], weight, value=self.of_pair[pair])
        return pairs.take(rng.permutation(size))

    def positives(self) -> Positives:
        """Return the items that occur together more often than by chance, and their duplicates."""
        return Positives.of_items(above_chance(self.matrix, self.mask_lift), self.sources.catalogue)

    def _value(self) -> npt.NDArray[np.float32]:
        """Return what the value of each pair is, float32 [P]."""
        values: npt.NDArray[np.float32] = self.matrix.data
        if self.value == "log_count":
            values = np.log1p(values)
        elif self.value == "ppmi":
            found = ppmi(self.matrix, shift=self.shift, smoothing=self.smoothing).tocoo()
            num_items = self.matrix.shape[1]
            key = self.row.astype(np.int64) * num_items + self.column
            values = np.zeros(len(key), np.float32)
            values[np.searchsorted(key, found.row.astype(np.int64) * num_items + found.col)] = found.data
        return values
