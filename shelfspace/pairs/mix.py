"""Several sources of pairs, a batch of one at a time. B batch, N items."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from shelfspace.errors import ConfigError, JobError, did_you_mean
from shelfspace.pairs.drawing import Categorical
from shelfspace.pairs.pairs import Pairs
from shelfspace.pairs.source import PairSource


class Mix:
    """Draws each batch from one source, chosen with a probability in proportion to its weight.

    A batch is of one kind, so that an objective has one anchor tower and one mask to think of. Sources without any
    pair are left out, and named in `empty`; those of weight 0 are left out too.

    Args:
        sources: what has learnt, by name.
        weights: what each counts for; 1 where not given.

    Raises:
        ConfigError: a weight for no source, or one that is below 0 or not finite.
    """

    def __init__(self, sources: Mapping[str, PairSource], weights: Mapping[str, float] | None = None) -> None:
        weights = dict.fromkeys(sources, 1.0) | dict(weights or {})
        for name, weight in weights.items():
            if name not in sources:
                raise ConfigError(f"a weight for {name!r}, which is no source{did_you_mean(name, sources)}")
            if not 0 <= weight < float("inf"):
                raise ConfigError(f"weight = {weight!r} of {name!r} must be a number from 0")
        self.empty = tuple(name for name, source in sources.items() if not len(source))
        self.sources = {name: source for name, source in sources.items() if len(source) and weights[name] > 0}
        self.weights = {name: float(weights[name]) for name in self.sources}
        self._law = Categorical(np.array(list(self.weights.values()), np.float64))

    def __len__(self) -> int:
        """Return how many positives the sources have together."""
        return sum(len(source) for source in self.sources.values())

    def counts(self) -> npt.NDArray[np.float64]:
        """Return how often each item is a positive in expectation, in `len` draws, float64 [N]; [0] of no source."""
        total = len(self) / (sum(self.weights.values()) or 1.0)
        counts = [
            source.counts * (total * self.weights[name] / len(source))
            for name, source in self.sources.items()
        ]
        return np.sum(counts, axis=0) if counts else np.zeros(0)

    def draw(self, rng: np.random.Generator, size: int) -> tuple[str, Pairs]:
        """Draw a source, then B pairs of it; return its name and the pairs.

        Raises:
            JobError: no source has a pair.
        """
        if not self.sources:
            raise JobError(f"there are no pairs to learn from; sources without any: {list(self.empty)}")
        name = list(self.sources)[int(self._law.draw(rng, 1)[0])]
        return name, self.sources[name].draw(rng, size)
