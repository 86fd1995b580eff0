"""What every linear model can do; the gate, the blend and the answers know no more of a model than this.

B users asked at once, N items, E events in their histories.
"""

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import History

Scores = npt.NDArray[np.float32]
Arrays = dict[str, npt.NDArray[np.generic]]


@dataclass(frozen=True)
class Reason:
    """One additive part of a score: the past item it comes from (-1: from no item, but from the shop as a whole)."""

    item: int
    amount: float


class Scoring(Protocol):
    """What scores every item for a history; measuring needs no more."""

    def score(self, queries: History) -> Scores:
        """Return float32 [B, N], higher is better."""
        ...


class Retriever(Protocol):
    """A model that scores every item for a history. Its keyword-only arguments are its section of the TOML file."""

    def fit(self, history: History, catalogue: Catalogue) -> Self:
        """Learn from the past only: `history`, and of the catalogue only items known at `history.now`."""
        ...

    def score(self, queries: History) -> Scores:
        """Return float32 [B, N], higher is better, finite, 0 where the model knows nothing.

        It masks nothing: what was seen, sold out or unknown is the caller's business.
        """
        ...

    def reasons(self, query: History, items: npt.NDArray[np.int32]) -> list[list[Reason]]:
        """Return, for one user (B = 1), the parts of the score of each item asked; they sum to it."""
        ...

    def arrays(self) -> Arrays:
        """Return what was learnt, to be saved in an .npz (no objects, no pickle)."""
        ...

    def restore(self, arrays: Arrays) -> Self:
        """Take what `arrays` gave; the settings were given to the constructor."""
        ...
