"""What a shopper bought before a moment, beside what an offer is of.

P pairs, B shoppers at a moment, O offers, N items, G groups.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from shelfspace.responding.grouping import Grouping
from shelfspace.responding.offers import Offers
from shelfspace.responding.snapshots import Snapshot
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import History

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int32]

TRUST = 20.0
"""What a shopper likes counts as much as what is usual once it rests on so many events."""

LEAST = 0.02
"""Of an event so old that it counts less, the logarithm says no more."""


@dataclass(frozen=True)
class Bought:
    """What purchases say, of one snapshot.

    history: who took what, rows are shoppers;  prices: log of 1 + price of each item, float64 [N], or None;
    half_life: the age at which an event counts half, in days or steps.
    """

    history: History
    offers: Offers
    groups: list[Grouping]
    snapshot: Snapshot
    prices: Floats | None
    half_life: float

    def block(
        self, user: Rows, time: Floats, moment: npt.NDArray[np.int64], offer: Rows
    ) -> dict[str, Floats]:
        """Return features of pairs, float64 [P] by name.

        Args:
            user: int32 [B], -1 for somebody unknown.
            time: float64 [B]; only what lies strictly before it is seen.
            moment: int64 [P], which of the B.
            offer: int32 [P].
        """
        past = self.history.of_users(np.maximum(user, 0))
        asked, lengths = np.repeat(time, past.lengths()), past.lengths()
        past = past.keep((past.time < asked) & np.repeat(user >= 0, lengths))
        age = np.repeat(time, past.lengths()) - past.time
        recent = np.exp2(-age / self.half_life)
        aged = past.matrix(recent)
        found = self._shopper(past, age, aged)
        if self.prices is not None:
            found["the shopper: usual price"] = self._usual_price(past)
        found = {name: values[moment] for name, values in found.items()}
        if self.prices is not None:
            found["the price: beside the usual"] = self.offer_price[offer] - found["the shopper: usual price"]
        times = sparse.csr_matrix(past.matrix(np.ones(past.num_events)) @ self.offers.items.T)
        lately = sparse.csr_matrix(aged @ self.offers.items.T)
        found["its items: bought ever"] = np.log1p(_at(times, moment, offer))
        found["its items: bought lately"] = np.log(LEAST + _at(lately, moment, offer))
        for n, group in enumerate(self.groups):
            own, lift = self._liking(n, past, recent, moment, offer)
            about = "its brand" if group.name == "brand" else "its category"
            found |= {f"{about}: {group.name}": own, f"{about}: {group.name} beside the usual": lift}
        taste = np.asarray(aged @ self.snapshot.vectors.astype(np.float32))
        taste /= np.maximum(np.linalg.norm(taste, axis=1, keepdims=True), 1e-12)
        found["nearness in the space: cosine"] = np.einsum(
            "pd,pd->p", taste[moment], self.offer_vectors[offer]
        )
        return found

    def _shopper(self, past: History, age: Floats, aged: sparse.csr_array) -> dict[str, Floats]:
        """Return how much and how lately each of the B bought."""
        count, user = past.lengths(), past.user()
        last = np.full(len(past), np.nan)
        last[count > 0] = np.log1p(age[past.indptr[1:][count > 0] - 1])
        begins = np.r_[True, (np.diff(past.time) != 0) | (np.diff(user) != 0)][: len(user)]
        return {
            "the shopper: events": np.log1p(count),
            "the shopper: recent events": np.log1p(np.asarray(aged.sum(axis=1)).ravel()),
            "the shopper: visits": np.log1p(np.bincount(user[begins], minlength=len(past))),
            "the shopper: since the last": last,
        }

    def _usual_price(self, past: History) -> Floats:
        paid = self.prices[past.item] if self.prices is not None else np.zeros(0)
        known, user = ~np.isnan(paid), past.user()
        total = np.bincount(user[known], paid[known], len(past))
        return _ratio(total, np.bincount(user[known], minlength=len(past)).astype(np.float64))

    def _liking(
        self, number: int, past: History, recent: Floats, moment: npt.NDArray[np.int64], offer: Rows
    ) -> tuple[Floats, Floats]:
        """Return how much of an offer's groups a shopper buys, and that share beside everybody's, both as logs."""
        group, usual = self.groups[number], self._usual_shares[number]
        code = group.item[past.item]
        good = code >= 0
        cell = past.user()[good].astype(np.int64) * group.size + code[good]
        aged = np.bincount(cell, recent[good], len(past) * group.size).reshape(len(past), group.size)
        size = np.diff(group.share.indptr)[offer]
        pair = np.repeat(np.arange(len(offer)), size)
        first = np.repeat(group.share.indptr[offer] - np.cumsum(size) + size, size)
        entry = first + np.arange(len(pair))
        column, share = group.share.indices[entry], group.share.data[entry]
        own = np.bincount(pair, share * aged[moment[pair], column], len(offer))
        everybody = np.bincount(pair, share * usual[column], len(offer))
        of_all = aged.sum(axis=1)[moment]
        lift = np.log((own + TRUST * everybody + 1e-9) / ((of_all + TRUST) * everybody + 1e-9))
        return np.log(LEAST + own), lift

    @cached_property
    def _usual_shares(self) -> list[Floats]:
        """What share of all events is of each group, float64 [G], by grouping."""
        found = []
        for group in self.groups:
            good = group.item >= 0
            total = np.bincount(group.item[good], self.snapshot.usual[good], group.size) + 1.0
            found.append(total / total.sum())
        return found

    @cached_property
    def offer_price(self) -> Floats:
        """The mean of log of 1 + price of the items of each offer, float64 [O], NaN where none has a price."""
        prices = self.prices if self.prices is not None else np.full(self.offers.items.shape[1], np.nan)
        known = ~np.isnan(prices)
        total, size = (
            self.offers.items @ of for of in (np.where(known, prices, 0.0), known.astype(np.float64))
        )
        return _ratio(total, size)

    @cached_property
    def popularity(self) -> Floats:
        """What share of all events is of the items of each offer, as a log, float64 [O]."""
        usual = self.snapshot.usual
        return np.asarray(np.log((self.offers.items @ usual + 1.0) / (usual.sum() + len(usual))))

    @cached_property
    def offer_vectors(self) -> npt.NDArray[np.float32]:
        """The mean of the vectors of the items of each offer, unit length, float32 [O, D]."""
        mean = np.asarray(self.offers.items @ self.snapshot.vectors.astype(np.float32))
        found: npt.NDArray[np.float32] = mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-12)
        return found


def prices_of(catalogue: Catalogue) -> Floats | None:
    """Return the log of 1 + price of each item, NaN where it has none; None where no item has."""
    column = catalogue.column("price")
    if column is None or column.null_count == len(column):
        return None
    prices = pc.fill_null(column.cast(pa.float64()), np.nan).to_numpy()
    return np.asarray(np.log1p(np.maximum(prices, 0.0)))


def _ratio(total: npt.NDArray[np.number], size: Floats) -> Floats:
    found: Floats = np.divide(total, size, out=np.full(len(size), np.nan), where=size > 0)
    return found


def _at(table: sparse.csr_matrix, row: npt.NDArray[np.integer], column: npt.NDArray[np.integer]) -> Floats:
    return np.asarray(table[row, column], np.float64).ravel()
