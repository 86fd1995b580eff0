"""Two items that share a value of a column: a brand, a colour, any attribute. N items, M values of all items."""

from dataclasses import dataclass
from typing import Annotated, Self

import numpy as np
import numpy.typing as npt

from shelfspace.config import Range
from shelfspace.pairs.checks import above_zero, exponents
from shelfspace.pairs.groups import Groups, OfGroups
from shelfspace.pairs.pairs import Sources
from shelfspace.pairs.tags import tags, without_common
from shelfspace.shop.catalogue import Catalogue

Ints = npt.NDArray[np.int64]


@dataclass(kw_only=True)
class Attribute(OfGroups):
    """Two different items with the same value in a column, drawn by value with P ∝ (items that have it)^power.

    Only items known at `history.now`, whether or not anybody took them. Values of one item are left out. A
    shop without the column has no such pairs.

    Args:
        column: of the catalogue: a value for each item, or a list of values.
        power: 2: every pair of items about alike, so that the largest values dominate; 1: every item; 0: every
            value.
        max_share: values that a larger share of the known items has are left out: they say nothing.

    Cost: O(M log M) to learn, some 45 bytes a value; O(log M) a pair.

    Raises:
        ConfigError: a setting that cannot be meant.

    Use it for items that nobody took yet: it teaches what the shop's own words for likeness mean.
    """

    column: str = "brand"
    power: Annotated[float, Range(0.0, 1.0)] = 0.5
    max_share: float = 0.5

    def __post_init__(self) -> None:
        exponents(power=self.power)
        above_zero(max_share=self.max_share)

    def learn(self, sources: Sources, *, seed: int = 0) -> Self:
        """Group the known items by value."""
        item, value = self.values(sources.catalogue)
        known = sources.known()
        value, item = without_common(
            value[known[item]],
            item[known[item]],
            most=self.max_share * np.count_nonzero(known),
            num_items=len(known),
        )
        self.take(sources, Groups.of(value, item, None, num_items=len(known)), self.power)
        return self

    def values(self, catalogue: Catalogue) -> tuple[Ints, Ints]:
        """Return the item and the number of the value, int64 [M] each."""
        return tags(catalogue.column(self.column))
