"""An item and itself, encoded twice. N items."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from scipy import sparse

from shelfspace.pairs.drawing import Categorical
from shelfspace.pairs.pairs import Kind, Pairs, Sources
from shelfspace.pairs.positives import Positives


@dataclass(kw_only=True)
class TwoViews:
    """Every item known at `history.now`, alike often, those that nobody took included.

    Cost: O(N) to learn; O(log N) a pair.

    Source: Chen et al. 2020 (SimCLR: two augmented views); Gao, Yao and Chen 2021 (drop-out as the only
    augmentation).

    Use it so that a vector does not hang on one field of the listing, and for items without behaviour.
    """

    kind: ClassVar[Kind] = "view"

    def learn(self, sources: Sources, *, seed: int = 0) -> Self:
        """Take the known items."""
        self.sources = sources
        self.counts = sources.known().astype(np.float64)
        self.law = Categorical(self.counts)
        return self

    def __len__(self) -> int:
        return int(np.count_nonzero(self.counts))

    def draw(self, rng: np.random.Generator, size: int) -> Pairs:
        """Draw B items."""
        item = rng.permutation(self.law.draw(rng, size).astype(np.int32))
        return Pairs("view", item, item, np.ones(size, np.float32))

    def positives(self) -> Positives:
        """Return each item itself and its duplicates."""
        size = len(self.counts)
        return Positives.of_items(sparse.csr_array((size, size), dtype=np.float32), self.sources.catalogue)
