"""Pairs that somebody labelled: what `matches` says. P pairs."""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shelfspace.matching.blocking import Pairs
from shelfspace.shop.ids import Ids

FEWEST = 20
"""Labels of each kind that it takes to learn from them."""

_ORDER = {"test": -2, "valid": -1}

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Labelled:
    """Labelled pairs, each once.

    pairs: P pairs of rows;  label: bool [P], whether they are one product;
    split: which part each is in: `train`, `valid` or `test`;  notes: what was left out.
    """

    pairs: Pairs
    label: Flags
    split: npt.NDArray[np.str_]
    notes: tuple[str, ...] = field(default=())

    @classmethod
    def of(cls, matches: pa.Table | None, ids: Ids) -> Self:
        """Read the table `matches`. A pair without a split is for training; `validation` and `dev` are `valid`.

        Pairs that are said to be one product and two are left out, as are those of ids that are not known.
        """
        if matches is None:
            return cls(Pairs(*np.zeros((2, 0), np.int64)), np.zeros(0, bool), np.zeros(0, np.str_))
        left, right = (ids.rows(matches[name].combine_chunks()) for name in ("left_id", "right_id"))
        label = matches["label"].to_numpy(zero_copy_only=False).astype(bool)
        split = np.array([_split(text) for text in _column(matches, "split")], np.str_)
        known = (left >= 0) & (right >= 0) & (left != right)
        ends = np.sort(np.stack([left, right], axis=1)[known], axis=1).astype(np.int64)
        # a pair that stands in several parts is of the one that is furthest from training
        order = np.argsort([_ORDER.get(name, 0) for name in split[known]], kind="stable")
        pairs, first, place = np.unique(ends[order], axis=0, return_index=True, return_inverse=True)
        said = np.bincount(place, label[known][order], len(pairs))
        times = np.bincount(place, minlength=len(pairs))
        clear = (said == 0) | (said == times)
        notes = []
        if gone := int((~known).sum()):
            notes.append(f"left out, of labelled pairs: {gone:,} that name an unknown item, or one twice")
        if gone := int((~clear).sum()):
            notes.append(f"left out, of labelled pairs: {gone:,} that are labelled both ways")
        chosen = Pairs(pairs[clear, 0], pairs[clear, 1])
        return cls(chosen, (said > 0)[clear], split[known][order][first][clear], tuple(notes))

    def __len__(self) -> int:
        return len(self.label)

    def part(self, name: str) -> "Labelled":
        """Return the pairs of one split."""
        kept = self.split == name
        return Labelled(self.pairs.take(kept), self.label[kept], self.split[kept])

    def teaches(self) -> bool:
        """Whether there are enough of both kinds to learn from."""
        return min(int(self.label.sum()), int((~self.label).sum())) >= FEWEST


def _column(table: pa.Table, name: str) -> list[str | None]:
    texts: list[str | None] = (
        table[name].to_pylist() if name in table.column_names else [None] * table.num_rows
    )
    return texts


def _split(text: str | None) -> str:
    name = (text or "train").strip().lower()
    return "valid" if name in ("valid", "validation", "val", "dev") else name
