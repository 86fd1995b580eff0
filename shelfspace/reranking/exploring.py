"""Places given to chance, with the exact chance of what stands there. n candidates, k places.

Each place is explored with chance `explore`, independently. Places not explored keep their candidate; those explored
are drawn without replacement, uniformly from the candidates that stand at no kept place. Where only candidates of one
stratum may change places, that is done in each stratum by itself.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.stats import binom

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]


def explored(
    order: Rows, strata: Rows, fixed: npt.NDArray[np.bool_], explore: float, rng: np.random.Generator
) -> tuple[Rows, Floats]:
    """Return a drawn list and the chance of each of its candidates to stand where it stands.

    Args:
        order: int64 [k], the list that would be shown: candidates, best first.
        strata: int64 [n], candidates that may change places.
        fixed: bool [k], places that are not explored.
        explore: the chance that a place is.
        rng: draws.

    Returns:
        int64 [k] and float64 [k]: marginal chances over all that may be drawn, not those given the places above, as
        estimators by item and place need (Li et al. 2018). O(n + k).

    References:
        Li, Abbasi-Yadkori, Kveton, Muthukrishnan, Vinay, Wen. Offline evaluation of ranking policies with click models.
        KDD 2018.
    """
    drawn, chance = order.copy(), np.ones(len(order))
    held = np.zeros(len(strata), bool)
    held[order[fixed]] = True
    of_place = strata[order]
    for stratum in sorted(set(of_place[~fixed].tolist())):
        places = np.flatnonzero(~fixed & (of_place == stratum))
        pool, listed = (strata == stratum) & ~held, np.zeros(len(strata), bool)
        listed[order[places]] = True
        moved = rng.random(len(places)) < explore
        left = pool.copy()
        left[order[places[~moved]]] = False
        drawn[places[moved]] = rng.permutation(np.flatnonzero(left))[: int(moved.sum())]
        stays, other_place, elsewhere = chances(int(pool.sum()), len(places), explore)
        shown = drawn[places]
        chance[places] = np.where(
            shown == order[places], stays, np.where(listed[shown], other_place, elsewhere)
        )
    return drawn, chance


@lru_cache(maxsize=4096)
def chances(pool: int, places: int, explore: float) -> tuple[float, float, float]:
    """Return the chance of a place to show its own candidate, one of another place, and one of no place.

    With s of the k places explored, each of the n - k + s that may be drawn is as likely as another; s follows a
    binomial, given that the place itself (and, for a candidate of another place, that one too) is explored.
    """
    outside = pool - places

    def one_in(given: int) -> float:
        """Return the mean of 1 / (n - k + s) where `given` of the explored are known."""
        if places < given:
            return 0.0
        s = np.arange(given, places + 1)
        return float((binom.pmf(s - given, places - given, explore) / (outside + s)).sum())

    drawn = explore * one_in(1)
    return 1.0 - explore + drawn, explore * explore * one_in(2), drawn if outside else 0.0
