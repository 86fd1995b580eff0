"""Checks of settings, with messages that name them."""

from shelfspace.errors import ConfigError


def at_least(least: float, **settings: float) -> None:
    """Refuse settings below a bound, and what is no number. Infinity is allowed: it switches decay off.

    Raises:
        ConfigError: naming the setting.
    """
    for name, value in settings.items():
        if not value >= least:
            raise ConfigError(f"{name} = {value!r} must be at least {least:g}")


def above_zero(**settings: float) -> None:
    """Refuse settings that are not above 0. Infinity is allowed.

    Raises:
        ConfigError: naming the setting.
    """
    for name, value in settings.items():
        if not value > 0:
            raise ConfigError(f"{name} = {value!r} must be above 0")


def exponents(**settings: float) -> None:
    """Refuse exponents that are below 0 or not finite.

    Raises:
        ConfigError: naming the setting.
    """
    for name, value in settings.items():
        if not 0 <= value < float("inf"):
            raise ConfigError(f"{name} = {value!r} must be a number from 0")
