"""What the settings of objectives and negatives must hold. Without torch."""

import math

from shelfspace.errors import ConfigError


def above(least: float, **settings: float) -> None:
    """Raise ConfigError naming the first setting that is not a finite number above `least`."""
    for name, value in settings.items():
        if not least < value < math.inf:
            raise ConfigError(f"{name} = {value} must be above {least:g}")


def at_least(least: float, **settings: float) -> None:
    """Raise ConfigError naming the first setting that is not a finite number of at least `least`."""
    for name, value in settings.items():
        if not least <= value < math.inf:
            raise ConfigError(f"{name} = {value} must be at least {least:g}")
