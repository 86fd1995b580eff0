"""Two items of one user, taken close to each other.

B batch, N items, E events, W the events to either side: the window, or the longest history where that is shorter.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shelfspace.config import Range
from shelfspace.pairs.checks import above_zero, at_least, exponents
from shelfspace.pairs.drawing import Categorical, expected, tempered
from shelfspace.pairs.events import event_weights
from shelfspace.pairs.pairs import Kind, Pairs, Sources
from shelfspace.pairs.positives import Positives, above_chance


@dataclass(kw_only=True)
class Window:
    """Two different items of one user, at most `window` events apart, in either order.

    P(e, f) ∝ v_e · v_f · 2^(-distance / step_half_life) · (Σ of the user's pairs)^(user_power - 1), v =
    weight^power · 2^(-age / (2 · half_life)): a pair is as old as the mean of both. Distance counts the events
    that are learnt from.

    Args:
        window: the most events between which a pair is drawn; 1: neighbours only.
        max_gap: pairs further apart, in days or steps, are left out.
        step_half_life: the distance in events at which a pair is drawn half as often.
        power: the exponent of the event's weight.
        half_life: the age, in days or steps, at which a pair is drawn half as often.
        user_power: 1: every pair of events counts alike; 0: every user.
        mask_lift: `positives` lists items that are taken together at least so many times as often as chance would
            have it; 0: all that ever were, which in a shop with large baskets leaves popular items no negatives.

    Cost: O(E · W) time and O(E) memory to learn, some 50 bytes an event; O(log E + W) a pair.

    Raises:
        ConfigError: a setting that cannot be meant.

    Source: Mikolov et al. 2013 (the window); Grbovic et al. 2015 (prod2vec).

    Use it where there are users with histories but no baskets.
    """

    kind: ClassVar[Kind] = "item"
    window: int = 5
    max_gap: float = np.inf
    step_half_life: Annotated[float, Range(0.5, 20.0, log=True)] = 2.0
    power: Annotated[float, Range(0.0, 1.0)] = 1.0
    half_life: Annotated[float, Range(3.0, 3000.0, log=True)] = np.inf
    user_power: Annotated[float, Range(0.0, 1.0)] = 1.0
    mask_lift: float = 2.0

    def __post_init__(self) -> None:
        at_least(1, window=self.window)
        at_least(0, max_gap=self.max_gap, mask_lift=self.mask_lift)
        exponents(power=self.power, user_power=self.user_power)
        above_zero(step_half_life=self.step_half_life, half_life=self.half_life)

    def learn(self, sources: Sources, *, seed: int = 0) -> Self:
        """Weigh each event of the past by the pairs that it is in, one distance after the other."""
        history = sources.history
        weight = event_weights(history, power=self.power, half_life=2 * self.half_life)
        learnt = weight > 0
        self.sources, self.weight = sources, weight[learnt]
        self.user, self.item, self.time = history.user()[learnt], history.item[learnt], history.time[learnt]
        longest = int(np.bincount(self.user).max(initial=1))
        self.reach = min(self.window, longest - 1)  # no pair is further apart
        mass = np.zeros(len(self.item))
        for distance in range(1, self.reach + 1):
            one = np.arange(len(self.item) - distance)
            pair = self._pair_weight(one, one + distance, distance)
            mass[one] += pair
            mass[one + distance] += pair
        self.mass = mass
        self.num_positives = int(np.count_nonzero(mass))
        probability = tempered(mass, self.user, self.user_power)
        self.law = Categorical(probability)
        self.counts = expected(
            self.item, probability, num_items=history.num_items, draws=self.num_positives
        )  # the law is symmetric: an event is as often the positive as the anchor
        return self

    def __len__(self) -> int:
        return self.num_positives

    def draw(self, rng: np.random.Generator, size: int) -> Pairs:
        """Draw B pairs: an event, then another in its window. O(B · (log E + W))."""
        anchor = self.law.draw(rng, size)
        at = rng.random(size) * self.mass[anchor]
        positive, upto = anchor.copy(), np.zeros(size)
        for step in (*range(-self.reach, 0), *range(1, self.reach + 1)):
            other = np.clip(anchor + step, 0, len(self.item) - 1)
            weight = np.where(other == anchor + step, self._pair_weight(anchor, other, abs(step)), 0.0)
            positive = np.where((weight > 0) & (upto <= at), other, positive)
            upto += weight
        pairs = Pairs("item", self.item[anchor], self.item[positive], np.ones(size, np.float32))
        return pairs.take(rng.permutation(size))

    def positives(self) -> Positives:
        """Return the items that came close more often than by chance, and their duplicates. O(E · W) time."""
        size = self.sources.history.num_items
        counted = sparse.csr_array((size, size), dtype=np.float32)
        for distance in range(1, self.reach + 1):
            one = np.arange(len(self.item) - distance)
            one = one[self._pair_weight(one, one + distance, distance) > 0]
            entries = (np.ones(len(one), np.float32), (self.item[one], self.item[one + distance]))
            counted += sparse.csr_array(entries, shape=(size, size))
        counted = sparse.csr_array(counted + counted.T)
        return Positives.of_items(above_chance(counted, self.mask_lift), self.sources.catalogue)

    def _pair_weight(
        self, one: npt.NDArray[np.int64], other: npt.NDArray[np.int64], distance: int
    ) -> npt.NDArray[np.float64]:
        """Return what pairs of events count for, 0 where they are no pair."""
        pair = (self.user[one] == self.user[other]) & (self.item[one] != self.item[other])
        if self.max_gap < np.inf:
            pair &= np.abs(self.time[one] - self.time[other]) <= self.max_gap
        faded = 2.0 ** (-distance / self.step_half_life)
        weight: npt.NDArray[np.float64] = pair * (self.weight[one] * self.weight[other]) * faded
        return weight
