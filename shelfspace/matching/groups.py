"""Groups of listings from pairs of them, guarded against chains. N listings, P pairs."""

import numpy as np
import numpy.typing as npt

from shelfspace.matching.blocking import Pairs
from shelfspace.shop.duplicates import by_appearance

Floats = npt.NDArray[np.float64]


def grouped(pairs: Pairs, chance: Floats, num_listings: int, *, least: float = 0.5) -> npt.NDArray[np.int32]:
    """Return int32 [N], equal within a group, numbered by first appearance.

    Pairs are taken from the likeliest down, and two groups are joined only where the mean chance over all pairs across
    them is at least `least`; a pair that was never compared counts 0. So A like B and B like C do not make one group of
    A and C: a chain of near misses stays apart (average link).

    Args:
        pairs: pairs of the N listings.
        chance: float64 [P], how likely each is a match.
        num_listings: N.
        least: the mean chance that joins.

    Cost: O(P log P) and, at every join, the pairs of the smaller group.

    Example:
        >>> chain = Pairs(np.array([0, 1, 2]), np.array([1, 2, 3]))
        >>> grouped(chain, np.array([0.9, 0.8, 0.9]), 4).tolist()
        [0, 0, 1, 1]
    """
    members = {row: [row] for row in range(num_listings)}
    home = np.arange(num_listings)
    # between any two groups, the sum of the chances of the pairs across them
    across: dict[int, dict[int, float]] = {row: {} for row in range(num_listings)}
    rows = list(zip(pairs.left.tolist(), pairs.right.tolist(), chance.tolist(), strict=True))
    for a, b, p in rows:
        across[a][b] = across[b][a] = p
    for n in np.argsort(-chance, kind="stable").tolist():
        a, b, p = rows[n]
        one, other = int(home[a]), int(home[b])
        if p < least:
            break
        if one == other or across[one].get(other, 0.0) < least * len(members[one]) * len(members[other]):
            continue
        if len(across[one]) < len(across[other]):
            one, other = other, one
        for third, total in across.pop(other).items():
            del across[third][other]
            if third != one:
                across[one][third] = across[third][one] = across[one].get(third, 0.0) + total
        members[one] += members.pop(other)
        home[members[one]] = one
    return by_appearance(home)
