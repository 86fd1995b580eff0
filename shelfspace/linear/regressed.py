"""Every item regressed on its strongest neighbours alone: the relatives of EASE for large catalogues.

U users, N items, M neighbours, B items in work at once.
"""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shelfspace.config import Range
from shelfspace.linear.counts import Floats, decay, item_degree, latest_matrix, power
from shelfspace.linear.itemwise import SparseWeights
from shelfspace.linear.neighbourhoods import nearest, neighbourhoods
from shelfspace.linear.retriever import Arrays
from shelfspace.linear.trending import Trending
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import History


@dataclass(kw_only=True)
class Regressed(Trending):
    """W = D_i^-source · B · D_i^(source − target), column j of B: item j regressed on its neighbours.

    A = D_u^-user · X · D_i^-source, where X holds each user's items, weighed and aged; an item's neighbours
    are those with the greatest cosines between columns of A. How one item is regressed is a subclass's.

    Args:
        fit_half_life: the age at which an event counts half in the fit, in days or steps.
        user: the exponent of the user's degree: high keeps heavy users from drowning the rest.
        source: the exponent of the item's degree inside the regression: high regularises the popular more.
        target: the exponent of the scored item's degree: high favours what is rare; needs no refit.
        neighbours: how many neighbours an item is regressed on; fewer where several tie at the border.

    Cost: a sparse product of A with itself, a millisecond for each item's Gram matrix of 100 neighbours, and
    the regressions; 8 bytes a weight that is not 0.
    """

    REFIT_FREE: ClassVar[frozenset[str]] = Trending.REFIT_FREE | {"target"}

    fit_half_life: Annotated[float, Range(1.0, 3000.0, log=True)] = 60.0
    user: Annotated[float, Range(0.0, 0.6)] = 0.3
    source: Annotated[float, Range(0.0, 0.5)] = 0.3
    target: Annotated[float, Range(-0.4, 0.4)] = 0.0
    neighbours: int = 100
    degree: Floats = field(init=False, repr=False)

    def fit(self, history: History, catalogue: Catalogue) -> Self:
        """Find the neighbours, then solve the regressions a block of items at a time."""
        self.learn_trend(history)
        degree = item_degree(history)
        taken = latest_matrix(history, history.weight * decay(history.age(), self.fit_half_life))
        by_user, by_item = power(history.lengths(), -self.user), power(degree, -self.source)
        taken.data *= np.repeat(by_user, np.diff(taken.indptr)) * by_item[taken.indices]
        size = history.num_items
        rows, columns, values = [np.zeros(0, np.int32)], [np.zeros(0, np.int32)], [np.zeros(0, np.float32)]
        for block in neighbourhoods(taken, nearest(taken, self.neighbours)):
            solved = self.solved(block.gram, block.with_item)
            case, place = np.nonzero((block.near >= 0) & (solved != 0))
            rows.append(block.near[case, place])
            columns.append(block.item[case])
            values.append(solved[case, place])
        row, column, value = np.concatenate(rows), np.concatenate(columns), np.concatenate(values)
        value = value * by_item[row] * power(degree, self.source)[column]
        self.weights = SparseWeights(sparse.csr_array((value, (row, column)), shape=(size, size)))
        self.degree = degree.astype(np.float32)
        return self

    def solved(self, gram: Floats, with_item: Floats) -> Floats:
        """Return the weights of B items' neighbours, float32 [B, M], from [B, M, M] and [B, M].

        Places without a neighbour are 0 in both.
        """
        raise NotImplementedError

    def arrays(self) -> Arrays:
        """Return the weights, the trend and the items' degrees."""
        return super().arrays() | {"degree": self.degree}

    def restore(self, arrays: Arrays) -> Self:
        """Take them back."""
        self.degree = arrays["degree"].astype(np.float32)
        return super().restore(arrays)

    def _gain(self) -> Floats:
        gain: Floats = super()._gain() * power(self.degree, -self.target)
        return gain


def diagonal(gram: Floats) -> npt.NDArray[np.float32]:
    """Return the diagonals of B matrices, a view [B, M] that can be written to."""
    view: npt.NDArray[np.float32] = np.einsum("bmm->bm", gram)
    return view
