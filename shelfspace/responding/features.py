"""What is known of a shopper and an offer at a moment, as numbers. P pairs, O offers, R responses."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shelfspace.responding.bought import Bought, prices_of
from shelfspace.responding.grouping import Grouping, groupings
from shelfspace.responding.offers import Offers
from shelfspace.responding.profile import Profile
from shelfspace.responding.rates import before
from shelfspace.responding.responses import Responses
from shelfspace.responding.snapshots import Snapshot
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import History

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int32]

BLOCK = 1024
"""Shoppers at a moment that are looked at together."""

TRUST = 20.0
"""An earlier rate counts as much as what is usual once it rests on so many responses."""

FEW = 50
"""Of what makes offers alike, what has at most so many values is also counted for each shopper."""


@dataclass(frozen=True)
class Past:
    """All that is known; a question sees of it what lies strictly before its moment.

    history: who took what, its first rows are the shop's users;  log: earlier responses;
    snapshots: what everybody's purchases said, the earliest first;  half_life: the age at which an event counts half.
    """

    history: History
    catalogue: Catalogue
    offers: Offers
    log: Responses
    profile: Profile
    snapshots: Sequence[Snapshot]
    half_life: float

    def table(self, user: Rows, offer: Rows, time: Floats) -> dict[str, Floats]:
        """Return the features of pairs, float64 [P] by name, NaN where something is not known.

        A name is what speaks, a colon, and what of it.

        Args:
            user: int32 [P], rows of users; -1 for somebody unknown.
            offer: int32 [P].
            time: float64 [P], the moment of asking.
        """
        found = self._bought(user, offer, time) | self._offered(offer)
        for n, name in enumerate(self.profile.names):
            values = np.full(len(user), np.nan)
            values[user >= 0] = self.profile.values[user[user >= 0], n]
            found[f"profile: {name}"] = values
        return found | self._rates(user, offer, time)

    def _bought(self, user: Rows, offer: Rows, time: Floats) -> dict[str, Floats]:
        """Return what purchases say, by blocks of shoppers at a moment, each with the last snapshot before it."""
        ticks = np.array([snapshot.time for snapshot in self.snapshots])
        number = np.maximum(np.searchsorted(ticks, time, side="right") - 1, 0)
        found: dict[str, Floats] = {}
        for tick in np.unique(number).tolist():
            bought = Bought(
                self.history, self.offers, self._groups, self.snapshots[tick], self._prices, self.half_life
            )
            pairs = np.flatnonzero(number == tick)
            order = pairs[np.lexsort((time[pairs], user[pairs]))]
            moves = np.r_[True, (np.diff(user[order]) != 0) | (np.diff(time[order]) != 0)]
            moment, first = np.cumsum(moves) - 1, order[moves]
            for start in range(0, len(first), BLOCK):
                some = first[start : start + BLOCK]
                left, right = np.searchsorted(moment, [start, start + BLOCK])
                rows = order[left:right]
                values = bought.block(user[some], time[some], moment[left:right] - start, offer[rows])
                values["the offer: popularity of its items"] = bought.popularity[offer[rows]]
                if self._prices is not None:
                    values["the price: mean"] = bought.offer_price[offer[rows]]
                for name, column in values.items():
                    found.setdefault(name, np.zeros(len(user)))[rows] = column
        return found

    def _offered(self, offer: Rows) -> dict[str, Floats]:
        run = self.offers.ends - self.offers.starts
        lasts = np.where(
            np.isfinite(run), np.log1p(np.maximum(np.where(np.isfinite(run), run, 0), 0)), np.nan
        )
        found = {
            "the offer: items": np.log1p(np.diff(self.offers.items.indptr))[offer],
            "the offer: how long it runs": lasts[offer],
        }
        for name in self.offers.own(numbers=True):
            values = pc.fill_null(self.offers.table[name].cast(pa.float64()), np.nan).to_numpy()
            found[f"the offer: {name}"] = values[offer]
        return found

    def _rates(self, user: Rows, offer: Rows, time: Floats) -> dict[str, Floats]:
        """Return how often what is alike was taken by everybody and by the shopper: log odds beside all offers then."""
        log = self.log
        values = np.stack([log.weight, log.weight * log.taken], axis=1)
        everything = np.zeros(len(log), np.int64), np.zeros(len(user), np.int64)
        counts = before(everything[0], log.known, values, everything[1], time)
        usual = (counts[:, 1] + 0.5) / (counts[:, 0] + 1.0)
        counts = before(log.user, log.known, values, user, time)
        own = "responses of the shopper"
        found = {f"{own}: rate": _lift(counts, usual), f"{own}: number": np.log1p(counts[:, 1])}
        for name, (code, size) in self._alike.items():
            counts = before(code[log.offer], log.known, values, code[offer], time)
            found[f"responses of all: to its {name}"] = _lift(counts, usual)
            if size <= FEW:
                keys = [
                    np.where((who < 0) | (code[what] < 0), -1, who.astype(np.int64) * size + code[what])
                    for who, what in ((log.user, log.offer), (user, offer))
                ]
                counts = before(keys[0], log.known, values, keys[1], time)
                found[f"{own}: to its {name}"] = _lift(counts, usual)
                found[f"{own}: number to its {name}"] = np.log1p(counts[:, 1])
        return found

    @cached_property
    def _groups(self) -> list[Grouping]:
        return list(groupings(self.catalogue, self.offers))

    @cached_property
    def _prices(self) -> Floats | None:
        return prices_of(self.catalogue)

    @cached_property
    def _alike(self) -> dict[str, tuple[Rows, int]]:
        """What makes offers alike, int32 [O], -1 for nothing, and how many values it has, by name."""
        found = {"offer": (np.arange(len(self.offers), dtype=np.int32), FEW + len(self.offers))}
        for name in ("campaign", *self.offers.own(numbers=False)):
            code, names = self.offers.codes(name)
            if names:
                found[name] = code, len(names)
        return found | {group.name: (group.main, group.size) for group in self._groups}


def _lift(counts: Floats, usual: Floats) -> Floats:
    """Return log odds of the share taken, pulled to what is usual, less those of the usual share."""
    rate = (counts[:, 1] + TRUST * usual) / (counts[:, 0] + TRUST)
    return np.asarray(_log_odds(rate) - _log_odds(usual))


def _log_odds(share: Floats) -> Floats:
    inside = np.clip(share, 1e-9, 1 - 1e-9)
    return np.asarray(np.log(inside) - np.log1p(-inside))
