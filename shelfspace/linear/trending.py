"""Item→item models that follow the trend: what rises of late scores higher. N items."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Self

import numpy as np

from shelfspace.config import Range
from shelfspace.linear.counts import Floats, Rows, decay
from shelfspace.linear.itemwise import Itemwise
from shelfspace.linear.retriever import Arrays, Reason, Scores
from shelfspace.shop.history import History

PRIOR = 0.2
"""Shares are not told apart much below this multiple of the mean share."""

RECENT, LONGER = 9.0, 100.0
"""Half-lives of the recent and the longer share, in days, where nothing else is said."""


@dataclass(kw_only=True)
class Trending(Itemwise):
    """An `Itemwise` model whose scored items gain (recent share / longer share)^trend.

    Shares are of all events, aged by two half-lives. A history without calendar times has no trend.

    Args:
        trend: how much rising counts; 0: not at all; needs no refit.
        trend_half_life: of the recent share, in days.
        trend_long_half_life: of the longer share, in days.
    """

    REFIT_FREE: ClassVar[frozenset[str]] = Itemwise.REFIT_FREE | {"trend"}

    trend: Annotated[float, Range(0.0, 1.5)] = 0.9
    trend_half_life: Annotated[float, Range(3.0, 30.0, log=True)] = RECENT
    trend_long_half_life: Annotated[float, Range(30.0, 1000.0, log=True)] = LONGER
    rising: Floats = field(init=False, repr=False)

    def learn_trend(self, history: History) -> None:
        """Set `rising`, float32 [N]: the logarithm of the recent share over the longer one. O(E)."""
        self.rising = rising(history, self.trend_half_life, self.trend_long_half_life)

    def score(self, queries: History) -> Scores:
        """Return float32 [B, N]. Cost: one sparse product of the histories with the weights."""
        scores = super().score(queries)
        scores *= self._gain()
        return scores

    def reasons(self, query: History, items: Rows) -> list[list[Reason]]:
        """Return what each past item adds to the score of each item asked, the largest first."""
        gain = self._gain()[items].tolist()
        found = super().reasons(query, items)
        return [[Reason(r.item, r.amount * g) for r in parts] for parts, g in zip(found, gain, strict=True)]

    def arrays(self) -> Arrays:
        """Return the weights and the trend."""
        return super().arrays() | {"rising": self.rising}

    def restore(self, arrays: Arrays) -> Self:
        """Take them back."""
        self.rising = arrays["rising"].astype(np.float32)
        return super().restore(arrays)

    def _gain(self) -> Floats:
        gain: Floats = np.exp(np.float32(self.trend) * self.rising)
        return gain


def rising(history: History, half_life: float = RECENT, long_half_life: float = LONGER) -> Floats:
    """Return float32 [N]: log(recent share / longer share) of all events; 0 without calendar times. O(E)."""
    if history.clock != "calendar" or not history.num_events:
        return np.zeros(history.num_items, np.float32)

    def share(half_life: float) -> Floats:
        weight = history.weight * decay(history.age(), half_life)
        count = np.bincount(history.item, weight, minlength=history.num_items)
        shares: Floats = (count / max(count.mean(), 1e-30)).astype(np.float32)
        return shares

    found: Floats = np.log((share(half_life) + PRIOR) / (share(long_half_life) + PRIOR))
    return found
