"""What was put before whom, and whether it was taken. R responses, O offers, U users."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shelfspace.errors import DataError
from shelfspace.responding.offers import Offers
from shelfspace.shop.ids import Ids

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]

SAMPLED = 20
"""Where nothing says what was put before whom: so many shoppers who did not take an offer for each who did."""


@dataclass(frozen=True)
class Shown:
    """What was put before shoppers as the log has it: what caps are counted from.

    user: int32 [R], -1 for a shopper the shop does not know;  offer: int32 [R];  time: float64 [R], days or steps.
    """

    user: Rows
    offer: Rows
    time: Floats


@dataclass(frozen=True)
class Responses:
    """Each case that an offer was put before a shopper, the earliest first.

    user, offer, time: as in `Shown`;  known: float64 [R], from when it is known whether it was taken;  taken: bool [R];
    weight: float64 [R], for how many it stands.
    """

    user: Rows
    offer: Rows
    time: Floats
    known: Floats
    taken: Flags
    weight: Floats

    def __len__(self) -> int:
        return len(self.user)

    @classmethod
    def of(
        cls, shown: Shown, responded: Flags | None, offers: Offers, num_users: int, *, wait: float, seed: int
    ) -> Self:
        """Return the cases to learn from.

        What became of an offer is known when it ends, but after `wait` at the latest; without an end, at once. Where
        nothing says whether an offer was taken, every row is one that was: then every shopper is one who might have
        taken every offer, once, from its start on, and some of those who did not are drawn and stand for all of them.

        Args:
            shown: the log.
            responded: bool [R], or None.
            offers: what was shown.
            num_users: U, the users of the shop.
            wait: in days or steps.
            seed: of the draw.
        """
        user, offer, time, weight = shown.user, shown.offer, shown.time, np.ones(len(shown.user))
        if responded is None:
            user, offer, time, responded, weight = _drawn(shown, offers, num_users, seed)
        ends = offers.ends[offer]
        known = np.where(np.isinf(ends), time, np.maximum(np.minimum(ends, time + wait), time))
        return cls(user, offer, time, known, responded, weight).take(np.argsort(time, kind="stable"))

    def take(self, rows: npt.NDArray[Any]) -> Self:
        """Return some of them."""
        return type(self)(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


def read_log(
    tables: Mapping[str, pa.Table], offers: Offers, users: Ids
) -> tuple[Shown, Flags | None, list[str]]:
    """Return what was shown, whether it was taken (None where no column says it), and what was left out.

    Args:
        tables: `responses`, or `impressions` with `user_id`, `timestamp` and `clicked`.
        offers: what is answered.
        users: the shop's users.

    Raises:
        DataError: a table or a column is missing, or no row can be used.
    """
    rows, label = _rows(tables)
    user, offer = users.rows(rows["user_id"]), offers.ids.rows(rows["offer_id"])
    time = _times(rows, offers, offer, label)
    timeless = np.isnan(time) & (offer >= 0)
    good = (offer >= 0) & ~np.isnan(time)
    named = "[offers]" if "offers" in tables else "[impressions]"
    counts = {
        f"are of offers that {named} does not name, and are left out": offer < 0,
        "have no time, and are left out": timeless,
        "are of shoppers who have neither an event nor a profile": (user < 0) & good,
    }
    notes = [f"{label}: {int(rows.sum()):,} rows {what}" for what, rows in counts.items() if rows.any()]
    if not good.any():
        raise DataError(f"no row of {label} can be used: {'; '.join(notes) or 'it is empty'}")
    responded = None
    if "responded" in rows.column_names:
        responded = pc.fill_null(rows["responded"], False).to_numpy()[good]
    else:
        notes.append(
            f"{label} does not say what was put before whom and not taken: every shopper counts as one who might have "
            "taken every offer"
        )
    return Shown(user[good], offer[good], time[good]), responded, notes


def _rows(tables: Mapping[str, pa.Table]) -> tuple[pa.Table, str]:
    """Return the table that says what was taken, under the names of `responses`."""
    if "responses" in tables:
        return tables["responses"], "[responses]"
    if "offers" in tables or "impressions" not in tables:
        raise DataError("[ads] needs a table [responses]: which shopper took which offer, and when")
    rows = tables["impressions"]
    missing = [name for name in ("user_id", "timestamp", "clicked") if name not in rows.column_names]
    if missing:
        raise DataError(f"[impressions] lacks {', '.join(missing)}: [ads] learns from them who clicks what")
    names = {"user_id": "user_id", "offer_id": "item_id", "timestamp": "timestamp", "responded": "clicked"}
    return pa.table({name: rows[own] for name, own in names.items()}), "[impressions]"


def _times(rows: pa.Table, offers: Offers, offer: Rows, label: str) -> Floats:
    """Return when each offer was put before the shopper: as its row says, else when it started; NaN where neither."""
    started = np.where(offer >= 0, offers.starts[offer], np.nan)
    started[np.isinf(started)] = np.nan
    if "timestamp" in rows.column_names:
        time = pc.fill_null(rows["timestamp"].cast(pa.float64()), np.nan).to_numpy()
        return np.where(np.isnan(time), started, time)
    if len(rows) and np.isnan(started[offer >= 0]).all():
        raise DataError(
            f"{label} has no timestamp and the offers have no starts: without times, what is learnt from would have "
            "come later"
        )
    return started


def _drawn(
    shown: Shown, offers: Offers, num_users: int, seed: int
) -> tuple[Rows, Rows, Floats, Flags, Floats]:
    """Return who took what, once each, and drawn pairs of those who did not; all at the start of the offer."""
    first = np.full(len(offers), np.inf)
    np.minimum.at(first, shown.offer, shown.time)
    first = np.where(np.isinf(offers.starts), first, np.minimum(first, offers.starts))
    pairs = np.unique(np.stack([shown.user, shown.offer]), axis=1)
    num_taken, offered = pairs.shape[1], np.unique(shown.offer)
    cells = num_users * len(offered)
    rng = np.random.default_rng(seed)
    cell = np.unique(rng.integers(0, max(1, cells), min(SAMPLED * num_taken, cells)))
    drawn = np.stack([cell // len(offered), offered[cell % len(offered)]]).astype(np.int32)
    taken_cells, drawn_cells = (rows[0].astype(np.int64) * len(offers) + rows[1] for rows in (pairs, drawn))
    drawn = drawn[:, ~np.isin(drawn_cells, taken_cells)]
    stands_for = max(0, cells - int((pairs[0] >= 0).sum())) / max(1, drawn.shape[1])
    user, offer = np.concatenate([pairs, drawn], axis=1)
    taken = np.arange(len(user)) < num_taken
    return user, offer, first[offer], taken, np.where(taken, 1.0, stands_for)
