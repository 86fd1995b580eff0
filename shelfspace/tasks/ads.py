"""Which offers a shopper is likeliest to take: coupons, campaigns, sponsored items. P pairs, O offers."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shelfspace.errors import InputError, did_you_mean
from shelfspace.holding import Holding
from shelfspace.responding.caps import Caps
from shelfspace.responding.fitted import FittedAds
from shelfspace.responding.model import Features
from shelfspace.shop.history import Clock
from shelfspace.tasks.allowed import allowed_items
from shelfspace.tasks.learnt import learnt_by
from shelfspace.tasks.moments import moment_of
from shelfspace.tasks.results import Hit, Hits, Why
from shelfspace.tasks.similar import checked_k

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int32]

BLOCK = 500_000
"""Pairs of a shopper and an offer that are looked at together."""


def ads(
    space: Holding,
    user: str | list[str] | None = None,
    *,
    k: int = 10,
    campaign: str | None = None,
    where: str | None = None,
    at: str | None = None,
    why: bool = False,
) -> Hits:
    """Return the offers that a shopper is likeliest to take; the score is the chance that they do.

    Only offers that run at the moment of asking answer, and of them those with an item that may be answered. Caps on
    how often a shopper is shown an offer, a campaign or any offer are settings of `[ads]`; the log says what was shown,
    and the answer counts as shown once.

    Args:
        space: an open space in which `ads` was fitted.
        user: a user's id; a list is a batch; none for somebody of whom nothing is known.
        k: how many answers, 1 to 10,000.
        campaign: only offers of this campaign.
        where: a hard filter on items, such as `category:shoes`: an offer needs one item that satisfies it.
        at: the moment of asking, as 2011-12-09T12:50 (a step where the shop counts steps); without it the end of the
            log. Purchases and responses after it are not looked at.
        why: add what each chance is made of. The parts are log odds, the base rate one of them: they sum to the log
            odds of the score.

    Returns:
        Hits with `offer_id`, and `campaign` beside the score.

    Raises:
        InputError: the space has no fitted `ads`, k is out of range, the moment cannot be read, or no offer is of that
            campaign. (An unknown user is no error: what is known of offers answers, and a note says so.)
        FilterError: `where` cannot be read.

    Cost: about 35 μs for each pair of a shopper and an offer that runs, and some passes over the log of responses.

    Example:
        >>> space.ads("user-7", k=3, at="2024-12-24T08:00").to_frame()  # doctest: +SKIP
    """
    checked_k(k)
    fitted = learnt_by(space, "ads", FittedAds)
    users = [user] if isinstance(user, str) else list(user or [])
    clock: Clock = (
        "steps" if space.history.clock == "steps" else "calendar"
    )  # offers have days without any event
    time = fitted.now if at is None else moment_of(at, clock)
    notes = list(fitted.notes)
    offers = _answerable(fitted, allowed_items(space, where), campaign, time, notes)
    rows = space.users.rows(users) if users else np.full(1, -1, np.int32)
    notes += _unknown(space, users, rows, time)
    asked = _Asked(space, fitted, offers, time, k, why)
    hits: list[Hit] = []
    size = max(1, BLOCK // max(1, len(offers)))
    for start in range(0, len(rows) if len(offers) else 0, size):
        hits += asked.answers(users[start : start + size] or ["anyone"], rows[start : start + size], notes)
    return Hits.of(hits, notes, why=why, named="offer_id", more={"campaign": pa.string()})


@dataclass(frozen=True)
class _Asked:
    """What is asked of some shoppers."""

    space: Holding
    fitted: FittedAds
    offers: Rows
    time: float
    k: int
    why: bool

    def answers(self, subjects: list[str], users: Rows, notes: list[str]) -> Iterator[Hit]:
        """Yield the answers for each of the shoppers; what is capped, and why there are few, goes into the notes."""
        size, fitted = len(self.offers), self.fitted
        past = fitted.past(self.space.history, self.space.catalogue)
        features = past.table(
            np.repeat(users, size), np.tile(self.offers, len(users)), np.full(size * len(users), self.time)
        )
        chance = fitted.model.chance(features)
        campaign, names = fitted.offers.campaign
        for n, subject in enumerate(subjects):
            own = chance[n * size : (n + 1) * size]
            order = np.argsort(-own, kind="stable")
            caps = Caps.of(fitted.shown, campaign, int(users[n]), self.time, fitted.settings)
            chosen, passed = caps.within(self.offers[order], self.k)
            notes += [f"{subject}: {said}" for said in caps.said(passed)]
            if len(chosen) < self.k:
                notes.append(f"{subject}: {len(chosen)} of {self.k}: no more offers that run may be answered")
            place = np.searchsorted(self.offers, chosen)
            parts = self._parts(features, n * size + place)
            for rank, (row, at) in enumerate(zip(chosen, place.tolist(), strict=True), start=1):
                title = fitted.offers.title(row, self.space.titles)
                more = {"campaign": names[campaign[row]] if campaign[row] >= 0 else None}
                text = fitted.offers.ids.text(row)
                yield Hit(subject, rank, text, title, float(own[at]), parts[rank - 1], more)

    def _parts(self, features: Features, rows: npt.NDArray[np.int64]) -> list[tuple[Why, ...]]:
        if not self.why or not len(rows):
            return [()] * len(rows)
        names, amounts = self.fitted.model.parts({name: values[rows] for name, values in features.items()})
        return [
            tuple(
                Why(name, None, None, float(amount))
                for name, amount in sorted(zip(names, row, strict=True), key=lambda part: -abs(part[1]))
            )
            for row in amounts.tolist()
        ]


def _answerable(
    fitted: FittedAds, allowed: npt.NDArray[np.bool_], campaign: str | None, time: float, notes: list[str]
) -> Rows:
    """Return the offers that run, are of the campaign, and have an item that may be answered."""
    offers = fitted.offers
    among = offers.running(time)
    if not among.any():
        notes.append("no offer runs at that moment")
    if campaign is not None:
        code, names = offers.campaign
        if campaign not in names:
            raise InputError(f"no offer is of a campaign {campaign!r}{did_you_mean(campaign, names)}")
        among &= code == names.index(campaign)
        if not among.any():
            notes.append(f"no offer of the campaign {campaign!r} runs at that moment")
    has_item = offers.items @ allowed.astype(np.float32) > 0
    if among.any() and not (among & has_item).any():
        notes.append(f"none of {int(among.sum()):,} offers that run has an item that may be answered")
    return np.flatnonzero(among & has_item).astype(np.int32)


def _unknown(space: Holding, users: list[str], rows: Rows, time: float) -> Iterator[str]:
    """Say of whom nothing is known."""
    if not users:
        yield "no user: what is known of offers answers"
    for text, row in zip(users, rows.tolist(), strict=False):
        near = (
            did_you_mean(text, space.users.array.to_pylist())
            if len(space.users) <= 50_000 and row < 0
            else ""
        )
        if row < 0:
            yield f"user {text!r} is not known{near}; what is known of offers answers"
        else:
            start, end = space.history.indptr[row : row + 2]
            if not (space.history.time[start:end] < time).any():
                yield f"user {text!r} has no history; their profile and what is known of offers answer"
