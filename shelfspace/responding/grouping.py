"""What makes items and offers alike: levels of the category, the brand. N items, O offers, G groups."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from shelfspace.responding.offers import Offers
from shelfspace.shop.catalogue import Catalogue

Rows = npt.NDArray[np.int32]

LEVELS = 3
"""Of a category's path, from broad to narrow."""


@dataclass(frozen=True)
class Grouping:
    """One way to group items.

    item: int32 [N], the group of each, -1 for none;  share: float64 csr [O, G], what part of an offer is of each;
    main: int32 [O], the group that most of an offer is of, -1 for none.
    """

    name: str
    item: Rows
    share: sparse.csr_array
    main: Rows

    @property
    def size(self) -> int:
        """G."""
        return int(self.share.shape[1])


def groupings(catalogue: Catalogue, offers: Offers) -> Iterator[Grouping]:
    """Yield the groupings that tell items apart."""
    for name, item in _codes(catalogue):
        size = int(item.max(initial=-1)) + 1
        if size < 2:
            continue
        there = np.flatnonzero(item >= 0)
        member = sparse.csr_array((np.ones(len(there)), (there, item[there])), shape=(len(item), size))
        counts = sparse.csr_array(offers.items @ member)
        counts.sort_indices()
        total = np.asarray(counts.sum(axis=1)).ravel()
        some = np.flatnonzero(total > 0)
        main = np.full(len(offers), -1, np.int32)
        main[some] = np.asarray(counts[some].argmax(axis=1)).ravel()
        counts.data /= np.repeat(total, np.diff(counts.indptr))
        yield Grouping(name, item, counts, main)


def _codes(catalogue: Catalogue) -> Iterator[tuple[str, Rows]]:
    path = catalogue.column("category")
    if path is not None:
        lists = path.combine_chunks()
        length = pc.fill_null(pc.list_value_length(lists), 0)
        for level in range(1, LEVELS + 1):
            prefix = pc.binary_join(pc.list_slice(lists, 0, level), "\x1f")
            deep = pc.greater_equal(length, level)
            yield f"category {level}", _coded(pc.if_else(deep, prefix, pa.scalar(None, pa.string())))
    brand = catalogue.column("brand")
    if brand is not None:
        yield "brand", _coded(brand.combine_chunks())


def _coded(texts: pa.Array) -> Rows:
    codes: Rows = pc.fill_null(texts.dictionary_encode().indices, -1).to_numpy(zero_copy_only=False)
    return codes.astype(np.int32)
