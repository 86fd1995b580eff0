"""Which kinds of query get weights of their own in the blend: those that are better off on cases not chosen on.

V validation cases, C candidates of one case, R retrievers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from shelfspace.blend import Own
from shelfspace.evaluation.collecting import Collected, Values
from shelfspace.evaluation.mixing import Mix, Tried, ascend, difference
from shelfspace.slicing import BY_LENGTH, Slice, measured

FOLDS = 4
LEAST_CASES = 120
"""A slice with fewer has the weights of all: there is nothing to choose on."""


def with_slices(
    collected: Collected, mix: Mix, *, k: int, standard_errors: float = 1.0, seed: int = 0
) -> Mix:
    """Return the mix with weights of their own for the slices that gain by them.

    Queries are cut by the length of their history, or else by the age of its last event, whichever gains more. The
    cases of a slice are cut into folds; each fold is scored under weights chosen on the others, beginning with those of
    all. They are kept where the paired difference is above `standard_errors` of it, and above 0; then they are
    chosen again on the whole slice.

    Args:
        collected: the candidates of validation cases.
        mix: the weights of all.
        k: where NDCG is cut.
        standard_errors: see above, and `mix_of`.
        seed: of the folds.

    Cost: up to about three times that of `mix_of`, a third of it where no slice would choose otherwise.
    """
    found = [
        _of(collected, mix, slices, k, standard_errors, seed) for slices in (BY_LENGTH, _by_age(collected))
    ]
    tried = tuple(one for mix_, _ in found for one in mix_.tried)
    best, gain = max(found, key=lambda one: one[1])
    kept = {own.slice.name for own in best.slices} if gain > 0 else set()
    return replace(
        best if gain > 0 else mix, tried=(*mix.tried, *(replace(t, kept=t.name in kept) for t in tried))
    )


def values_of(collected: Collected, mix: Mix, k: int) -> Values:
    """Return NDCG of each case under the weights of a mix and of its slices, float64 [V]."""
    values = collected.ndcg(collected.weighed(_array(collected, mix.weights)), k)
    for own in mix.slices:
        rows = _rows(collected, own.slice)
        some = collected.take(rows)
        values[rows] = some.ndcg(some.weighed(_array(collected, own.weights)), k)
    return values


def _of(
    collected: Collected, mix: Mix, slices: Sequence[Slice], k: int, standard_errors: float, seed: int
) -> tuple[Mix, float]:
    """Return the mix with weights for some of these slices, what was tried, and the gain in all over the cases."""
    weights = _array(collected, mix.weights)
    values = collected.ndcg(collected.weighed(weights), k)
    owns, tried, gain = list[Own](), list[Tried](), 0.0
    for part in slices:
        rows = _rows(collected, part)
        if not LEAST_CASES <= len(rows) < len(collected):
            continue
        some = collected.take(rows)
        chosen = ascend(some, weights, _order(weights), k, standard_errors)
        if np.array_equal(chosen, weights):  # where they were chosen nothing was better: no need to hold out
            tried.append(Tried(part.name, len(rows), 0.0, 0.0, kept=False))
            continue
        mean, error = difference(_held_out(some, weights, k, standard_errors, seed), values[rows])
        kept = mean > standard_errors * error and mean > 0
        tried.append(Tried(part.name, len(rows), mean, error, kept))
        if kept:
            owns.append(Own(part, dict(zip(collected.names, chosen.tolist(), strict=True))))
            values[rows] = some.ndcg(some.weighed(chosen), k)
            gain += mean * len(rows)
    return replace(mix, slices=tuple(owns), ndcg=float(values.mean()), tried=tuple(tried)), gain


def _held_out(
    some: Collected, weights: npt.NDArray[np.float64], k: int, standard_errors: float, seed: int
) -> npt.NDArray[np.float64]:
    """Return NDCG of each case under weights chosen on the other folds, float64 [V]."""
    fold = np.random.default_rng(seed).permutation(len(some)) % FOLDS
    values = np.zeros(len(some))
    for f in range(FOLDS):
        chosen = ascend(some.take(np.flatnonzero(fold != f)), weights, _order(weights), k, standard_errors)
        held = some.take(np.flatnonzero(fold == f))
        values[fold == f] = held.ndcg(held.weighed(chosen), k)
    return values


def _rows(collected: Collected, part: Slice) -> npt.NDArray[np.intp]:
    return np.flatnonzero(np.concatenate([part.holds(queries) for queries in collected.queries]))


def _array(collected: Collected, weights: Mapping[str, float]) -> npt.NDArray[np.float64]:
    return np.asarray([weights[name] for name in collected.names])


def _order(weights: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    return np.argsort(-weights, kind="stable")


def _by_age(collected: Collected) -> tuple[Slice, ...]:
    """Return two slices by the age of the last event, cut at its median over the cases, to two digits."""
    ages = np.concatenate([measured(queries, "age") for queries in collected.queries])
    known = ages[~np.isnan(ages)]
    if not len(known) or known.max() <= 0:
        return ()
    middle = float(f"{np.median(known):.2g}")
    return (Slice("age", 0.0, middle), Slice("age", middle, np.inf))
