"""Popularity that moves with every event. N items, E events."""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
import numpy.typing as npt

from shelfspace.linear.counts import decay, latest_of_each
from shelfspace.linear.popularity import Popularity
from shelfspace.shop.history import History

Amounts = npt.NDArray[np.float64]

LARGEST = 60.0
"""Halvings after which all counts are divided anew, long before they are no numbers any more."""


@dataclass
class Moving:
    """The aged counts behind a popularity, kept as of one moment: what comes later counts for more than 1.

    part: the model whose scores move;  moment: as of which counts stand, in days or steps;
    recent, longer: float64 [N], counts by its two half-lives.

    Cost: O(E log E) once, O(1) an event, O(N) when scores are made anew.
    """

    part: Popularity
    moment: float
    recent: Amounts
    longer: Amounts
    moved: bool = field(default=False)

    @classmethod
    def of(cls, part: Popularity, history: History) -> Self:
        """Count what there is, as `Popularity.fit` does."""
        latest = latest_of_each(history) if part.once else np.arange(history.num_events)
        item, age, weight = history.item[latest], history.age()[latest], history.weight[latest]

        def counted(half_life: float) -> Amounts:
            counts: Amounts = np.zeros(history.num_items)
            np.add.at(counts, item, weight * decay(age, half_life))
            return counts

        moment = history.now if history.now is not None else float(history.time.max(initial=0.0))
        return cls(part, moment, counted(part.half_life), counted(part.long_half_life))

    def add(self, item: int, time: float, weight: float, before: float | None) -> None:
        """Count an event.

        Args:
            item: its row.
            time: when.
            weight: what it counts for.
            before: when the same shopper took the item last, which counts no more where each counts once; None: never,
                or nobody knows who it was.
        """
        if item >= len(self.recent):
            more = np.zeros(item + 1 - len(self.recent))
            self.recent, self.longer = np.append(self.recent, more), np.append(self.longer, more)
        if (time - self.moment) / min(self.part.half_life, self.part.long_half_life) > LARGEST:
            self._move_to(time)
        again = self.part.once and before is not None
        for counts, half_life in (
            (self.recent, self.part.half_life),
            (self.longer, self.part.long_half_life),
        ):
            counts[item] += weight * _halvings(time - self.moment, half_life)
            if again and before is not None:
                counts[item] = max(0.0, counts[item] - weight * _halvings(before - self.moment, half_life))
        self.moved = True

    def renew(self, num_items: int) -> None:
        """Put the scores of what was counted into the model, float32 [N]."""
        part, mean_of = self.part, max(1, num_items)

        def multiple(counts: Amounts) -> Amounts:
            padded = np.zeros(num_items)
            padded[: min(len(counts), num_items)] = counts[:num_items]
            found: Amounts = np.log1p(padded / (part.prior * max(padded.sum() / mean_of, 1e-30)))
            return found

        recent = multiple(self.recent)
        rising = recent - multiple(self.longer) if part.trend else 0.0
        part.popularity = (recent + part.trend * rising).astype(np.float32)
        self.moved = False

    def _move_to(self, moment: float) -> None:
        """Let counts stand as of a later moment."""
        gone = moment - self.moment
        self.recent *= _halvings(-gone, self.part.half_life)
        self.longer *= _halvings(-gone, self.part.long_half_life)
        self.moment = moment


def _halvings(later: float, half_life: float) -> float:
    return 1.0 if half_life == np.inf else float(2.0 ** (later / half_life))
