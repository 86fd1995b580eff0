"""A user's history and the same once more, each altered in its own way. E events, N items."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Self

import numpy as np
import numpy.typing as npt

from shelfspace.config import Range
from shelfspace.errors import ConfigError, did_you_mean
from shelfspace.inputs.packing import Runs
from shelfspace.pairs.altering import WAYS
from shelfspace.pairs.checks import above_zero, exponents
from shelfspace.pairs.events import event_weights
from shelfspace.pairs.next_item import NextItem
from shelfspace.pairs.pairs import Kind, Pairs, Sources
from shelfspace.pairs.positives import Positives
from shelfspace.shop.cooccurrence import cooccurrence

REACH = 5
"""Events between which two items count as taken together."""


@dataclass(kw_only=True)
class TwoHistories:
    """What a user knew before an event, seen twice; the histories of the others in the batch are the negatives.

    Each of the two is altered in a way drawn at random among `ways`: `crop`, `mask` (items not shown), `reorder`,
    `substitute` and `insert` (by the item most often taken with one, by cosine). Without ways they differ by what
    drop-out hides. Histories that lead to one item, or are of one user, are no negatives of each other. It alters
    what a user tower reads packed (`transformer`); for any other only drop-out makes them differ.

    Args:
        ways: names of `WAYS`.
        cropped: the share of a history that `crop` keeps.
        altered: the share of events that any other way alters.
        half_life: the age, in days or steps, at which an event is drawn half as often.
        user_power: 1: every event counts alike; 0: every user.

    Cost: as `next_item`; where items are put in, the pairs of events near each other are counted to learn: O(E).

    Raises:
        ConfigError: a way that is unknown, a share outside [0, 1].

    Sources: Xie et al. 2022 (CL4SRec: crop, mask, reorder); Liu et al. 2021 (CoSeRec: substitute, insert); Qiu et al.
    2022 (DuoRec: drop-out alone).

    Use it beside `next_item`, at a small weight, where histories are short.
    """

    kind: ClassVar[Kind] = "history"

    ways: list[str] = field(default_factory=lambda: ["crop", "mask", "reorder"])
    cropped: Annotated[float, Range(0.3, 0.9)] = 0.6
    altered: Annotated[float, Range(0.1, 0.7)] = 0.3
    half_life: Annotated[float, Range(3.0, 3000.0, log=True)] = np.inf
    user_power: Annotated[float, Range(0.0, 1.0)] = 1.0

    def __post_init__(self) -> None:
        for way in self.ways:
            if way not in WAYS:
                raise ConfigError(
                    f"ways = {way!r} is unknown{did_you_mean(way, WAYS)}; known: {sorted(WAYS)}"
                )
        for name in ("cropped", "altered"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} = {getattr(self, name)} must be from 0 to 1")
        exponents(user_power=self.user_power)
        above_zero(half_life=self.half_life)

    def learn(self, sources: Sources, *, seed: int = 0) -> Self:
        """Weigh the events of the past that follow another; find what is taken most with each item."""
        self.events = NextItem(half_life=self.half_life, user_power=self.user_power).learn(sources, seed=seed)
        self.counts = self.events.counts
        needed = {"substitute", "insert"} & {*self.ways}
        self.near = most_taken_with(sources) if needed else np.full(len(self.counts), -1, np.int32)
        return self

    def __len__(self) -> int:
        return len(self.events)

    def draw(self, rng: np.random.Generator, size: int) -> Pairs:
        """Draw B histories, each its own partner."""
        drawn = self.events.draw(rng, size)
        return Pairs(
            "history", drawn.anchor, drawn.positive, drawn.weight, stop=drawn.stop,
            partner=drawn.anchor, partner_stop=drawn.stop,
        )  # fmt: skip

    def alter(self, runs: Runs, rng: np.random.Generator) -> Runs:
        """Return the histories, altered in a way drawn at random."""
        if not self.ways:
            return runs
        way = self.ways[int(rng.integers(len(self.ways)))]
        return WAYS[way](runs, rng, self.cropped if way == "crop" else self.altered, self.near)

    def positives(self) -> Positives:
        """Return what each user took."""
        return self.events.positives()


def most_taken_with(sources: Sources) -> npt.NDArray[np.int32]:
    """Return for each item the one most often within `REACH` events of it, by cosine, int32 [N]; -1 where none is."""
    learnt = event_weights(sources.history, power=0.0, half_life=np.inf) > 0
    counts = cooccurrence(sources.history.keep(learnt), window="user", reach=REACH)
    size = np.sqrt(np.maximum(counts.sum(axis=1), 1e-12))
    row = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    strength = counts.data / (size[row] * size[counts.indices])
    order = np.lexsort((strength, row))
    found = np.full(counts.shape[0], -1, np.int32)
    found[row[order]] = counts.indices[order]  # of a row the last, the strongest, stays
    return found
