"""How sure a pair is without labels."""

import numpy as np
import pytest

from shelfspace.matching.two_groups import TwoGroups


@pytest.mark.parametrize("matches", [0, 50, 200, 950, 1000])
def test_the_share_and_the_stated_precision_are_near_the_truth(matches: int):
    rng = np.random.default_rng(matches)
    null = rng.normal(0.3, 0.1, 2000)
    scores = np.concatenate([rng.normal(0.8, 0.1, matches), rng.normal(0.3, 0.1, 1000 - matches)])
    true = np.arange(1000) < matches
    found = TwoGroups.fit(scores, null)
    assert found.share_null == pytest.approx(1 - matches / 1000, abs=0.06)
    chance = found.chance_of(scores)
    said = chance >= 0.5
    if matches:
        assert true[said].mean() == pytest.approx(chance[said].mean(), abs=0.05)
        assert said[true].mean() > 0.9
    else:
        assert said.mean() < 0.03


def test_the_chance_only_rises_with_the_score():
    rng = np.random.default_rng(0)
    found = TwoGroups.fit(rng.random(300), rng.random(300) * 0.8)
    assert (np.diff(found.chance_of(np.linspace(-1, 2, 200))) >= 0).all()


def test_rivals_are_none_even_where_every_chosen_pair_is_a_match():
    rng = np.random.default_rng(0)
    found = TwoGroups.fit(rng.normal(0.8, 0.05, 200), rng.normal(0.3, 0.05, 200))
    assert found.chance_of(np.array([0.3, 0.8])).round(2).tolist() == [0.0, 1.0]


def test_of_few_pairs_the_score_is_the_chance_and_without_pairs_nothing_is_asked():
    few = TwoGroups.fit(np.array([0.9, 0.4]), np.array([0.1]))
    assert few.chance_of(np.array([0.1, 0.9, 1.2])).tolist() == [0.1, 0.9, 1.0]
    assert TwoGroups.fit(np.zeros(0), np.zeros(0)).chance_of(np.zeros(0)).tolist() == []
