"""Labels that are probably wrong. N listings, C classes."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shelfspace.classifying.labels import Classes, Codes

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Suspects:
    """Listings whose label is suspicious, the most first.

    row, given, likely: int64 [S], the listing, its class, and the one that it more likely has;
    chance, given_chance: float64 [S], of the two.
    """

    row: Codes
    given: Codes
    likely: Codes
    chance: Floats
    given_chance: Floats

    def __len__(self) -> int:
        return len(self.row)


def suspects(classes: Classes, chance: Floats, code: Codes) -> Suspects:
    """Return listings that are, by what was not learnt from them, more likely of another class than of their own.

    A class passes where its chance is at least what the listings labelled with it have for it on average. A label is
    suspicious where another class passes and is likelier than the label, and neither is a broader part of the other.
    They are ranked by how much likelier.

    Args:
        classes: C of them.
        chance: float64 [N, C], of models that had not learnt from the listing.
        code: int64 [N], the given class, -1 where there is none.

    Source: Northcutt et al. Confident Learning. 2021.

    Example:
        >>> chance = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.95, 0.05]])
        >>> suspects(Classes((("mug",), ("lamp",))), chance, np.array([0, 0, 1, 1])).row.tolist()
        [3]
    """
    labelled = np.flatnonzero(code >= 0)
    given = code[labelled]
    own = chance[labelled, given]
    size = np.bincount(given, minlength=len(classes))
    mean = np.bincount(given, own, len(classes)) / np.maximum(size, 1)
    among = np.where((chance[labelled] >= mean) & (size > 0), chance[labelled], -1.0)
    among[np.arange(len(labelled)), given] = -1.0
    likely = among.argmax(axis=1)
    best = among[np.arange(len(labelled)), likely]
    odd = np.flatnonzero((best > own) & ~_broader(classes, given, likely))
    odd = odd[np.argsort(own[odd] - best[odd], kind="stable")]
    return Suspects(labelled[odd], given[odd], likely[odd], best[odd], own[odd])


def _broader(classes: Classes, one: Codes, other: Codes) -> npt.NDArray[np.bool_]:
    pairs = zip(one.tolist(), other.tolist(), strict=True)
    paths = [(classes.paths[a], classes.paths[b]) for a, b in pairs]
    return np.array([a == b[: len(a)] or b == a[: len(b)] for a, b in paths], bool)
