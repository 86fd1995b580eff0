"""An item by what is written of it, and the same item by its photo. N items."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import numpy.typing as npt

from shelfspace.errors import ConfigError
from shelfspace.pairs.drawing import Categorical
from shelfspace.pairs.pairs import Seen, Shown, Sources
from shelfspace.pairs.two_views import TwoViews


@dataclass(kw_only=True)
class TextPhoto(TwoViews):
    """Every known item that has both, alike often: the anchor is seen by some of its fields, the positive by others.

    Args:
        anchor: the fields by which anchors are seen; empty: those that read text.
        positive: the fields by which positives are seen; empty: those that read photos.

    Cost: O(N) to learn; O(log N) a pair. A step encodes only the fields that are shown.

    Raises:
        ConfigError: a field is on both sides.

    Source: Radford et al. 2021 (CLIP).

    Use it with `infonce` and `symmetric = true`, or `sigmoid`, so that a phrase finds photos and a photo finds words.
    """

    anchor: list[str] = field(default_factory=list)
    positive: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        twice = sorted({*self.anchor} & {*self.positive})
        if twice:
            raise ConfigError(f"positive = {self.positive}: {twice[0]!r} is a field of the anchor already")

    def learn(self, sources: Sources, *, seed: int = 0) -> Self:
        """Take the known items that have a field of each side."""
        self.sources, self.shown = sources, self.sides(sources.fields)
        both = sources.known()
        for side in self.shown:
            both &= there(sources.fields, side, len(both))
        self.counts = both.astype(np.float64)
        self.law = Categorical(self.counts)
        return self

    def sides(self, fields: Mapping[str, Seen]) -> Shown:
        """Return the fields of anchors and of positives, of those that the tower has."""
        chosen = {}
        for content, names in (("text", self.anchor), ("photo", self.positive)):
            chosen[content] = frozenset(
                name for name, seen in fields.items() if (name in names if names else seen.content == content)
            )
        return chosen["text"] - {*self.positive}, chosen["photo"] - {*self.anchor}


def there(fields: Mapping[str, Seen], names: frozenset[str], num_rows: int) -> npt.NDArray[np.bool_]:
    """Return which of the first rows have one of these fields, bool [num_rows]."""
    found = np.zeros(num_rows, bool)
    for name in names:
        found |= fields[name].present[:num_rows]
    return found
