"""The moment that a question is asked at."""

from datetime import UTC, datetime

from shelfspace.errors import InputError
from shelfspace.shop.history import Clock


def moment_of(text: str, clock: Clock) -> float:
    """Return a time written as ISO text in days since 1970 (UTC), or a number where the shop counts steps.

    Raises:
        InputError: it cannot be read.

    Example:
        >>> moment_of("1970-01-02T12:00", "calendar")
        1.5
    """
    if clock == "steps":
        try:
            return float(text)
        except ValueError:
            raise InputError(f"at = {text!r}: this shop's times are steps; give a number") from None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"at = {text!r} is not a time; write it as 2011-12-09T12:50") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() / 86_400.0
