import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelfspace.errors import ConfigError
from shelfspace.pairs.pairs import Pairs
from shelfspace.pairs.propensity import Propensity

COUNTS = st.lists(st.integers(0, 10**6), min_size=1, max_size=20)


@given(COUNTS, st.floats(0, 1), st.floats(1, 100))
def test_weights_are_the_clipped_inverse_with_a_mean_of_one_over_what_is_drawn(counts, power, clip):
    weight = Propensity(power=power, clip=clip).learn(np.array(counts)).weight
    assert weight.dtype == np.float32
    if not any(counts):
        assert np.isfinite(weight).all()
        return
    naive = [min((n / max(counts)) ** -power, clip) if n else (clip if power else 1.0) for n in counts]
    np.testing.assert_allclose(weight, np.array(naive) / np.average(naive, weights=counts), rtol=1e-5)
    np.testing.assert_allclose(np.average(weight, weights=counts), 1.0, rtol=1e-5)


def test_the_whole_inverse_makes_every_item_count_alike():
    counts = np.array([8, 2, 1])
    weight = Propensity(power=1.0, clip=100.0).learn(counts).weight
    np.testing.assert_allclose(weight * counts, np.full(3, 11 / 3), rtol=1e-6)


def test_pairs_are_weighed_by_their_positive():
    propensity = Propensity(power=1.0, clip=100.0).learn(np.array([8, 2]))
    pairs = Pairs("item", *np.array([[1, 0, 1], [0, 1, 1]], np.int32), np.array([1, 1, 3], np.float32))
    weighed = propensity.weigh(pairs)
    np.testing.assert_allclose(weighed.weight, propensity.weight[[0, 1, 1]] * [1, 1, 3])
    assert weighed.anchor is pairs.anchor


@pytest.mark.parametrize("settings", [{"power": -1.0}, {"clip": 0.5}, {"clip": float("nan")}])
def test_settings_that_cannot_be_meant(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        Propensity(**settings)


def test_a_shop_without_items():
    assert Propensity().learn(np.zeros(0)).weight.shape == (0,)
