"""How each protocol cuts a shop: the functions behind `splits.split`.

B cases, E events, N items, U rows of the history.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from shelfspace.errors import InputError
from shelfspace.shop.cases import Blocks, Cases, cases_of
from shelfspace.shop.history import History
from shelfspace.shop.shop import Shop

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Setting:
    """What a protocol works on: the shop, the rows that may be cases, a generator, the share to hold out."""

    shop: Shop
    rows: npt.NDArray[np.int64]
    rng: np.random.Generator
    share: float

    @property
    def events(self) -> History:
        """All events that are not held out by the shop itself."""
        return self.shop.history

    def part(self, mask: Mask) -> History:
        """The events where the mask holds, for fitting: asked at the last of them, where times are dates."""
        kept = self.events.keep(mask)
        dated = self.events.clock == "calendar" and kept.num_events > 0
        return replace(kept, now=float(kept.time.max()) if dated else None)


def by_time(of: Setting, protocol: str) -> Blocks:
    """Cut all events at two moments: `time`, `time-any`."""
    early, first, second = _cuts(of.events.time)
    last = float(of.events.time.max())
    earlier = _window(of, protocol, early, first) if early < first else None
    return Blocks(
        _window(of, protocol, first, second),
        _window(of, protocol, second, last),
        earlier if earlier is not None and len(earlier) else None,
    )


def _cuts(time: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    """The distinct times nearest to 70, 80 and 90 % of the events that leave events on each side of the last two."""
    instants, counts = np.unique(time, return_counts=True)
    if len(instants) < 3:
        raise InputError(
            f"the {len(time)} events lie at {len(instants)} instant(s): a cut by time needs at least three; "
            "choose evaluation.protocol = 'random' or give finer timestamps"
        )
    until = np.cumsum(counts) / len(time)
    one = int(np.argmin(np.abs(until[:-2] - 0.8)))
    two = one + 1 + int(np.argmin(np.abs(until[one + 1 : -1] - 0.9)))
    early = int(np.argmin(np.abs(until[: one + 1] - 0.7)))
    return float(instants[early]), float(instants[one]), float(instants[two])


def _window(of: Setting, protocol: str, cut: float, until: float) -> Cases:
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


def leave_one_out(of: Setting, protocol: str) -> Blocks:
    """Ask for each row's last event, and on validation for the last but one."""
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


def own_split(of: Setting, protocol: str) -> Blocks:
    """Ask for the shop's own test events, and on validation for some of the others."""
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


def random_items(of: Setting, protocol: str) -> Blocks:
    """Ask for some of each row's items, drawn at random."""
    test = _drawn_items(of, np.ones(of.events.num_events, bool))
    validation = _drawn_items(of, ~test)
    note = "It leaks the future: held-out events are drawn at random, later ones are in training."
    return Blocks(
        _held(of, protocol, of.part(~test & ~validation), of.events.keep(validation), note),
        _held(of, protocol, of.part(~test), of.events.keep(test), note),
    )


def _held(of: Setting, protocol: str, fit: History, answers: History, note: str) -> Cases:
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


def _drawn_items(of: Setting, among: Mask) -> Mask:
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


def cold_items(of: Setting, protocol: str) -> Blocks:
    """Hold out items with all their events; only they are candidates."""
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


def cold_users(of: Setting, protocol: str) -> Blocks:
    """Hold out rows; their earlier half is the query."""
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
    of: Setting, among: npt.NDArray[np.integer], what: str
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    size = max(1, round(of.share * len(among)))
    if len(among) < 2 * size + 1:
        raise InputError(
            f"the shop has {len(among)} {what}: too few to hold out {size} twice and learn from the rest"
        )
    drawn = of.rng.permutation(among).astype(np.int64)
    return drawn[:size], drawn[size : 2 * size]
