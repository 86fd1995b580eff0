"""Two items of one category. N items."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt

from shelfspace.config import Range
from shelfspace.pairs.attribute import Attribute
from shelfspace.pairs.checks import at_least
from shelfspace.pairs.tags import paths
from shelfspace.shop.catalogue import Catalogue

Ints = npt.NDArray[np.int64]


@dataclass(kw_only=True)
class Category(Attribute):
    """Two different items whose category paths begin alike, drawn by category with P ∝ size^power.

    Only items known at `history.now`. Categories of one item are left out.

    Args:
        column: where the path from broad to narrow stands.
        power: 1: every item is drawn alike often; 0: every category.
        max_share: categories that hold a larger share of the known items are left out: they say nothing.
        depth: how many steps of the path must be the same, from the broadest; items with fewer steps are left
            out. 0: the whole path.

    Cost, law and errors: those of `attribute`.
    """

    column: str = "category"
    power: Annotated[float, Range(0.0, 1.0)] = 0.5
    depth: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(0, depth=self.depth)

    def values(self, catalogue: Catalogue) -> tuple[Ints, Ints]:
        """Return the item and the number of its category, int64 [M] each."""
        return paths(catalogue.column(self.column), depth=self.depth)
