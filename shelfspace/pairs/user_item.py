"""A user and one of their items. E events."""

from dataclasses import dataclass
from typing import Annotated, Self

import numpy as np

from shelfspace.config import Range
from shelfspace.pairs.checks import above_zero, at_least, exponents
from shelfspace.pairs.events import event_weights
from shelfspace.pairs.pairs import Sources
from shelfspace.pairs.users import OfUsers


@dataclass(kw_only=True)
class UserItem(OfUsers):
    """A user, knowing what they took before, and what they took: the pair of every two-tower model.

    P(event) ∝ v · (Σ v of the user)^(user_power - 1), v = weight^power · 2^(-age / half_life); so a user is
    drawn in proportion to (Σ v)^user_power, which without weights and decay is num_events^user_power. A user's
    first event is drawn too, with an empty history: what to offer somebody who is new.

    Args:
        power: the exponent of the event's weight; 0: every kind of event counts alike.
        half_life: the age, in days or steps, at which an event is drawn half as often.
        user_power: 1: every event counts alike; 0: every user; between: who has thousands does not dominate.
        stretch: so many pairs of a user that follow one another are drawn together, for a user tower that reads them
            in one pass.

    Cost: O(E) time and memory to learn, some 28 bytes an event; O(log E) a pair.

    Raises:
        ConfigError: a setting that cannot be meant.

    Source: Covington, Adams and Sargin 2016 (a bound on what one user counts for); Yi et al. 2019.

    Use it where users return and order matters little; `next_item` where what comes next is asked.
    """

    power: Annotated[float, Range(0.0, 1.0)] = 1.0
    half_life: Annotated[float, Range(3.0, 3000.0, log=True)] = np.inf
    user_power: Annotated[float, Range(0.0, 1.0)] = 1.0
    stretch: int = 1

    def __post_init__(self) -> None:
        exponents(power=self.power, user_power=self.user_power)
        above_zero(half_life=self.half_life)
        at_least(1, stretch=self.stretch)

    def learn(self, sources: Sources, *, seed: int = 0) -> Self:
        """Weigh the events of the past."""
        weight = event_weights(sources.history, power=self.power, half_life=self.half_life)
        self.take(sources, weight, self.user_power, seed=seed)
        return self
