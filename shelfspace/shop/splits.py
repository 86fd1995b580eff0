"""The protocols: who is asked what, and what may be known when they are asked.

Each protocol cuts a shop's history into two blocks, validation and test. Everything fitted sees a block's
`fit` only.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from shelfspace.errors import ConfigError, InputError, did_you_mean
from shelfspace.shop.cases import Blocks, Cases, cases_of
from shelfspace.shop.history import History
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

Mask = npt.NDArray[np.bool_]

_NEED_ORDER = ("time", "time-any", "leave-one-out")


@dataclass(frozen=True)
class _Setting:
    """What every protocol works on: the shop, who may be a case, and a generator."""

    shop: Shop
    rows: npt.NDArray[np.int64]
    rng: np.random.Generator
    share: float

    @property
    def events(self) -> History:
        return self.shop.history

    def part(self, mask: Mask) -> History:
        """The events where the mask holds, for fitting: asked at the last of them, where times are dates."""
        kept = self.events.keep(mask)
        dated = self.events.clock == "calendar" and kept.num_events > 0
        return replace(kept, now=float(kept.time.max()) if dated else None)


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
    blocks = _SPLITS[protocol](_Setting(shop, rows, np.random.default_rng(seed), share), protocol)
    for name, cases in (("validation", blocks.validation), ("test", blocks.test)):
        if not len(cases):
            raise InputError(
                f"protocol {protocol!r} finds nobody to ask in its {name} part ({shop.history.num_events} "
                f"events, {len(rows)} {'users' if named else 'sessions'}, {shop.history.num_items} items): "
                f"{_NEEDS[protocol]}"
            )
    return blocks


def _time(of: _Setting, protocol: str) -> Blocks:
    first, second = _cuts(of.events.time)
    last = float(of.events.time.max())
    return Blocks(_window(of, protocol, first, second), _window(of, protocol, second, last))


def _cuts(time: npt.NDArray[np.float64]) -> tuple[float, float]:
    """The distinct times nearest to 80 % and 90 % of the events that leave events on each side."""
    instants, counts = np.unique(time, return_counts=True)
    if len(instants) < 3:
        raise InputError(
            f"the {len(time)} events lie at {len(instants)} instant(s): a cut by time needs at least three; "
            "choose evaluation.protocol = 'random' or give finer timestamps"
        )
    until = np.cumsum(counts) / len(time)
    one = int(np.argmin(np.abs(until[:-2] - 0.8)))
    two = one + 1 + int(np.argmin(np.abs(until[one + 1 : -1] - 0.9)))
    return float(instants[one]), float(instants[two])


def _window(of: _Setting, protocol: str, cut: float, until: float) -> Cases:
    events = of.events
    now = cut if events.clock == "calendar" else None
    past, window = events.time <= cut, (events.time > cut) & (events.time <= until)
    fit = replace(events.keep(past), now=now)
    queries, answers = fit, events.keep(window)
    note = "" if events.clock == "calendar" else "Times are an order: the cut is at a step, not at a date."
    if not len(of.shop.users):
        queries, answers = _last(events.keep(events.time <= until), 1)
        open_rows = np.zeros(events.num_users, bool)
        open_rows[events.user()[window]] = True
        answers = answers.keep(open_rows[answers.user()])
        note = (note + " A case is an anonymous session of the window, asked for its last item.").strip()
    known = of.shop.catalogue.known_at(until)
    return cases_of(
        protocol,
        fit=fit,
        queries=queries,
        answers=answers,
        rows=of.rows,
        candidates=known,
        mask_seen=protocol == "time",
        note=note,
    )


def _last(events: History, size: int) -> tuple[History, History]:
    """Cut each row before its last `size` events: (before, those); shorter rows are left out."""
    place = np.arange(events.num_events) - np.repeat(events.indptr[:-1], events.lengths())
    left = np.repeat(events.lengths(), events.lengths())
    long, late = left > size, place >= left - size
    return replace(events.keep(long & ~late), now=None), replace(events.keep(long & late), now=None)


def _leave_one_out(of: _Setting, protocol: str) -> Blocks:
    events, lengths = of.events, of.events.lengths()
    place = np.arange(events.num_events) - np.repeat(events.indptr[:-1], lengths)
    asked = np.zeros(events.num_users, bool)
    asked[of.rows] = lengths[of.rows] >= 3
    from_end = np.repeat(lengths, lengths) - place
    asked_event = asked[events.user()]
    fit = of.part(~asked_event | (from_end > 2))
    parts = {k: replace(events.keep(asked_event & (from_end == k)), now=None) for k in (1, 2)}
    seen = {k: replace(events.keep(asked_event & (from_end > k)), now=None) for k in (1, 2)}

    def block(k: int) -> Cases:
        return cases_of(
            protocol,
            fit=fit,
            queries=seen[k],
            answers=parts[k],
            rows=of.rows[asked[of.rows]],
            candidates=np.ones(events.num_items, bool),
            mask_seen=True,
            note="It leaks across users: what others did later than the moment asked for is in training.",
        )

    return Blocks(block(2), block(1))


def _own_split(of: _Setting, protocol: str) -> Blocks:
    held_out = of.shop.held_out
    if held_out is None:
        raise InputError("protocol 'split' needs held-out events")
    note = "Validation is drawn at random from the train part; it need not resemble the shop's own test part."
    validation = _drawn_items(of, np.ones(of.events.num_events, bool))
    everything = of.part(np.ones(of.events.num_events, bool))
    return Blocks(
        _held(of, protocol, of.part(~validation), of.events.keep(validation), note),
        _held(of, protocol, everything, held_out, note),
    )


def _random(of: _Setting, protocol: str) -> Blocks:
    test = _drawn_items(of, np.ones(of.events.num_events, bool))
    validation = _drawn_items(of, ~test)
    note = "It leaks the future: held-out events are drawn at random, later ones are in training."
    return Blocks(
        _held(of, protocol, of.part(~test & ~validation), of.events.keep(validation), note),
        _held(of, protocol, of.part(~test), of.events.keep(test), note),
    )


def _held(of: _Setting, protocol: str, fit: History, answers: History, note: str) -> Cases:
    every = np.ones(of.events.num_items, bool)
    return cases_of(
        protocol,
        fit=fit,
        queries=fit,
        answers=answers,
        rows=of.rows,
        candidates=every,
        mask_seen=True,
        note=note,
    )


def _drawn_items(of: _Setting, among: Mask) -> Mask:
    """Draw `share` of each case row's distinct items, one of three at least; give their events, bool [E]."""
    events = of.events
    asked = np.zeros(events.num_users, bool)
    asked[of.rows] = True
    among = among & asked[events.user()]
    pair = events.user().astype(np.int64)[among] * events.num_items + events.item[among]
    pairs, inverse = np.unique(pair, return_inverse=True)
    user = pairs // events.num_items
    order = np.lexsort((of.rng.random(len(pairs)), user))
    counts = np.bincount(user, minlength=events.num_users)
    place = np.arange(len(pairs)) - np.repeat(np.cumsum(counts) - counts, counts)
    wanted = np.where(counts >= 3, np.maximum(1, np.round(of.share * counts)), 0)
    chosen = np.zeros(len(pairs), bool)
    chosen[order] = place < np.repeat(wanted, counts)
    drawn = np.zeros(events.num_events, bool)
    drawn[among] = chosen[inverse]
    return drawn


def _cold_items(of: _Setting, protocol: str) -> Blocks:
    events = of.events
    sold = np.unique(events.item)
    validation, test = _two_draws(of, sold, "items with events")

    def block(held: npt.NDArray[np.int64], hidden: npt.NDArray[np.int64]) -> Cases:
        cold = np.zeros(events.num_items, bool)
        cold[held] = True
        unseen = cold.copy()
        unseen[hidden] = True
        fit = of.part(~unseen[events.item])
        return cases_of(
            protocol,
            fit=fit,
            queries=fit,
            answers=events.keep(cold[events.item]),
            rows=of.rows[fit.lengths()[of.rows] > 0],
            candidates=cold,
            mask_seen=True,
            note="Only the held-out items are candidates: no figure for a whole shop.",
        )

    return Blocks(block(validation, test), block(test, np.empty(0, np.int64)))


def _cold_users(of: _Setting, protocol: str) -> Blocks:
    events = of.events
    validation, test = _two_draws(of, of.rows[events.lengths()[of.rows] >= 2], "users with two events")
    user = events.user()
    place = np.arange(events.num_events) - np.repeat(events.indptr[:-1], events.lengths())
    if events.clock == "none":
        order = np.lexsort((of.rng.random(events.num_events), user))
        place[order] = place.copy()
    early = place < np.repeat((events.lengths() + 1) // 2, events.lengths())

    def block(held: npt.NDArray[np.int64], hidden: npt.NDArray[np.int64]) -> Cases:
        out = np.zeros(events.num_users, bool)
        out[held] = True
        asked = out[user]
        out[hidden] = True
        return cases_of(
            protocol,
            fit=of.part(~out[user]),
            queries=replace(events.keep(asked & early), now=None),
            answers=events.keep(asked & ~early),
            rows=np.sort(held),
            candidates=np.ones(events.num_items, bool),
            mask_seen=True,
            note="It leaks across users: what others did later than the moment asked for is in training.",
        )

    return Blocks(block(validation, test), block(test, np.empty(0, np.int64)))


def _two_draws(
    of: _Setting, among: npt.NDArray[np.integer], what: str
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    size = max(1, round(of.share * len(among)))
    if len(among) < 2 * size + 1:
        raise InputError(
            f"the shop has {len(among)} {what}: too few to hold out {size} twice and learn from the rest"
        )
    drawn = of.rng.permutation(among).astype(np.int64)
    return drawn[:size], drawn[size : 2 * size]


_SPLITS: dict[str, Callable[[_Setting, str], Blocks]] = {
    "time": _time,
    "time-any": _time,
    "leave-one-out": _leave_one_out,
    "split": _own_split,
    "random": _random,
    "cold-items": _cold_items,
    "cold-users": _cold_users,
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
