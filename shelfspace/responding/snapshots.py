"""What everybody's purchases said by a moment: vectors and how usual items are. N items, D dimensions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shelfspace.linear.vectors import ItemVectors
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import History

DIM = 64
TICKS = 5


@dataclass(frozen=True)
class Snapshot:
    """What was known at a moment.

    time: days or steps;  usual: float64 [N], events of each item;  vectors: float16 [N, D], unit length, 0 where an
    item had no event.
    """

    time: float
    usual: npt.NDArray[np.float64]
    vectors: npt.NDArray[np.float16]

    @classmethod
    def of(cls, history: History, catalogue: Catalogue, time: float, seed: int) -> "Snapshot":
        """Look at the events strictly before a moment: the closed-form vectors of the space, of behaviour alone."""
        past = history.keep(history.time < time, now=time)
        usual = np.bincount(past.item, minlength=len(catalogue)).astype(np.float64)
        if not past.num_events:
            return cls(time, usual, np.zeros((len(catalogue), 1), np.float16))
        bare = Catalogue(catalogue.ids, pa.table({}), catalogue.first_seen, catalogue.duplicates)
        vectors = ItemVectors(embedding_dim=DIM, seed=seed).learn(past, bare).vectors
        return cls(time, usual, vectors.astype(np.float16))


def snapshots(
    history: History, catalogue: Catalogue, asked: npt.NDArray[np.float64], now: float, *, seed: int
) -> Sequence[Snapshot]:
    """Return what was known at some of the moments of asking, the first among them, and what is known now.

    So that no case is learnt from with vectors that its own purchase has moved. Cost: that of `ItemVectors`, six times.
    """
    ticks = np.unique(np.quantile(asked, np.linspace(0.0, 1.0, TICKS + 1)[:-1], method="lower"))
    return [Snapshot.of(history, catalogue, float(time), seed) for time in (*ticks[ticks < now], now)]
