"""One list from candidates with scores: what is pinned, what a group may have, how alike, how much is left to chance.

n candidates, k places, D embedding_dim.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from shelfspace.reranking.diversity import Diversify, Floats, Worth, worth
from shelfspace.reranking.exploring import explored
from shelfspace.reranking.exposure import Counted, Share, best_of_each, strata

Rows = npt.NDArray[np.int64]

POOL = 10
"""The best candidates that a list is made from: so many times its places, and of every group as many as places."""

LEAST_POOL = 100

BEYOND = 2000
"""Of long lists the pool is longer by so many at most."""

EXPLORED = 3
"""What is left to chance is drawn from the best candidates, so many times the places, and from what the list holds: the
fewer there are, the more often a log shows each of them."""


@dataclass(frozen=True)
class Arranged:
    """A list: candidates in order, int64 [k]; the chance of each to stand there, float64 [k]; what must be told."""

    order: Rows
    propensity: Floats
    notes: list[str] = field(default_factory=list)


def pool_size(k: int) -> int:
    """Return how many candidates a list of k places is made from at least, where there are so many."""
    return max(min(POOL * k, k + BEYOND), LEAST_POOL)


def arranged(
    values: Floats,
    k: int,
    *,
    vectors: npt.NDArray[np.float32] | None = None,
    pins: Mapping[int, int] | None = None,
    shares: Sequence[Share] = (),
    diversity: float = 0.0,
    diversify: Diversify = "mmr",
    explore: float = 0.0,
    rng: np.random.Generator | None = None,
) -> Arranged:
    """Return a list of k, or of as many candidates as there are.

    Args:
        values: float64 [n], what each is worth, boosts included; higher is better; a pinned one may be -inf.
        k: places.
        vectors: float32 [n, D], unit length or 0, for diversity.
        pins: place, from 0 -> candidate. Pins beyond the last place stand at the last places there are.
        shares: caps and floors of groups; pins count, and are not moved by them.
        diversity: 0 (relevance alone) to 1.
        diversify: by which of the two it is measured.
        explore: the chance that a place which is not pinned is left to chance.
        rng: draws; needed to explore.

    Cost: O(n log n), and for each place O(n), with diversity O(n D).
    """
    chosen = _pool(values, k, pins or {}, shares)
    at = {int(old): new for new, old in enumerate(chosen)}
    places = _places({place: at[old] for place, old in (pins or {}).items()}, min(k, len(chosen)))
    shares = [share.of(chosen) for share in shares]
    some, counted = values[chosen], Counted(shares, k)
    finite = np.isfinite(some)
    some = np.where(finite, some, some[finite].min() if finite.any() else 0.0)
    next_worth = worth(some, None if vectors is None else vectors[chosen], diversity, diversify)
    order = _filled(places, min(k, len(chosen)), len(chosen), next_worth, counted)
    chance = np.ones(len(order))
    if explore > 0.0 and rng is not None:
        fixed = np.isin(np.arange(len(order)), list(places))
        alike = strata(shares, len(chosen), k)
        far = np.arange(len(chosen)) >= EXPLORED * k
        far[order] = False
        alike[far] = -1  # in the stratum of no place
        order, chance = explored(order, alike, fixed, explore, rng)
    return Arranged(chosen[order], chance, list(counted.notes()))


def _pool(values: Floats, k: int, pins: Mapping[int, int], shares: Sequence[Share]) -> Rows:
    """Return the candidates that a list may be made from, the best first; equal ones in the order they came."""
    order = np.argsort(-values, kind="stable")
    good = np.zeros(len(values), bool)
    good[order[: pool_size(k)]] = True
    if shares:
        good |= best_of_each(order, shares, k)
    good[list(pins.values())] = True
    found: Rows = order[good[order]]
    return found


def _places(pins: Mapping[int, int], size: int) -> dict[int, int]:
    """Return the pins at places that there are; those beyond stand at the last ones, in their order."""
    inside = {place: candidate for place, candidate in pins.items() if place < size}
    free = sorted(set(range(size)) - set(inside))
    beyond = [pins[place] for place in sorted(pins) if place >= size]
    return inside | dict(zip(free[len(free) - len(beyond) :], beyond, strict=False))


def _filled(places: Mapping[int, int], size: int, num: int, next_worth: Worth, counted: Counted) -> Rows:
    free, order = np.ones(num, bool), np.empty(size, np.int64)
    for candidate in places.values():
        free[candidate] = False
        counted.take(candidate)
        next_worth.take(candidate)
    left = size - len(places)
    for place in range(size):
        if place in places:
            order[place] = places[place]
            continue
        good = counted.open(free, left)
        best = int(np.argmax(np.where(good, next_worth.values(), -np.inf)))
        order[place], free[best], left = best, False, left - 1
        counted.take(best)
        next_worth.take(best)
    return order
