"""Labels that are probably wrong."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shelfspace.classifying.labels import Classes
from shelfspace.classifying.suspects import suspects

FOUR = Classes((("a",), ("a", "x"), ("b",), ("c",)))


def naive(chance: np.ndarray, code: np.ndarray) -> dict[int, int]:
    """Return the suspicious listings and what each more likely is, one by one."""
    mean = {
        c: np.mean([chance[n, c] for n in range(len(code)) if code[n] == c])
        for c in set(code.tolist()) - {-1}
    }
    found = {}
    for n, own in enumerate(code.tolist()):
        if own < 0:
            continue
        passing = [c for c in mean if c != own and chance[n, c] >= mean[c]]
        if not passing:
            continue
        best = max(passing, key=lambda c: chance[n, c])
        if chance[n, best] > chance[n, own] and {best, own} != {0, 1}:
            found[n] = best
    return found


@given(seed=st.integers(0, 500), num=st.integers(1, 60))
def test_they_are_those_of_the_definition_ranked_by_margin(seed: int, num: int):
    rng = np.random.default_rng(seed)
    chance, code = rng.dirichlet([0.5] * 4, size=num), rng.integers(-1, 4, size=num)
    found = suspects(FOUR, chance, code)
    assert dict(zip(found.row.tolist(), found.likely.tolist(), strict=True)) == naive(chance, code)
    margin = found.chance - found.given_chance
    assert (np.diff(margin) <= 1e-12).all()
    assert (found.given == code[found.row]).all()


def test_planted_errors_are_found():
    rng = np.random.default_rng(0)
    truth = rng.integers(4, size=400)
    chance = np.full((400, 4), 0.04)
    chance[np.arange(400), truth] = 0.88
    code, wrong = truth.copy(), np.flatnonzero((truth >= 2) & (rng.random(400) < 0.1))
    code[wrong] = 5 - truth[wrong]
    assert sorted(suspects(FOUR, chance, code).row.tolist()) == wrong.tolist()
