"""Two different items of one session. E events."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shelfspace.pairs.basket import Basket
from shelfspace.pairs.checks import above_zero
from shelfspace.shop.cooccurrence import groups
from shelfspace.shop.history import History


@dataclass(kw_only=True)
class Session(Basket):
    """Two different items of one session: what is looked at together, often instead of each other.

    An event that names its basket or session belongs to it; the others are cut into sessions where their user
    was away for longer than `session_gap`. Without times only named sessions are used.

    Args:
        power: the exponent of the event's weight.
        half_life: the age, in days or steps, at which an event counts half.
        group_power: 1: each item of each session is drawn alike often; 0: each session.
        mask_lift: `positives` lists items that are taken together at least so many times as often as chance would
            have it; 0: all that ever were, which in a shop with large baskets leaves popular items no negatives.
        session_gap: days (or steps) without an event that end a session; by default 30 minutes.

    Cost, law and errors: those of `basket`.

    Source: Grbovic and Cheng 2018 (listings of one search session).
    """

    session_gap: float = 30 / 1440

    def __post_init__(self) -> None:
        super().__post_init__()
        above_zero(session_gap=self.session_gap)

    def group_of(self, history: History) -> npt.NDArray[np.int64]:
        """Return the session of each event, -1 where it has none, int64 [E]."""
        session = history.basket.astype(np.int64)
        unnamed = session < 0
        if history.clock == "none" or not unnamed.any():
            return session
        by_time = groups(history.keep(unnamed), window="session", gap=self.session_gap)
        session[unnamed] = by_time + session.max() + 1
        return session
