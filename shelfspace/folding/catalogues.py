"""The catalogue with what was put, changed and taken out; and where listings lie. N items before, D numbers."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shelfspace.encode.towers import Towers
from shelfspace.folding.gathered import Gathered
from shelfspace.linear.vectors import Listed
from shelfspace.live.listings import Changed, changed
from shelfspace.live.placing import placed
from shelfspace.shop.catalogue import Catalogue
from shelfspace.stored import Contents

Floats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Stock:
    """The items as they are now.

    catalogue: rows of before stay where they were, new ones follow;  changed: what was put, None: nothing;
    gone: bool, the items that no answer may name, None: none;  taken: bool [N], what shoppers took before;
    num_deleted: how many are gone that were not.
    """

    catalogue: Catalogue
    changed: Changed | None
    gone: Flags | None
    taken: Flags
    num_deleted: int

    @classmethod
    def of(cls, space: Contents, found: Gathered) -> "Stock":
        """Put listings into the catalogue of a space."""
        catalogue, what, history = space.catalogue, None, space.history
        if found.listings:
            at = history.now if history.now is not None else -np.inf
            catalogue, what = changed(catalogue, found.listings, at)
        before = np.zeros(len(catalogue), bool)
        if space.gone is not None:
            before[: len(space.gone)] = space.gone
        gone = before.copy()
        if what is not None:
            gone[what.rows] = False
        rows = catalogue.ids.rows(list(found.deleted))
        gone[rows[rows >= 0]] = True
        taken = np.bincount(history.item, minlength=len(space.catalogue)) > 0
        flags = gone if gone.any() or space.gone is not None else None
        return cls(catalogue, what, flags, taken, int((gone & ~before).sum()))

    @property
    def num_new(self) -> int:
        """How many items are new."""
        return 0 if self.changed is None else int(self.changed.is_new.sum())

    @property
    def num_changed(self) -> int:
        """How many items say something else than before."""
        return 0 if self.changed is None else len(self.changed.rows) - self.num_new

    def placed(self, reads: Towers | Listed | None, old: Floats) -> Floats:
        """Return where all items lie: what did not change where it lay, to the last bit.

        Where nothing reads listings, new ones lie nowhere: their vector is 0.
        """
        if self.changed is None:
            return old
        what = self.changed
        found = np.zeros((len(self.catalogue), old.shape[1]), np.float32)
        found[: len(old)] = old
        if reads is None:
            return found
        before, taken = found[what.rows], np.zeros(len(what.rows), bool)
        taken[~what.is_new] = self.taken[what.rows[~what.is_new]]
        found[what.rows] = placed(reads, what, before, taken)
        return found

    def lengthened(self, values: npt.NDArray[np.generic], fill: float = 0.0) -> npt.NDArray[np.generic]:
        """Return values by item with others behind them for what is new."""
        more = np.full((len(self.catalogue) - len(values), *values.shape[1:]), fill, values.dtype)
        return np.concatenate([values, more]) if len(more) else values
