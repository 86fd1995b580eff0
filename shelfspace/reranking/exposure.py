"""Shares of a list's places by group: caps that bind, floors that are filled in time. n candidates."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Share:
    """A cap and a floor on the places of each of some groups.

    named: what notes call it;  codes: int64 [n], the group of each candidate, -1 for none;
    most, least: shares of the places asked for.
    """

    named: str
    codes: Codes
    most: float
    least: float

    def cap(self, k: int) -> int:
        """Return how many of k places a group may have: at least one, unless it is none of all."""
        return max(int(self.most * k + 1e-9), int(self.most > 0))

    def floor(self, k: int) -> int:
        """Return how many of k places a group must have; never more than it may."""
        return min(int(np.ceil(self.least * k - 1e-9)), self.cap(k))

    def of_groups(self, kept: Flags) -> Codes:
        """Return the codes of these groups, -1 for all others, int64 [n]."""
        return np.where((self.codes >= 0) & kept[np.maximum(self.codes, 0)], self.codes, -1)

    def of(self, candidates: npt.NDArray[np.int64]) -> "Share":
        """Return the share for some of the candidates."""
        return Share(self.named, self.codes[candidates], self.most, self.least)


class Counted:
    """How many places each group has so far, and what may come next."""

    def __init__(self, shares: Sequence[Share], k: int) -> None:
        self._k = k
        self._shares = shares
        self._caps = [share.cap(k) for share in shares]
        self._floors = [
            min(share.floor(k), int((share.codes >= 0).sum())) if share.least else 0 for share in shares
        ]
        self._taken = [np.zeros(int(share.codes.max(initial=-1)) + 1, np.int64) for share in shares]
        self._gave_way = [False] * len(shares)

    def take(self, candidate: int) -> None:
        """Count a candidate."""
        for share, taken in zip(self._shares, self._taken, strict=True):
            if share.codes[candidate] >= 0:
                taken[share.codes[candidate]] += 1

    def open(self, free: Flags, places: int) -> Flags:
        """Return which of the free candidates may take the next of the places that are left, bool [n].

        Caps first; where as many places are left as floors still ask for, those that fill most floors. Where no
        candidate would keep all caps, those that break the fewest: the list keeps its length, and a note says so.
        """
        if not self._shares:
            return free
        over = np.zeros(len(free), np.int64)
        for share, taken, cap in zip(self._shares, self._taken, self._caps, strict=True):
            over += self._at(share, taken >= cap)
        good: Flags = free & (over == over[free].min())
        fills, owed = np.zeros(len(free), np.int64), 0
        for share, taken, floor in zip(self._shares, self._taken, self._floors, strict=True):
            missing = max(0, floor - int(taken.sum())) if floor else 0
            owed += missing
            if missing:
                fills += share.codes >= 0
        if owed >= places and fills[good].any():
            good &= fills == fills[good].max()
        return good

    def notes(self) -> Iterator[str]:
        """Say which caps gave way and which floors were not reached."""
        for share, taken, cap in zip(self._shares, self._taken, self._caps, strict=True):
            if (taken > cap).any():
                yield (
                    f"{share.named}: more than {cap} of {self._k} places, since there is no other candidate"
                )
            wanted = share.floor(self._k) if share.least else 0
            if taken.sum() < wanted:
                yield (
                    f"{share.named}: {int(taken.sum())} of the {wanted} places wanted, "
                    "since there is no other candidate"
                )

    @staticmethod
    def _at(share: Share, flags: Flags) -> Flags:
        """Return for each candidate what is said of its group; false without one."""
        if not len(flags):
            return np.zeros(len(share.codes), bool)
        found: Flags = flags[np.maximum(share.codes, 0)] & (share.codes >= 0)
        return found


def strata(shares: Sequence[Share], size: int, k: int) -> Codes:
    """Return groups of candidates that may change places with each other without touching a cap or a floor, int64 [n].

    A group that has no more candidates than its cap can never break it, and binds nothing.
    """

    def bound(share: Share) -> Flags:
        counts = np.bincount(share.codes[share.codes >= 0], minlength=1)
        binds: Flags = (counts > share.cap(k)) | (share.least > 0)
        return binds

    return _alike([share.of_groups(bound(share)) for share in shares], size)


def best_of_each(order: Codes, shares: Sequence[Share], k: int) -> Flags:
    """Return which candidates are among the k best of those in the same groups, bool [n]; `order`: best first."""
    alike = _alike([share.codes for share in shares], len(order))[order]
    by_group = np.argsort(alike, kind="stable")
    rank = np.empty(len(order), np.int64)
    rank[by_group] = np.arange(len(order)) - np.searchsorted(alike[by_group], alike[by_group], side="left")
    good = np.zeros(len(order), bool)
    good[order[rank < k]] = True
    return good


def _alike(codes: Sequence[Codes], size: int) -> Codes:
    """Return equal numbers where all codes are equal, int64 [n]."""
    found = np.zeros(size, np.int64)
    for one in codes:
        found = np.unique(found * (one.max(initial=-1) + 2) + one + 1, return_inverse=True)[1].astype(
            np.int64
        )
    return found
