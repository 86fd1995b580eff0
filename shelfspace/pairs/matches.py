"""Two listings that were said to be the same product. R rows of matches."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shelfspace.pairs.groups import Groups, OfGroups
from shelfspace.pairs.pairs import Sources


@dataclass(kw_only=True)
class Matches(OfGroups):
    """Two listings labelled as one product, in either order; every labelled pair alike often.

    Only items known at `history.now`. `num_unknown` says how many true pairs were left out because the catalogue
    lacks one of the ids.

    Cost: O(R log R) to learn; O(log R) a pair.

    Source: Mudgal et al. 2018 (labelled pairs of listings).

    Use it where a person, or an earlier run, said what is the same. Where rows have a `split`, those of `train` and
    those without one are learnt from; the rest is held out.
    """

    def learn(self, sources: Sources, *, seed: int = 0) -> Self:
        """Take the pairs with a true label."""
        known, ids, table = sources.known(), sources.catalogue.ids, sources.matches
        left = right = np.zeros(0, np.int64)
        if table is not None and table.num_rows:
            table = table.filter(pc.fill_null(table["label"].cast(pa.bool_()), False))
            if "split" in table.column_names:
                table = table.filter(pc.equal(pc.fill_null(table["split"], "train"), "train"))
            left, right = (
                ids.rows(table[side].cast(pa.string())).astype(np.int64) for side in ("left_id", "right_id")
            )
        given = (left >= 0) & (right >= 0)
        self.num_unknown = int(np.count_nonzero(~given))
        left, right = left[given], right[given]
        pair = np.unique(np.minimum(left, right) * len(known) + np.maximum(left, right))
        both = np.stack([pair // max(len(known), 1), pair % max(len(known), 1)])
        both = both[:, known[both].all(axis=0)]
        number = np.arange(both.shape[1])
        groups = Groups.of(np.concatenate([number, number]), both.ravel(), None, num_items=len(known))
        self.take(sources, groups, 1.0)
        return self
