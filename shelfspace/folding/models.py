"""The models of a blend on a longer past: what is in closed form is fitted again, what was trained stays as it is.

N items, M of them modelled, K neighbours.
"""

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from shelfspace.blend import Blend, Mode, Ranker
from shelfspace.config import settings_of
from shelfspace.encode.autoencoder import Autoencoded
from shelfspace.encode.learnt import Learnt
from shelfspace.encode.neighbours import LearntKNN
from shelfspace.features import Facts
from shelfspace.folding.catalogues import Stock
from shelfspace.folding.near import near_of
from shelfspace.folding.profiles import Fields
from shelfspace.linear.counts import item_degree, power
from shelfspace.linear.retriever import Retriever
from shelfspace.linear.trending import rising
from shelfspace.linear.vectors import VectorKNN, VectorWeights
from shelfspace.shop.history import History
from shelfspace.stored import Contents

Floats = npt.NDArray[np.float32]
Told = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Refit:
    """What models are made of again.

    space: as it was;  history: the longer past;  stock: the items;  fields: the profiles of shoppers;
    vectors: float32 [N, D], where the items lie now.
    """

    space: Contents
    history: History
    stock: Stock
    vectors: Floats
    fields: Fields

    def blend(self, blend: Blend, told: Told | None = None) -> tuple[Blend, list[str]]:
        """Return a blend on the longer past, with the weights and scales that it had, and what could not be done.

        Cost: that of fitting its models, without any search for settings.
        """
        parts: dict[str, Retriever] = {}
        notes: list[str] = []
        order = sorted(blend.retrievers, key=lambda name: isinstance(blend.retrievers[name], LearntKNN))
        for n, name in enumerate(order):
            if told is not None:
                told(f"fitting {name}", n, len(order))
            parts[name] = self._part(blend.retrievers[name], parts, blend.retrievers, notes)
        rankers: dict[Mode, Ranker] = {}
        for mode, ranker in blend.rankers.items():
            rankers[mode] = copy(ranker)
            rankers[mode].facts = Facts.of(self.history, self.stock.catalogue)
        kept = {name: parts[name] for name in blend.retrievers}
        return replace(blend, retrievers=kept, rankers=rankers), notes

    def _part(
        self,
        part: Retriever,
        made: Mapping[str, Retriever],
        before: Mapping[str, Retriever],
        notes: list[str],
    ) -> Any:
        if isinstance(part, Learnt):
            return self._learnt(part)
        if isinstance(part, LearntKNN):
            return self._near(part, made, before)
        if isinstance(part, Autoencoded):
            if self.stock.num_new:
                notes.append(
                    "the autoencoder does not know new items: it recommends them after the next training"
                )
            return copy(part).take(
                part.layers, part.items, item_degree(self.history), rising(self.history), part.heads
            )
        if isinstance(part, VectorKNN) and self._of_the_space(part):
            more = copy(part)
            more.vectors = self.vectors
            gain = power(1.0 + item_degree(self.history), part.popular)
            more.weights = VectorWeights(self.vectors, gain)
            return more
        counting = self.history.keep(self.history.weight > 0)
        return type(part)(**settings_of(part)).fit(counting, self.stock.catalogue)

    def _of_the_space(self, part: VectorKNN) -> bool:
        """Return whether a model goes by the vectors of the space, which stay where they are."""
        return self.space.listed is not None and np.array_equal(part.vectors, self.space.vectors)

    def _learnt(self, part: Learnt) -> Any:
        """Return towers with frozen weights over more items; what is popular and what rises is counted anew."""
        more = copy(part)
        more.take(
            self.stock.placed(part.towers, part.vectors),
            self._taken(np.expm1(part.prior.astype(np.float64))),
            part.encode,
            rising(self.history),
        )
        more.profiles = self.fields.of(part)
        if part.towers is not None:
            towers = replace(part.towers, profiles=more.profiles)
            more.take_towers(towers)
            more.export = lambda: (towers, part.export()[1])
        return more

    def _taken(self, before: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return how often each item was taken, in the measure of the training, which may count old events for less."""
        size = len(self.stock.catalogue)
        was = np.bincount(self.space.history.item, minlength=len(before)).astype(np.float64)
        now = np.bincount(self.history.item, minlength=size).astype(np.float64)
        scale = before.sum() / max(float(was.sum()), 1.0) if before.sum() > 0 else 1.0
        now[: len(was)] -= was
        now *= scale
        now[: len(before)] += before
        return np.maximum(now, 0.0)

    def _near(self, part: LearntKNN, made: Mapping[str, Retriever], before: Mapping[str, Retriever]) -> Any:
        """Find neighbours again, among the vectors of the towers that it stood on."""
        names = [name for name, one in before.items() if isinstance(one, Learnt)]
        own = min(names, key=lambda name: _strangeness(part, before[name]))
        towers = made[own]
        assert isinstance(towers, Learnt)
        fresh = LearntKNN(**settings_of(part))
        return near_of(fresh, towers.vectors, np.expm1(towers.prior), towers.rising)


def _strangeness(part: LearntKNN, towers: Any) -> float:
    """Return by how much the cosines that a model keeps are not those of towers, over some of its neighbours."""
    kept = part.cosines.tocoo()
    some = np.linspace(0, kept.nnz - 1, min(kept.nnz, 200)).astype(np.int64)
    left, right = towers.vectors[kept.row[some]], towers.vectors[kept.col[some]]
    return float(np.abs(np.einsum("nd,nd->n", left, right) - kept.data[some]).sum())
