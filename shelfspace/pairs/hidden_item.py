"""A user and an item among those they took that is not shown. B pairs, E events, W stretches."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Self

import numpy as np
import numpy.typing as npt

from shelfspace.config import Range
from shelfspace.errors import ConfigError
from shelfspace.inputs.ragged import indptr_of
from shelfspace.pairs.checks import above_zero, at_least, exponents
from shelfspace.pairs.drawing import Categorical, expected
from shelfspace.pairs.events import event_weights
from shelfspace.pairs.pairs import Kind, Pairs, Sources
from shelfspace.pairs.positives import Positives


@dataclass(kw_only=True)
class HiddenItem:
    """A user, knowing what they took before and after an event, and that event's item, which is not shown.

    Histories are cut into stretches of at most `stretch` events; those of one event are left out. A stretch is drawn
    in proportion to the sum of its events' weights. With probability `last` its last event alone is hidden, which is
    what is asked later; else each event with probability `hidden`, and one at random where that hides none. For a
    `transformer` that is not causal.

    Args:
        hidden: the chance that an event is hidden.
        last: the chance that only the last one is.
        stretch: the most events that are read together.
        power: the exponent of the event's weight.
        half_life: the age, in days or steps, at which an event counts half.

    Cost: O(E) time and memory to learn; O(stretch) a stretch drawn.

    Raises:
        ConfigError: a setting that cannot be meant.

    Sources: Sun et al. 2019 (BERT4Rec); Petrov and Macdonald 2022 (what it takes to be as good as published).
    """

    kind: ClassVar[Kind] = "hidden"

    hidden: Annotated[float, Range(0.1, 0.6)] = 0.2
    last: Annotated[float, Range(0.0, 0.5)] = 0.2
    stretch: int = 50
    power: Annotated[float, Range(0.0, 1.0)] = 1.0
    half_life: Annotated[float, Range(3.0, 3000.0, log=True)] = np.inf

    def __post_init__(self) -> None:
        exponents(power=self.power, last=self.last, hidden=self.hidden)
        above_zero(half_life=self.half_life, hidden=self.hidden)
        at_least(2, stretch=self.stretch)
        if self.hidden > 1 or self.last > 1:
            raise ConfigError(f"hidden = {self.hidden} and last = {self.last} are chances, at most 1")

    def learn(self, sources: Sources, *, seed: int = 0) -> Self:
        """Cut the past into stretches."""
        history = sources.history
        weight = event_weights(history, power=self.power, half_life=self.half_life)
        event = np.flatnonzero(weight)
        user = history.user()[event]
        new = np.ones(len(event), bool)
        new[1:] = np.diff(user) != 0
        place = np.arange(len(event))
        place = place - np.maximum.accumulate(np.where(new, place, 0))
        begins = np.flatnonzero(place % self.stretch == 0)
        lengths = np.diff(np.append(begins, len(event)))
        mass = np.add.reduceat(weight[event], begins) if len(event) else np.zeros(0)
        several = lengths > 1
        kept = np.repeat(several, lengths)
        self.sources, self.event, self.user = sources, event[kept], user[kept]
        self.lengths, mass = lengths[several], mass[several]
        self.begin = indptr_of(self.lengths)[:-1]
        self.law = Categorical(mass)
        self.item = history.item[self.event]
        chance = np.repeat(mass, self.lengths) * self._chance()
        self.counts = expected(self.item, chance, num_items=history.num_items, draws=len(self.event))
        return self

    def __len__(self) -> int:
        return len(self.event)

    def draw(self, rng: np.random.Generator, size: int) -> Pairs:
        """Draw stretches until B events are hidden; of the last stretch some may be shown after all."""
        rows, runs, found = list[npt.NDArray[np.int64]](), list[npt.NDArray[np.int64]](), 0
        while found < size or not rows:
            drawn = rng.permutation(self.law.draw(rng, max(1, (size - found) // 2)))
            lengths = self.lengths[drawn]
            indptr = indptr_of(lengths)
            row = np.repeat(self.begin[drawn] - indptr[:-1], lengths) + np.arange(indptr[-1])
            hidden = self._hidden(rng, lengths, indptr)
            first = self.event[self.begin[drawn]]
            last = self.event[self.begin[drawn] + lengths - 1] + 1
            rows.append(row[hidden])
            runs.append(np.repeat(np.stack([first, last], axis=1), lengths, axis=0)[hidden])
            found += len(rows[-1])
        row = np.concatenate(rows)[:size]
        return Pairs(
            "hidden",
            self.user[row],
            self.item[row],
            np.ones(size, np.float32),
            stop=self.event[row],
            run=np.concatenate(runs)[:size],
        )

    def positives(self) -> Positives:
        """Return everything that each user took, and its duplicates."""
        history = self.sources.history
        learnt = event_weights(history, power=0.0, half_life=np.inf) > 0
        return Positives.of_users(history.keep(learnt), self.sources.catalogue)

    def _chance(self) -> npt.NDArray[np.float64]:
        """Return the chance that an event is hidden where its stretch is drawn, float64 [E]."""
        lengths = np.repeat(self.lengths, self.lengths)
        is_last = np.zeros(len(lengths), bool)
        is_last[np.cumsum(self.lengths) - 1] = True
        at_random = self.hidden + (1 - self.hidden) ** lengths / lengths
        chance: npt.NDArray[np.float64] = self.last * is_last + (1 - self.last) * at_random
        return chance

    def _hidden(
        self, rng: np.random.Generator, lengths: npt.NDArray[np.integer], indptr: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.bool_]:
        """Return which events of the stretches drawn are hidden, bool."""
        hidden: npt.NDArray[np.bool_] = rng.random(indptr[-1]) < self.hidden
        none = np.add.reduceat(hidden, indptr[:-1]) == 0
        hidden[(indptr[:-1] + rng.integers(0, lengths))[none]] = True
        only_last = rng.random(len(lengths)) < self.last
        hidden[np.repeat(only_last, lengths)] = False
        hidden[indptr[1:][only_last] - 1] = True
        return hidden
