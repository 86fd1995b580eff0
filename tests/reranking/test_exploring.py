"""The chances of what may be drawn: by counting every draw, and by drawing."""

from collections import Counter
from itertools import permutations, product

import numpy as np
import pytest

from shelfspace.reranking.arranging import arranged
from shelfspace.reranking.exploring import chances, explored
from shelfspace.reranking.exposure import Share, strata


def counted(pool: int, places: int, explore: float) -> dict[tuple[int, int], float]:
    """Return the chance of each candidate at each place; candidate j < places stands at j unless it is explored."""
    found: Counter[tuple[int, int]] = Counter()
    for flags in product([False, True], repeat=places):
        moved = [j for j in range(places) if flags[j]]
        weight = np.prod([explore if flag else 1 - explore for flag in flags])
        left = [c for c in range(pool) if c >= places or flags[c]]
        draws = list(permutations(left, len(moved)))
        for draw in draws:
            shown = list(range(places))
            for place, candidate in zip(moved, draw, strict=True):
                shown[place] = candidate
            for place, candidate in enumerate(shown):
                found[candidate, place] += weight / len(draws)
    return found


@pytest.mark.parametrize(("pool", "places"), [(1, 1), (3, 3), (4, 2), (5, 3), (6, 1)])
@pytest.mark.parametrize("explore", [0.1, 0.5, 1.0])
def test_chances_are_those_counted_over_every_draw(pool, places, explore):
    stays, other_place, elsewhere = chances(pool, places, explore)
    for (candidate, place), chance in counted(pool, places, explore).items():
        wanted = stays if candidate == place else other_place if candidate < places else elsewhere
        assert chance == pytest.approx(wanted, abs=1e-12)
    total = stays + (places - 1) * other_place + (pool - places) * elsewhere
    assert total == pytest.approx(1.0)


def test_drawn_as_often_as_said_with_pins_and_strata():
    order, of = np.array([0, 1, 2, 3]), np.array([0, 0, 1, 0, 0, 1, 0, 1])
    fixed = np.array([False, True, False, False])
    rng, said, seen, repeats = np.random.default_rng(0), {}, Counter(), 4_000
    for _ in range(repeats):
        drawn, chance = explored(order, of, fixed, 0.4, rng)
        assert len(set(drawn)) == 4
        assert drawn[1] == 1
        assert chance[1] == 1.0
        assert np.array_equal(of[drawn], of[order])
        for place, (candidate, one) in enumerate(zip(drawn.tolist(), chance.tolist(), strict=True)):
            seen[candidate, place] += 1
            assert said.setdefault((candidate, place), one) == one
    for key, chance in said.items():
        error = np.sqrt(chance * (1 - chance) / repeats)
        assert abs(seen[key] / repeats - chance) < 5 * error + 1e-9, key


def test_a_group_below_its_cap_changes_places_with_all_others():
    brands = Share("brand", np.array([0, 0, 0, 1, 2, -1]), most=0.5, least=0.0)
    assert strata([brands], 6, 4).tolist() == [1, 1, 1, 0, 0, 0]
    own = Share("own", np.array([-1, 0, -1, -1, -1, -1]), most=1.0, least=0.25)
    assert len(set(strata([brands, own], 6, 4).tolist())) == 3


def test_no_exploring_is_no_chance():
    values = np.arange(20.0)[::-1]
    found = arranged(values, 5, explore=0.0, rng=np.random.default_rng(0))
    assert found.order.tolist() == [0, 1, 2, 3, 4]
    assert found.propensity.tolist() == [1.0] * 5
