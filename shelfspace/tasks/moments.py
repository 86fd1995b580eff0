"""The moment that a question is asked at."""

from datetime import UTC, datetime

from shelfspace.errors import InputError
from shelfspace.shop.history import Clock


def moment_of(value: str | datetime | float, clock: Clock, *, named: str = "at") -> float:
    """Return a time in days since 1970 (UTC), or a number where the shop counts steps.

    Args:
        value: ISO text, a moment, or seconds since 1970; a step where times are an order.
        clock: of the shop.
        named: what messages call it.

    Raises:
        InputError: it cannot be read.

    Example:
        >>> moment_of("1970-01-02T12:00", "calendar")
        1.5
    """
    if clock != "calendar":
        try:
            return float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            raise InputError(f"{named} {value!r}: this shop's times are steps; give a number") from None
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        if not isinstance(moment, datetime):
            moment = datetime.fromtimestamp(moment, UTC)
    except (ValueError, OverflowError, OSError):
        raise InputError(f"{named} {value!r} is not a time; write it as 2011-12-09T12:50") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() / 86_400.0
