"""The protocols: who is asked what, and what may be known when they are asked.

Each protocol cuts a shop's history into two blocks, validation and test. Everything fitted sees a block's
`fit` only.
"""

from collections.abc import Callable

import numpy as np

from shelfspace.errors import ConfigError, InputError, did_you_mean
from shelfspace.shop import protocols
from shelfspace.shop.cases import Blocks, Cases
from shelfspace.shop.shop import Shop

__all__ = ["PROTOCOLS", "Blocks", "Cases", "possible_protocols", "split"]

PROTOCOLS = {
    "time": "The events are cut by time; users are asked for items of the last tenth that are new to them.",
    "time-any": "The events are cut by time; users are asked for all items of the last tenth, with repeats.",
    "leave-one-out": "Each user is asked for their last item; settings are chosen on the last but one.",
    "split": "The shop's own test part is asked for; settings are chosen on a tenth of the other items.",
    "random": "A tenth of each user's items, drawn at random, is asked for.",
    "cold-items": "A tenth of the items is held out with all its events; only these items are candidates.",
    "cold-users": "A tenth of the users is held out; seen their earlier half, the rest is asked for.",
}
"""The protocols by name, each with a sentence that says what it asks."""

_NEED_ORDER = ("time", "time-any", "leave-one-out")


def possible_protocols(shop: Shop) -> tuple[str, ...]:
    """Return the protocols that a shop's data allow: no time, no cut by time; no test part, no `split`."""
    lacking = set() if shop.history.clock != "none" else set(_NEED_ORDER)
    lacking |= {"split"} if shop.held_out is None else set()
    return tuple(name for name in PROTOCOLS if name not in lacking)


def split(shop: Shop, protocol: str = "time", *, seed: int = 0, share: float = 0.1) -> Blocks:
    """Cut a shop into what may be learnt from and what is asked, by a protocol of `PROTOCOLS`.

    Cases are named users. Only where the shop has none, a case is an anonymous basket or session: all its
    events but the last are its history and its last item is what is asked for; those of one event cannot be
    asked.

    Args:
        shop: the clean shop.
        protocol: `time` and `time-any` cut at the times nearest to 80 % and 90 % of the events, events of one
            instant on one side; validation fits on what is before the first cut and asks for what is between
            the two, test fits on all before the second and asks for what is after it. `leave-one-out` fits
            both blocks on all but each user's last two events. See `PROTOCOLS` for the others.
        seed: for the protocols that draw at random.
        share: the part of items or users that these hold out, once for validation and once for test.

    Returns:
        The two blocks. O(E log E) time; memory a few times that of the history.

    Raises:
        ConfigError: no such protocol.
        InputError: the shop has no times for it, no test part for `split`, or nobody who could be asked.

    Example:
        >>> blocks = split(shop, "time")  # doctest: +SKIP
        >>> model.fit(blocks.test.fit, shop.catalogue).score(blocks.test.queries)  # doctest: +SKIP
    """
    if protocol not in _SPLITS:
        known = sorted(PROTOCOLS)
        raise ConfigError(f"there is no protocol {protocol!r}{did_you_mean(protocol, known)}; known: {known}")
    possible = possible_protocols(shop)
    if protocol not in possible:
        lacks = "has no test part of its own" if protocol == "split" else "has no times"
        raise InputError(
            f"protocol {protocol!r} cannot be used: this shop {lacks}; possible: {', '.join(possible)}"
        )
    named = len(shop.users)
    rows = np.arange(named or shop.history.num_users, dtype=np.int64)
    blocks = _SPLITS[protocol](protocols.Setting(shop, rows, np.random.default_rng(seed), share), protocol)
    for name, cases in (("validation", blocks.validation), ("test", blocks.test)):
        if not len(cases):
            raise InputError(
                f"protocol {protocol!r} finds nobody to ask in its {name} part ({shop.history.num_events} "
                f"events, {len(rows)} {'users' if named else 'sessions'}, {shop.history.num_items} items): "
                f"{_NEEDS[protocol]}"
            )
    return blocks


_SPLITS: dict[str, Callable[[protocols.Setting, str], Blocks]] = {
    "time": protocols.by_time,
    "time-any": protocols.by_time,
    "leave-one-out": protocols.leave_one_out,
    "split": protocols.own_split,
    "random": protocols.random_items,
    "cold-items": protocols.cold_items,
    "cold-users": protocols.cold_users,
}

_NEEDS = {
    "time": "it needs users who take, after 80 % and after 90 % of all events, an item that is new to them",
    "time-any": "it needs users with events after 80 % and after 90 % of all events",
    "leave-one-out": "it needs users with at least three events whose last two are items new to them",
    "split": "it needs users with at least three items, and test events that are not in the train part",
    "random": "it needs users with at least three different items",
    "cold-items": "it needs users with several items, of which some are drawn and some are not",
    "cold-users": "it needs users with at least two different items",
}
