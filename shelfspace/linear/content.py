"""Neighbours by what listings say: products that have never been sold have them from the first day.

N items, F features.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Self

import numpy as np
from scipy import sparse

from shelfspace.config import Range
from shelfspace.linear.counts import item_degree, power
from shelfspace.linear.features import ItemFeatures
from shelfspace.linear.itemwise import Itemwise, SparseWeights
from shelfspace.linear.neighbours import cuts, thinned
from shelfspace.linear.retriever import Arrays
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import History

SELDOM = 30
"""A feature of no more items than this always counts."""

MAX_KEPT = 20_000_000
"""Neighbours kept in all, 8 bytes each."""

MAX_PRODUCTS = 1e9
"""Products of features in one fit; the commonest features are left out where there would be more."""


@dataclass(kw_only=True)
class ContentKNN(ItemFeatures, Itemwise):
    """What is like that which the user took: W = cosine^sharpness, for the nearest of each past item.

    The cosine is that of `ItemFeatures`. Every item that has content is scored, sold or not; a shop that has
    only ids gets 0 throughout.

    Args:
        sharpness: the exponent of the cosine: above 1, few near neighbours outweigh many far ones.
        common: features that a greater share of the items has say too little and are left out.
        popular: the exponent of (1 + users who took it) by which a scored item gains.
        neighbours: how many of the nearest are kept for each past item, fewer where that would be more than
            20 million in all; 0 keeps all.

    Cost: one sparse product, Σ (items with a feature)² multiplications, at most 10⁹ (some 10 s); 8 bytes for
    each neighbour kept.
    """

    sharpness: Annotated[float, Range(0.5, 6.0, log=True)] = 2.0
    common: Annotated[float, Range(0.003, 0.3, log=True)] = 0.03
    popular: Annotated[float, Range(0.0, 1.0)] = 0.0
    neighbours: int = 500

    def fit(self, history: History, catalogue: Catalogue) -> Self:
        """Learn words from the items known at `history.now`, then find the neighbours of every item."""
        self.learn_words(catalogue, catalogue.known_at(history.now))
        ones = np.ones(len(catalogue), np.float32)
        gain = power(1.0 + item_degree(history), self.popular)
        cosines = self._cosines(_telling(self.features(catalogue), self.common))
        keep = min(self.neighbours, max(1, MAX_KEPT // max(1, len(catalogue))))
        self.weights = SparseWeights(thinned(cosines, ones, gain, keep))
        return self

    def arrays(self) -> Arrays:
        """Return the neighbours, the words, and from how many items the words were learnt."""
        return Itemwise.arrays(self) | self.word_arrays()

    def restore(self, arrays: Arrays) -> Self:
        """Take what `arrays` gave."""
        self.restore_words(arrays)
        return Itemwise.restore(self, arrays)

    def _cosines(self, features: sparse.csr_array) -> Iterator[sparse.csr_array]:
        by_feature = sparse.csr_array(features.T)
        for first, last in cuts(features @ np.diff(by_feature.indptr)):
            block = features[first:last] @ by_feature
            block.data **= np.float32(self.sharpness)
            yield block


def _telling(features: sparse.csr_array, common: float) -> sparse.csr_array:
    """Leave out the commonest features, and more of them where the cost would be above MAX_PRODUCTS."""
    usage = np.bincount(features.indices, minlength=features.shape[1]).astype(np.float64)
    order = np.argsort(usage, kind="stable")
    kept = np.zeros(len(usage), bool)
    kept[order[np.cumsum(usage[order] ** 2) <= MAX_PRODUCTS]] = True
    kept &= usage <= max(common * features.shape[0], SELDOM)
    return sparse.csr_array(features[:, np.flatnonzero(kept)])
