"""Pairs of a user and one of their events: what `user_item` and `next_item` share.

B batch, N items, E events.
"""

from dataclasses import replace
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from shelfspace.inputs.ragged import indptr_of
from shelfspace.pairs.drawing import Categorical, Deck, expected, tempered
from shelfspace.pairs.events import event_weights
from shelfspace.pairs.pairs import Kind, Pairs, Sources
from shelfspace.pairs.positives import Positives


class OfUsers:
    """Draws events by weight; the event's user is the anchor, its item the positive, its row or moment the stop.

    `stretch` is how many pairs of a user that follow one another are drawn together at most. P(stretch) ∝ the mean
    of its events' probabilities, and a pair counts its own share of that mean, so the law of pairs is the same; they
    are dealt in rounds, each as often as the others.
    """

    kind: ClassVar[Kind] = "user"
    stretch: int
    counts: npt.NDArray[np.float64]
    sources: Sources
    event: npt.NDArray[np.int64]
    stop: npt.NDArray[np.int64]
    law: Categorical
    deck: Deck | None = None

    def take(
        self,
        sources: Sources,
        weight: npt.NDArray[np.float64],
        user_power: float,
        stop: npt.NDArray[np.int64] | None = None,
        seed: int = 0,
    ) -> None:
        """Keep the events with a weight above 0, float64 [E]; a user counts the sum of theirs to a power.

        `stop` is where what is known before each event ends, int64 [E]; the event itself where None.
        """
        history, event = sources.history, np.flatnonzero(weight)
        self.sources, self.event = sources, event
        self.stop = event if stop is None else stop[event]
        self.user, self.item = history.user()[event], history.item[event]
        probability = tempered(weight[event], self.user, user_power)
        self.counts = expected(self.item, probability, num_items=history.num_items, draws=len(event))
        self.law = Categorical(probability)
        if self.stretch > 1:
            self._together(probability, seed)

    def __len__(self) -> int:
        return len(self.event)

    def draw(self, rng: np.random.Generator, size: int) -> Pairs:
        """Draw B pairs; the history of each anchor is what comes before the positive. O(B log E)."""
        if self.deck is not None:
            return self._stretches(self.deck, size)
        return self._pairs(rng.permutation(self.law.draw(rng, size)))

    def _pairs(self, row: npt.NDArray[np.integer]) -> Pairs:
        ones = np.ones(len(row), np.float32)
        return Pairs("user", self.user[row], self.item[row], ones, stop=self.stop[row])

    def _together(self, probability: npt.NDArray[np.float64], seed: int) -> None:
        """Cut each user's pairs into stretches; learn the law of those."""
        size = len(self.user)
        new = np.ones(size, bool)
        new[1:] = np.diff(self.user) != 0
        first = np.maximum.accumulate(np.where(new, np.arange(size), 0))
        begins = np.flatnonzero((np.arange(size) - first) % self.stretch == 0)
        self.begin, lengths = begins, np.diff(np.append(begins, size))
        mean = np.add.reduceat(probability, begins) / lengths if size else np.zeros(0)
        self.length = lengths
        self.share = (probability / np.repeat(mean, lengths)).astype(np.float32)
        self.deck = Deck(mean, seed=seed)
        self.run = np.stack([self.stop[begins], self.stop[begins + lengths - 1]], axis=1)

    def _stretches(self, deck: Deck, size: int) -> Pairs:
        """Deal stretches until there are B pairs; of the last one the end may be left out."""
        drawn = np.zeros(0, np.int64)
        while int(self.length[drawn].sum()) < size:
            drawn = np.concatenate(
                [drawn, deck.deal(max(1, size * len(self.length) // max(1, 8 * len(self))))]
            )
        needed = min(len(drawn), int(np.searchsorted(self.length[drawn].cumsum(), size)) + 1)
        deck.dealt -= len(drawn) - needed
        drawn = drawn[:needed]
        lengths = self.length[drawn]
        indptr = indptr_of(lengths)
        row = (np.repeat(self.begin[drawn] - indptr[:-1], lengths) + np.arange(indptr[-1]))[:size]
        run = np.repeat(self.run[drawn], lengths, axis=0)[:size]
        return replace(self._pairs(row), weight=self.share[row], run=run)

    def positives(self) -> Positives:
        """Return everything that each user took, and its duplicates."""
        history = self.sources.history
        learnt = event_weights(history, power=0.0, half_life=np.inf) > 0
        return Positives.of_users(history.keep(learnt), self.sources.catalogue)
