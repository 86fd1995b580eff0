"""Pairs of a user and one of their events: what `user_item` and `next_item` share.

B batch, N items, E events.
"""

from typing import ClassVar

import numpy as np
import numpy.typing as npt

from shelfspace.pairs.drawing import Categorical, expected, tempered
from shelfspace.pairs.events import event_weights
from shelfspace.pairs.pairs import Kind, Pairs, Sources
from shelfspace.pairs.positives import Positives


class OfUsers:
    """Draws events by weight; the event's user is the anchor, its item the positive, its row or moment the stop."""

    kind: ClassVar[Kind] = "user"
    counts: npt.NDArray[np.float64]
    sources: Sources
    event: npt.NDArray[np.int64]
    stop: npt.NDArray[np.int64]
    law: Categorical

    def take(self, sources: Sources, weight: npt.NDArray[np.float64], user_power: float) -> None:
        """Keep the events with a weight above 0, float64 [E]; a user counts the sum of theirs to a power."""
        history, event = sources.history, np.flatnonzero(weight)
        self.sources, self.event, self.stop = sources, event, event
        self.user, self.item = history.user()[event], history.item[event]
        probability = tempered(weight[event], self.user, user_power)
        self.law = Categorical(probability)
        self.counts = expected(self.item, probability, num_items=history.num_items, draws=len(event))

    def __len__(self) -> int:
        return len(self.event)

    def draw(self, rng: np.random.Generator, size: int) -> Pairs:
        """Draw B pairs; the history of each anchor is what comes before the positive. O(B log E)."""
        row = self.law.draw(rng, size)
        pairs = Pairs(
            kind="user",
            anchor=self.user[row],
            positive=self.item[row],
            weight=np.ones(size, np.float32),
            stop=self.stop[row],
        )
        return pairs.take(rng.permutation(size))

    def positives(self) -> Positives:
        """Return everything that each user took, and its duplicates."""
        history = self.sources.history
        learnt = event_weights(history, power=0.0, half_life=np.inf) > 0
        return Positives.of_users(history.keep(learnt), self.sources.catalogue)
