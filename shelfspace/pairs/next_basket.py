"""A user and what they took at their next visit. E events."""

from dataclasses import dataclass
from typing import Annotated, Self

import numpy as np
import numpy.typing as npt

from shelfspace.config import Range
from shelfspace.pairs.checks import above_zero, at_least, exponents
from shelfspace.pairs.events import event_weights
from shelfspace.pairs.pairs import Sources
from shelfspace.pairs.users import OfUsers


@dataclass(kw_only=True)
class NextBasket(OfUsers):
    """A user, knowing what they took before a moment, and one of the items they took at it: a basket has no order.

    The law is that of `next_item`, over the events that have one before their moment. Where every event of a user
    has a time of its own the two are the same.

    Args:
        power: the exponent of the event's weight.
        half_life: the age, in days or steps, at which an event is drawn half as often.
        user_power: 1: every event counts alike; 0: every user.
        repeats: false leaves out what the user had taken before: then only what is new to them is learnt.
        stretch: so many pairs of a user that follow one another are drawn together, for a user tower that reads them
            in one pass.

    Cost: O(E log E) time and O(E) memory to learn, some 36 bytes an event; O(log E) a pair.

    Raises:
        ConfigError: a setting that cannot be meant.

    Source: Rendle, Freudenthaler and Schmidt-Thieme 2010 (the next basket given the ones before).

    Use it where things are bought together: with `next_item` a line of an invoice is foretold from the lines above.
    """

    power: Annotated[float, Range(0.0, 1.0)] = 1.0
    half_life: Annotated[float, Range(3.0, 3000.0, log=True)] = np.inf
    user_power: Annotated[float, Range(0.0, 1.0)] = 1.0
    repeats: bool = True
    stretch: int = 1

    def __post_init__(self) -> None:
        exponents(power=self.power, user_power=self.user_power)
        above_zero(half_life=self.half_life)
        at_least(1, stretch=self.stretch)

    def learn(self, sources: Sources, *, seed: int = 0) -> Self:
        """Weigh the events of the past that have one before their moment."""
        history = sources.history
        weight = event_weights(history, power=self.power, half_life=self.half_life)
        user, place = history.user(), np.arange(history.num_events)
        if history.clock == "none":
            moment = place
        else:
            new = np.ones(history.num_events, bool)
            new[1:] = (np.diff(user) != 0) | (np.diff(history.time) != 0)
            moment = np.maximum.accumulate(np.where(new, place, 0))
        event = np.flatnonzero(weight)
        learnt = np.concatenate([[0], np.cumsum(weight > 0)])
        weight[learnt[moment] == learnt[history.indptr[user]]] = 0.0
        if not self.repeats:
            weight[event[_taken_before(user[event], history.item[event], moment[event])]] = 0.0
        self.take(sources, weight, self.user_power, moment, seed)
        return self


def _taken_before(
    user: npt.NDArray[np.int32], item: npt.NDArray[np.int32], moment: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Return which events are of an item that the user had taken at an earlier moment, bool [E]."""
    order = np.lexsort((moment, item, user))
    same = np.zeros(len(order), bool)
    same[1:] = (np.diff(user[order]) == 0) & (np.diff(item[order]) == 0)
    first = np.maximum.accumulate(np.where(same, 0, np.arange(len(order))))
    before = np.zeros(len(order), bool)
    before[order] = moment[order] > moment[order][first]
    return before
