"""Two different items of one basket. E events, N items."""

from dataclasses import dataclass
from typing import Annotated, Self

import numpy as np
import numpy.typing as npt

from shelfspace.config import Range
from shelfspace.pairs.checks import above_zero, at_least, exponents
from shelfspace.pairs.events import event_weights
from shelfspace.pairs.groups import Groups, OfGroups
from shelfspace.pairs.pairs import Sources
from shelfspace.pairs.positives import Positives, above_chance
from shelfspace.shop.cooccurrence import groups, pair_counts
from shelfspace.shop.history import History


@dataclass(kw_only=True)
class Basket(OfGroups):
    """Two different items of one basket, in either order: what goes together.

    An item counts once in a basket, with the greatest v of its events, v = weight^power · 2^(-age / half_life).
    P(basket) ∝ (Σ v)^group_power; the anchor is drawn by v, the positive by v among the others.

    Args:
        power: the exponent of the event's weight.
        half_life: the age, in days or steps, at which an event counts half.
        group_power: 1: each item of each basket is drawn alike often; 0: each basket.
        mask_lift: `positives` lists items that are taken together at least so many times as often as chance would
            have it; 0: all that ever were, which in a shop with large baskets leaves popular items no negatives.

    Cost: O(E log E) to learn, some 45 bytes an item of a basket; O(log E) a pair. `positives` is a sparse
    product: the sum of the squared sizes of the baskets.

    Raises:
        ConfigError: a setting that cannot be meant.

    Source: Barkan and Koenigstein 2016 (item2vec).

    Use it where an order names several things. It says nothing about what is bought alone.
    """

    power: Annotated[float, Range(0.0, 1.0)] = 1.0
    half_life: Annotated[float, Range(3.0, 3000.0, log=True)] = np.inf
    group_power: Annotated[float, Range(0.0, 1.0)] = 1.0
    mask_lift: float = 2.0

    def __post_init__(self) -> None:
        exponents(power=self.power, group_power=self.group_power)
        above_zero(half_life=self.half_life)
        at_least(0, mask_lift=self.mask_lift)

    def learn(self, sources: Sources, *, seed: int = 0) -> Self:
        """Group the events of the past."""
        history = sources.history
        weight = event_weights(history, power=self.power, half_life=self.half_life)
        history, weight = history.keep(weight > 0), weight[weight > 0]
        found = Groups.of(self.group_of(history), history.item, weight, num_items=history.num_items)
        self.take(sources, found, self.group_power)
        return self

    def group_of(self, history: History) -> npt.NDArray[np.int64]:
        """Return the group of each event, -1 where it has none, int64 [E]."""
        return groups(history, window="basket")

    def positives(self) -> Positives:
        """Return the items that shared groups more often than by chance, and their duplicates."""
        counted = pair_counts(self.groups.members())
        return Positives.of_items(above_chance(counted, self.mask_lift), self.sources.catalogue)
