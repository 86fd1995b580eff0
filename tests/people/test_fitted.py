"""Settings that cannot be meant."""

import pytest

from shelfspace.errors import ConfigError
from shelfspace.newcomers.fitted import Newcomers
from shelfspace.people.fitted import People


@pytest.mark.parametrize("hidden", [0.0, -0.1, 0.5, float("nan")])
def test_something_is_hidden_and_something_is_left(hidden: float):
    for section in (People, Newcomers):
        with pytest.raises(ConfigError, match=r"hidden = .* is out of range"):
            section(hidden=hidden)


def test_weights_spans_and_counts_are_what_they_can_be():
    with pytest.raises(ConfigError, match="items = -1"):
        People(items=-1.0)
    with pytest.raises(ConfigError, match="max_cases = 0"):
        Newcomers(max_cases=0)
    with pytest.raises(ConfigError, match="half_life = 0"):
        Newcomers(half_life=0.0)
