"""Popularity: what everybody takes, of late, and what is rising. N items, E events."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Self

import numpy as np
import numpy.typing as npt

from shelfspace.config import Choice, Range
from shelfspace.linear.counts import Floats, decay, latest_of_each
from shelfspace.linear.retriever import Arrays, Reason, Scores
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import History


@dataclass(kw_only=True)
class Popularity:
    """The same score for everybody: log(1 + share) of late, and how much that rose above the longer share.

    score = (1 + trend) · log(1 + recent / prior) − trend · log(1 + longer / prior), where recent and longer
    are an item's shares of the events, aged by `half_life` and `long_half_life`, as multiples of the mean
    share. All-time popularity is half_life = inf with trend = 0; a trend chart is trend = 1 or more.

    Args:
        half_life: the age at which an event counts half, in the history's days or steps.
        long_half_life: the same, of the share that the recent one is held against.
        trend: how much rising counts; 0: not at all.
        prior: the multiple of the mean share below which shares are not told apart.
        once: each user counts once for an item, with their latest event; otherwise each event counts.

    Cost: O(E log E) time where `once`, else O(E).
    """

    REFIT_FREE: ClassVar[frozenset[str]] = frozenset()

    half_life: Annotated[float, Range(1.0, 3000.0, log=True)] = 7.0
    long_half_life: float = np.inf
    trend: Annotated[float, Range(0.0, 1.5)] = 0.5
    prior: float = 0.2
    once: Annotated[bool, Choice((True, False))] = True
    popularity: Floats = field(init=False, repr=False)

    def fit(self, history: History, catalogue: Catalogue) -> Self:
        """Count."""
        latest = latest_of_each(history) if self.once else slice(None)
        item, age, weight = history.item[latest], history.age()[latest], history.weight[latest]

        def multiple(half_life: float) -> npt.NDArray[np.float64]:
            count = np.bincount(item, weight * decay(age, half_life), minlength=history.num_items)
            multiples: npt.NDArray[np.float64] = np.log1p(count / (self.prior * max(count.mean(), 1e-30)))
            return multiples

        recent = multiple(self.half_life)
        rising = recent - multiple(self.long_half_life) if self.trend else 0.0
        self.popularity = (recent + self.trend * rising).astype(np.float32)
        return self

    def score(self, queries: History) -> Scores:
        """Return float32 [B, N], every row the same."""
        return np.tile(self.popularity, (len(queries), 1))

    def reasons(self, query: History, items: npt.NDArray[np.int32]) -> list[list[Reason]]:
        """Return the shop as a whole as the one reason."""
        return [[Reason(-1, float(amount))] for amount in self.popularity[items]]

    def arrays(self) -> Arrays:
        """Return the score of each item."""
        return {"popularity": self.popularity}

    def restore(self, arrays: Arrays) -> Self:
        """Take the scores back."""
        self.popularity = arrays["popularity"].astype(np.float32)
        return self
