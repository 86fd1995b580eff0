"""Where new and changed listings lie in a space: by its frozen towers, or in closed form. M listings, D numbers."""

import numpy as np
import numpy.typing as npt

from shelfspace.encode.towers import Towers
from shelfspace.inputs.fields import Records
from shelfspace.linear.vectors import Listed, unit_rows
from shelfspace.live.listings import Changed
from shelfspace.shop.catalogue import Catalogue

Floats = npt.NDArray[np.float32]


def placed(reads: Towers | Listed, changed: Changed, old: Floats, taken: npt.NDArray[np.bool_]) -> Floats:
    """Return where listings lie, float32 [M, D], unit length; 0 where nothing that they say is known.

    What shoppers never took lies where its listing does. What they took keeps what they taught, and moves by as much
    as the listing alone would: what only its price or stock changed stays where it was, to the last bit.

    Args:
        reads: what reads listings.
        changed: the listings.
        old: float32 [M, D], where each lay.
        taken: bool [M], whether shoppers took it before the space was made.
    """
    now = listed(reads, changed.after)
    stays = taken & ~changed.is_new
    if not stays.any():
        return now
    then = listed(reads, changed.before)
    same = (now == then).all(axis=1)
    found = np.where(stays[:, None], unit_rows(old + now - then), now)
    kept: Floats = np.where((same & ~changed.is_new)[:, None], old, found).astype(np.float32)
    return kept


def listed(reads: Towers | Listed, listings: Catalogue) -> Floats:
    """Return where listings lie that nobody took, float32 [M, D]."""
    if isinstance(reads, Towers):
        return unit_rows(reads.items(Records.of_catalogue(listings, np.zeros(len(listings)))))
    return reads.vectors(listings)
