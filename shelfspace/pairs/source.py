"""What every source of pairs can do; the mix and the loop know no more of a source than this.

B batch, N items.
"""

from typing import ClassVar, Protocol, Self

import numpy as np
import numpy.typing as npt

from shelfspace.pairs.pairs import Kind, Pairs, Sources
from shelfspace.pairs.positives import Marker


class PairSource(Protocol):
    """Pairs of one kind. Its keyword-only arguments are its section of the TOML file.

    kind: what its anchors are;
    counts: float64 [N], how often each item is a positive in expectation, in `len` draws; 0 where never.
    """

    kind: ClassVar[Kind]
    counts: npt.NDArray[np.float64]

    def learn(self, sources: Sources, *, seed: int = 0) -> Self:
        """Learn which pairs there are from the past. What is random in it follows the seed."""
        ...

    def __len__(self) -> int:
        """Return how many positives there are: events, or the memberships, edges or entries that are drawn."""
        ...

    def draw(self, rng: np.random.Generator, size: int) -> Pairs:
        """Draw B pairs with replacement; the same generator gives the same pairs.

        Raises:
            JobError: there are none.
        """
        ...

    def positives(self) -> Marker:
        """Return what marks the candidates that are no negatives of an anchor. Not kept: ask once."""
        ...
