"""A photo and the item it shows. N items, P further photos."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shelfspace.pairs.drawing import Categorical
from shelfspace.pairs.pairs import Kind, Pairs, Seen, Sources
from shelfspace.pairs.positives import Positives
from shelfspace.pairs.text_photo import there

Rows = npt.NDArray[np.int32]


@dataclass(kw_only=True)
class Photos:
    """The further photos of known items, alike often: the anchor is a photo, the positive its item with all its fields.

    They are those of the table `photos` that can be read. Anchors are rows N + p of the item tower, in which the photo
    alone is there.

    Cost: O(N + P) to learn; O(log P) a pair.

    Source: Khosla et al. 2020 (what shows one thing belongs together); Radford et al. 2021 (a photo against words).

    Use it where products are photographed as shoppers see them: on a shelf, worn, in a hand.
    """

    kind: ClassVar[Kind] = "item"

    def learn(self, sources: Sources, *, seed: int = 0) -> Self:
        """Take the photos of known items that could be read."""
        known, item = sources.known(), sources.photos
        size, self.sources = len(known), sources
        readable = there(sources.fields, self.fields(sources.fields), size + len(item))[size:]
        used = np.flatnonzero((item >= 0) & readable & np.append(known, False)[item])
        self.row, self.item = (size + used).astype(np.int32), item[used]
        self.counts = np.bincount(self.item, minlength=size).astype(np.float64)
        self.law = Categorical(np.ones(len(used)))
        return self

    @staticmethod
    def fields(fields: Mapping[str, Seen]) -> frozenset[str]:
        """Return the fields that read photos."""
        return frozenset(name for name, seen in fields.items() if seen.content == "photo")

    def __len__(self) -> int:
        return len(self.row)

    def draw(self, rng: np.random.Generator, size: int) -> Pairs:
        """Draw B photos."""
        drawn = rng.permutation(self.law.draw(rng, size))
        return Pairs("item", self.row[drawn], self.item[drawn], np.ones(size, np.float32))

    def positives(self) -> "OfPhotos":
        """Return the item of each photo and its duplicates."""
        size = len(self.counts)
        same = Positives.of_items(sparse.csr_array((size, size), dtype=np.float32), self.sources.catalogue)
        return OfPhotos(np.append(np.arange(size, dtype=np.int32), self.sources.photos), same)


@dataclass(frozen=True)
class OfPhotos:
    """What a photo shows. item: int32 [N + P], of each row of the item tower;  same: which items are one product."""

    item: Rows
    same: Positives

    def mark(self, rows: Rows, candidates: Rows) -> npt.NDArray[np.bool_]:
        """Return which candidates are what the rows show, bool [B, M]."""
        return self.same.mark(self.item[rows], candidates)
