"""Two histories that were followed by the same item. E events."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Self

import numpy as np

from shelfspace.config import Range
from shelfspace.pairs.checks import above_zero, exponents
from shelfspace.pairs.next_item import NextItem
from shelfspace.pairs.pairs import Kind, Pairs, Sources
from shelfspace.pairs.positives import Positives


@dataclass(kw_only=True)
class SameTarget:
    """What a user knew before an event, and what another knew before they took the same item.

    The partner is drawn alike among the other events of the item that follow another; where there is none, the history
    is its own partner. The histories of the others in the batch are the negatives, but for those that lead to the same
    item or are of the same user.

    Args:
        half_life: the age, in days or steps, at which an event is drawn half as often.
        user_power: 1: every event counts alike; 0: every user.

    Cost: as `next_item`, and a sort of the events to learn; O(1) a partner.

    Raises:
        ConfigError: a setting that cannot be meant.

    Source: Qiu et al. 2022 (DuoRec, supervised positives).

    Use it beside `next_item`, at a small weight: it draws together what leads to the same.
    """

    kind: ClassVar[Kind] = "history"

    half_life: Annotated[float, Range(3.0, 3000.0, log=True)] = np.inf
    user_power: Annotated[float, Range(0.0, 1.0)] = 1.0

    def __post_init__(self) -> None:
        exponents(user_power=self.user_power)
        above_zero(half_life=self.half_life)

    def learn(self, sources: Sources, *, seed: int = 0) -> Self:
        """Weigh the events of the past that follow another, and list those of each item."""
        self.events = NextItem(half_life=self.half_life, user_power=self.user_power).learn(sources, seed=seed)
        self.counts = self.events.counts
        self.order = np.argsort(self.events.item, kind="stable")
        self.place = np.argsort(self.order)
        self.often = np.bincount(self.events.item, minlength=len(self.counts))
        self.begin = np.cumsum(self.often) - self.often
        return self

    def __len__(self) -> int:
        return len(self.events)

    def draw(self, rng: np.random.Generator, size: int) -> Pairs:
        """Draw B histories, each with a partner. O(B log E)."""
        row = rng.permutation(self.events.law.draw(rng, size))
        item = self.events.item[row]
        others = self.often[item] - 1
        step = 1 + (rng.random(size) * others).astype(np.int64)  # so many places on among the item's events
        own = self.place[row] - self.begin[item]
        there = np.where(others > 0, (own + step) % self.often[item], own)
        other = self.order[self.begin[item] + there]
        ones = np.ones(size, np.float32)
        user, stop = self.events.user, self.events.stop
        return Pairs(
            "history", user[row], item, ones, stop=stop[row], partner=user[other], partner_stop=stop[other]
        )

    def positives(self) -> Positives:
        """Return what each user took."""
        return self.events.positives()
