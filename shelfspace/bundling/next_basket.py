"""What a shopper takes on the next visit: what they take again, what goes with that, and what everybody takes."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shelfspace.bundling.baskets import Baskets, Floats, Rows
from shelfspace.linear.repeat import Repeat
from shelfspace.shop.history import History

HABITS = 50
"""Of a shopper's items, those that say what else goes with them."""


@dataclass(frozen=True, kw_only=True)
class Habits:
    """How the parts of a next basket count beside what is taken again, each from 0 to 1 at its best item.

    again: the half-life of a purchase, in days or steps;  beside: what goes with it;  popular: what everybody takes.
    """

    again: float = 60.0
    beside: float = 0.1
    popular: float = 0.05


@dataclass(frozen=True)
class Visit:
    """The parts of one shopper's scores, [N] each, and of `beside` by the past item it comes from."""

    again: Floats
    beside: Floats
    popular: Floats
    past: Rows
    weight: Floats

    @property
    def score(self) -> Floats:
        """Return float64 [N]."""
        return self.again + self.beside + self.popular


@dataclass(frozen=True)
class NextBasket:
    """Personal frequency with recency (`Repeat`), what goes with it, popularity; a weighted sum.

    Source: that personal frequency is most of the answer is Hu et al. 2020 (TIFU-KNN), Faggioli et al. 2020 and Li et
    al. 2023; like theirs the score is a sum of a personal and a shared part.
    """

    repeat: Repeat
    baskets: Baskets
    habits: Habits

    def visit(self, query: History) -> Visit:
        """Return the scores for one shopper, their events as the one row of a history."""
        query, _ = self.baskets.grouped(query)
        again = self.repeat.score(query)[0].astype(np.float64)
        again /= again.max(initial=0.0) or 1.0
        past = np.argsort(-again, kind="stable")[:HABITS]
        past = past[again[past] > 0].astype(np.int64)
        sold = np.maximum(self.baskets.sold, 1.0)
        weight = again[past] / (sold[past] + 10.0)  # of an item with few baskets little is known
        beside = self.baskets.together(past, weight)
        beside[past] -= weight * self.baskets.sold[past]
        beside = np.maximum(beside, 0.0)
        best = float(beside.max(initial=0.0)) or 1.0
        scale = self.habits.beside / best
        popular = self.baskets.sold / (self.baskets.sold.max(initial=0.0) or 1.0)
        return Visit(again, beside * scale, self.habits.popular * popular, past, weight * scale)

    def beside(self, visit: Visit, rows: Rows) -> npt.NDArray[np.float64]:
        """Return how much each past item adds to each of these, float64 [past, rows]."""
        found = np.zeros((len(visit.past), len(rows)))
        for n, (row, weight) in enumerate(zip(visit.past.tolist(), visit.weight.tolist(), strict=True)):
            both = self.baskets.together([row])[rows]
            found[n] = weight * np.where(rows == row, 0.0, both)
        return found
