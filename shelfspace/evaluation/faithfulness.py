"""Whether an explanation tells what the model does: parts are left out in its order, and the score is watched.

P parts, S coalitions (which parts are there), A outcomes of each, B cases.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from shelfspace.evaluation.intervals import Interval, intervals

Flags = npt.NDArray[np.bool_]
Values = npt.NDArray[np.float64]
Outcome = Callable[[Flags], npt.NDArray[np.floating]]
"""From coalitions, bool [S, P], to the score with only these parts, [S]."""

RANDOM = "random"
SHARES = (0.1, 0.2, 0.5)


def deleted(order: npt.NDArray[np.integer], most: int | None = None) -> Flags:
    """Return what is there when parts are left out one after the other, bool [S, P]: all first, none last.

    Args:
        order: the P parts, the first to be left out first.
        most: no more steps than this, each then of several parts; None: P.

    Example:
        >>> deleted(np.array([1, 0])).tolist()
        [[True, True], [True, False], [False, False]]
    """
    size = len(order)
    steps = min(size, most or size)
    gone = np.rint(np.linspace(0, size, steps + 1)) if size else np.zeros(1)
    rank = np.argsort(order)
    there: Flags = rank[None, :] >= gone[:, None]
    return there


def area(curve: Values) -> float:
    """Return the area under a curve whose points are equally far apart, over a width of 1."""
    return float(np.trapezoid(curve) / max(1, len(curve) - 1))


def deletion_areas(
    outcome: Outcome,
    explanations: Mapping[str, npt.NDArray[np.floating]],
    *,
    draws: int = 10,
    most: int | None = None,
    seed: int = 0,
) -> dict[str, float]:
    """Return the area under the deletion curve of each explanation: the lower, the better it names what counts.

    A curve is the score as parts are left out, the part with the largest amount first, as a share of the score with
    all parts. Beside the explanations stand `random`, the mean over random orders, and `NAME reversed`, the least part
    first; and `NAME comprehensiveness` and `NAME sufficiency`, what is lost of the score without the first 10, 20 and
    50 % of the parts and what is lost with only these, as means. NaN throughout where the score is not above 0.

    Args:
        outcome: asked once, for all curves.
        explanations: amounts [P] by name.
        draws: random orders.
        most: steps of a curve at most.
        seed: of the draws.

    Sources: Samek et al. 2017 (deletion curves); DeYoung et al. 2020 (comprehensiveness, sufficiency).

    Example:
        >>> there = lambda masks: masks @ np.array([3.0, 1.0])
        >>> found = deletion_areas(there, {"own": np.array([3.0, 1.0])})
        >>> found["own"], found["own reversed"]
        (0.375, 0.625)
    """
    size = len(next(iter(explanations.values())))
    orders = {name: np.argsort(-np.asarray(a, np.float64), kind="stable") for name, a in explanations.items()}
    rng = np.random.default_rng(seed)
    asked = {name: deleted(order, most) for name, order in orders.items()}
    asked |= {f"{name} reversed": deleted(order[::-1], most) for name, order in orders.items()}
    asked |= {f"{RANDOM} {n}": deleted(rng.permutation(size), most) for n in range(draws)}
    for name, order in orders.items():
        without = np.stack([np.argsort(order) >= max(1, round(share * size)) for share in SHARES])
        asked |= {f"{name} comprehensiveness": without, f"{name} sufficiency": ~without}
    scores = np.asarray(outcome(np.concatenate(list(asked.values()))), np.float64)
    whole = scores[0]
    shares = scores / whole if whole > 0 else np.full(len(scores), np.nan)
    cuts = np.cumsum([len(some) for some in asked.values()])[:-1]
    curves = dict(zip(asked, np.split(shares, cuts), strict=True))
    lost = ("comprehensiveness", "sufficiency")
    found = {n: float(1 - c.mean()) if n.endswith(lost) else area(c) for n, c in curves.items()}
    drawn = [found.pop(f"{RANDOM} {n}") for n in range(draws)]
    return found | ({RANDOM: float(np.mean(drawn))} if drawn else {})


def compared(cases: Sequence[Mapping[str, float]], *, to: str = RANDOM, seed: int = 0) -> dict[str, Interval]:
    """Return the mean of each figure over the cases, and its difference to one of them, with paired intervals.

    Args:
        cases: figures by name, as `deletion_areas` gives them, the same names in each.
        to: what the others are compared to: the mean of `NAME - to` stands beside that of `NAME`.
        seed: of the resamples.
    """
    columns = {
        name: np.array([case[name] for case in cases], np.float64) for name in (cases[0] if cases else ())
    }
    lost = ("comprehensiveness", "sufficiency")
    differences = {
        f"{name} - {to}": values - columns[to]
        for name, values in columns.items()
        if to in columns and name != to and not name.endswith(lost)
    }
    return intervals(columns | differences, seed=seed)
