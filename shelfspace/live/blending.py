"""The blend of a version made quick, for as many items as there are. N items, the first of them the version's."""

from collections.abc import Collection
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from shelfspace.encode.learnt import Learnt
from shelfspace.linear.itemwise import DenseWeights, Itemwise
from shelfspace.linear.popularity import Popularity
from shelfspace.linear.repeat import Repeat
from shelfspace.linear.retriever import Retriever
from shelfspace.linear.vectors import VectorKNN
from shelfspace.live.grown import Rows, grown
from shelfspace.live.narrow import Again, Narrow, Shared, Whole
from shelfspace.live.nearest import Nearest, mapped
from shelfspace.live.popular import Moving
from shelfspace.live.prepared import by_vectors, graph_path, neighbours_path
from shelfspace.live.quick import Pasts, Quick
from shelfspace.live.sums import Dense, Vectors, gain_of
from shelfspace.space import Space


class Blending:
    """Makes quick blends of a version's models.

    pasts: what its blends keep of shoppers, one after the other;
    learnt: float32 [N, D], the vectors of each model that learnt its own.

    Args:
        base: the version.
        folder: of what was prepared for it.
    """

    def __init__(self, base: Space, folder: Path) -> None:
        parts = base.blend.retrievers
        self.base, self.num_base = base, len(base.catalogue)
        self.pasts = Pasts()
        self.learnt = {name: Rows(part.vectors) for name, part in parts.items() if isinstance(part, Learnt)}
        self._graphs = {
            name: (
                mapped(graph_path(folder, name), part.vectors.shape[1]),
                np.load(neighbours_path(folder, name), mmap_mode="r", allow_pickle=False).view(np.ndarray),
            )
            for name, part in by_vectors(base).items()
        }
        self._moving = {
            name: Moving.of(copy(part), base.history)
            for name in sorted(base.blend.used)
            if isinstance(part := parts[name], Popularity)
        }
        self._shared: dict[str, Shared] = {}

    @property
    def moving(self) -> Collection[Moving]:
        """The popularities, which events move."""
        return self._moving.values()

    def move(self, size: int) -> None:
        """Have blends answer by the popularity that events made. O(N) for each that moved."""
        for name, moving in self._moving.items():
            if moving.moved:
                moving.renew(size)
                self._shared[name].look()

    def blend(self, size: int, later: npt.NDArray[np.int32], vectors: npt.NDArray[np.float32]) -> Quick:
        """Return the blend of N items.

        Args:
            size: N.
            later: int32, the rows of listings that came or changed since.
            vectors: float32 [N, D] of the space.
        """
        for moving in self.moving:
            if len(moving.part.popularity) < size:
                moving.renew(size)
        blend = self.base.blend
        parts: dict[str, Retriever] = {}
        narrow: dict[str, Narrow] = {}
        for name, part in blend.retrievers.items():
            if name in self._moving:
                parts[name] = self._moving[name].part
            else:
                own = self._vectors_of(name, part, vectors) if len(later) else None
                parts[name] = grown(part, self.num_base, size, own)
            narrow[name] = self._narrow(name, part, parts[name], later)
        if any(model.asks_when for model in narrow.values()):
            self.pasts.clear()  # scores of every item are of as many items as there were
        return Quick(
            parts,
            blend.scales,
            blend.weights,
            blend.num_candidates,
            blend.slices,
            blend.rankers,
            narrow,
            self.pasts,
        )

    def _vectors_of(
        self, name: str, part: Retriever, vectors: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32] | None:
        """Return the vectors of all items that a model goes by, where what came later has any."""
        if name in self.learnt:
            return self.learnt[name].held
        is_listed = self.base.listed is not None and "learnt" not in self.base.blocks
        return vectors if isinstance(part, VectorKNN) and is_listed else None

    def _narrow(self, name: str, part: Retriever, more: Retriever, later: npt.NDArray[np.int32]) -> Narrow:
        """Return a model of few items at a time; `more` is the same with what came later."""
        if isinstance(more, Popularity):
            self._shared[name] = Shared(more)
            return self._shared[name]
        if isinstance(part, Repeat):
            return Again(part, self.num_base)
        weights: Any = getattr(part, "weights", None)
        if isinstance(part, Itemwise) and isinstance(weights, DenseWeights):
            gain, items = gain_of(part), weights.items
            scaled = np.ones(len(items), np.float32) if gain is None else gain[items]
            return Dense(part, weights, scaled)
        if isinstance(part, VectorKNN) and name in self._graphs:
            graph, neighbours = self._graphs[name]
            near = Nearest(graph)
            if isinstance(more, VectorKNN):
                weights = more.weights
                if len(later):
                    near = near.beside(later, weights.vectors[later] * weights.gain[later, None])
            return Vectors(part, weights.vectors, weights.gain, near, neighbours)
        return Whole(more)
