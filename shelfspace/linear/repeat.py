"""Repeat: what the user takes again, and when it is due. E events, B queries, N items."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shelfspace.config import Range
from shelfspace.linear.counts import Floats, decay
from shelfspace.linear.retriever import Arrays, Reason, Scores
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import History


@dataclass(kw_only=True)
class Repeat:
    """Personal frequency with recency, how often the item is taken again at all, and how due it is.

    score = frequency^saturation · rate^loyalty · due^period. Frequency is the sum of the user's events of
    the item, each aged by `half_life`; rate the share of the item's buyers who came back for it; due the
    smaller of x and 1/x, where x is the time since the last purchase over the usual interval: the user's
    own, drawn towards the item's as long as it rests on few purchases. The plain repeat counter is
    saturation = 1, loyalty = period = 0 and no decay.

    Args:
        half_life: the age at which a purchase counts half, in days or steps.
        saturation: below 1, the tenth purchase says less than the second.
        loyalty: how much the item's own repeat rate counts.
        period: how much being due counts.

    Cost: O(E log E) to fit, 8 bytes an item.

    Source: the ingredients are those of Anderson et al. 2014 and of Bhagat et al. 2018, in closed form.
    """

    REFIT_FREE: ClassVar[frozenset[str]] = frozenset({"half_life", "saturation", "loyalty", "period"})

    half_life: Annotated[float, Range(3.0, 3000.0, log=True)] = 100.0
    saturation: Annotated[float, Range(0.3, 1.0)] = 0.75
    loyalty: Annotated[float, Range(0.0, 1.0)] = 0.25
    period: Annotated[float, Range(0.0, 0.6)] = 0.05
    rate: Floats = field(init=False, repr=False)
    interval: Floats = field(init=False, repr=False)

    def fit(self, history: History, catalogue: Catalogue) -> Self:
        """Learn each item's repeat rate and usual interval, both drawn towards the shop's mean."""
        taken = _Taken.of(history)
        again = taken.visits > 1
        buyers = np.bincount(taken.item, minlength=history.num_items)
        returned = np.bincount(taken.item[again], minlength=history.num_items)
        self.rate = _shrunk(returned, buyers, strength=5.0, fallback=1.0)
        span = np.bincount(taken.item, taken.last - taken.first, minlength=history.num_items)
        gaps = np.bincount(taken.item, taken.visits - 1, minlength=history.num_items)
        self.interval = _shrunk(span, gaps, strength=2.0, fallback=1.0)
        return self

    def score(self, queries: History) -> Scores:
        """Return float32 [B, N], 0 where the user never took the item."""
        scores: Scores = self.parts(queries).toarray()
        return scores

    def reasons(self, query: History, items: npt.NDArray[np.int32]) -> list[list[Reason]]:
        """Return the user's own earlier purchases as the one reason."""
        amounts = self.parts(query).toarray()[0, items]
        return [[Reason(int(i), float(a))] if a else [] for i, a in zip(items, amounts, strict=True)]

    def arrays(self) -> Arrays:
        """Return each item's repeat rate and interval."""
        return {"rate": self.rate, "interval": self.interval}

    def restore(self, arrays: Arrays) -> Self:
        """Take them back."""
        self.rate, self.interval = arrays["rate"].astype(np.float32), arrays["interval"].astype(np.float32)
        return self

    def parts(self, queries: History) -> sparse.csr_array:
        """Return the scores of what each took, float32 [B, N]."""
        taken = _Taken.of(queries, queries.weight * decay(queries.age(), self.half_life))
        usual = (taken.last - taken.first + 2.0 * self.interval[taken.item]) / (taken.visits + 1)
        since = np.maximum(taken.since, 0.0) / np.maximum(usual, 1e-9)
        due = np.minimum(since, 1.0 / np.maximum(since, 1e-9))
        score = taken.amount**self.saturation * self.rate[taken.item] ** self.loyalty
        score = score * np.maximum(due, 0.01) ** self.period
        return sparse.csr_array(
            (score.astype(np.float32), (taken.user, taken.item)), shape=(len(queries), queries.num_items)
        )


@dataclass(frozen=True)
class _Taken:
    """One row for each user and item: visits at different times, how much, first, last, how long ago."""

    user: npt.NDArray[np.int64]
    item: npt.NDArray[np.int64]
    visits: npt.NDArray[np.int64]
    amount: npt.NDArray[np.float64]
    first: npt.NDArray[np.float64]
    last: npt.NDArray[np.float64]
    since: npt.NDArray[np.float64]

    @classmethod
    def of(cls, history: History, values: Floats | None = None) -> Self:
        key = history.user().astype(np.int64) * history.num_items + history.item
        order = np.argsort(key, kind="stable")
        key, time, age = key[order], history.time[order], history.age()[order]
        value = (history.weight if values is None else values)[order].astype(np.float64)
        new = np.ones(len(key), bool)
        new[1:] = key[1:] != key[:-1]
        start = np.flatnonzero(new)
        stop = np.append(start[1:], len(key)) - 1 if len(key) else start
        visit = new.copy()
        visit[1:] |= np.diff(time) != 0
        total = np.concatenate([[0], np.cumsum(visit)])
        amount = np.add.reduceat(value, start) if len(key) else np.zeros(0)
        return cls(
            user=key[start] // history.num_items,
            item=key[start] % history.num_items,
            visits=total[stop + 1] - total[start],
            amount=amount,
            first=time[start],
            last=time[stop],
            since=age[stop],
        )


def _shrunk(
    part: npt.NDArray[np.floating] | npt.NDArray[np.integer],
    whole: npt.NDArray[np.floating] | npt.NDArray[np.integer],
    *,
    strength: float,
    fallback: float,
) -> Floats:
    """Return part / whole, as if `strength` more had been seen at the overall ratio."""
    overall = part.sum() / whole.sum() if part.sum() > 0 else fallback
    return ((part + strength * overall) / (whole + strength)).astype(np.float32)
