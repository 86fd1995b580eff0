"""A user and what they took next. E events."""

from dataclasses import dataclass
from typing import Annotated, Self

import numpy as np

from shelfspace.config import Range
from shelfspace.pairs.checks import above_zero, at_least, exponents
from shelfspace.pairs.events import event_weights
from shelfspace.pairs.pairs import Sources
from shelfspace.pairs.users import OfUsers


@dataclass(kw_only=True)
class NextItem(OfUsers):
    """A user, knowing what they took before, and the event that followed: never one without any before it.

    The law is that of `user_item`, over the events that follow another of their user. Events that are not
    learnt from do not count as one before.

    Args:
        power: the exponent of the event's weight.
        half_life: the age, in days or steps, at which an event is drawn half as often.
        user_power: 1: every event counts alike; 0: every user.
        max_gap: events later than this after the one before, in days or steps, are left out.
        stretch: so many pairs of a user that follow one another are drawn together, for a user tower that reads them
            in one pass.

    Cost: O(E) time and memory to learn, some 28 bytes an event; O(log E) a pair.

    Raises:
        ConfigError: a setting that cannot be meant.

    Source: Hidasi et al. 2016; Kang and McAuley 2018 (the next item given the sequence).

    Use it where order tells: sessions, series, consumables. Users of one event teach it nothing.
    """

    power: Annotated[float, Range(0.0, 1.0)] = 1.0
    half_life: Annotated[float, Range(3.0, 3000.0, log=True)] = np.inf
    user_power: Annotated[float, Range(0.0, 1.0)] = 1.0
    max_gap: float = np.inf
    stretch: int = 1

    def __post_init__(self) -> None:
        exponents(power=self.power, user_power=self.user_power)
        above_zero(half_life=self.half_life)
        at_least(1, stretch=self.stretch)
        at_least(0, max_gap=self.max_gap)

    def learn(self, sources: Sources, *, seed: int = 0) -> Self:
        """Weigh the events of the past that follow another."""
        history = sources.history
        weight = event_weights(history, power=self.power, half_life=self.half_life)
        event = np.flatnonzero(weight)
        user, time = history.user()[event], history.time[event]
        follows = np.zeros(len(event), bool)
        follows[1:] = (user[1:] == user[:-1]) & (np.diff(time) <= self.max_gap)
        weight[event[~follows]] = 0.0
        self.take(sources, weight, self.user_power, seed=seed)
        return self
