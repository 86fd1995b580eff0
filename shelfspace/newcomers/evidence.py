"""What others like a newcomer took. B newcomers, P people, U users, N items, S segments, V shoppers elsewhere.

An item's score is log(1 + who took it), and for each source `weight · log(1 + c / (shrinkage · p))`: c is how much
those like the newcomer took it, p its share of all that is taken. With weight 1 that is, but for what all items have
alike, the log of the posterior mean of a multinomial under a Dirichlet prior of that strength around the shop's
popularity; segments and sources are added as in naive Bayes, and weights below 1 make up for what they say twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shelfspace.linear.counts import decay, latest_matrix
from shelfspace.newcomers.elsewhere import Elsewhere
from shelfspace.people.graph import SocialGraph
from shelfspace.people.profiles import Profiles
from shelfspace.people.tastes import placed
from shelfspace.shop.history import History
from shelfspace.shop.ids import Ids

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.integer]

SOURCES = ("profile", "friends", "transfer", "shoppers")
"""In the order in which they are told; `shoppers` is the transfer by those who are known in both shops."""


@dataclass(frozen=True)
class Strength:
    """How much a source is believed.

    shrinkage: so much evidence counts as much as the shop's popularity;  weight: of its logarithm, 0: not at all;
    closeness: the exponent of friends in common, by which a friend counts;  further: what friends of friends count.
    """

    shrinkage: float = 100.0
    weight: float = 0.5
    closeness: float = 0.5
    further: float = 0.0


@dataclass(frozen=True)
class Asked:
    """Newcomers: their rows among the people, and elsewhere, -1 where they are none; their segments, csr [B, S]."""

    person: Rows
    there: Rows
    segments: sparse.csr_array

    def taking(self, rows: Rows) -> "Asked":
        """Return some of them."""
        return Asked(self.person[rows], self.there[rows], self.segments[rows])


@dataclass(frozen=True)
class Evidence:
    """What people took: float32 csr [P, N], 1 for what somebody took, less the longer ago; and who is like whom.

    popular: float32 [N], log(1 + how many took an item, aged).
    """

    profiles: Profiles
    edges: sparse.csr_array
    elsewhere: Elsewhere | None
    taken: sparse.csr_array
    popular: Floats

    @classmethod
    def of(
        cls,
        graph: SocialGraph,
        profiles: Profiles,
        elsewhere: Elsewhere | None,
        history: History,
        users: Ids,
        *,
        half_life: float,
        popular_half_life: float,
    ) -> Self:
        """Count what everybody took. O(E log E) time.

        Args:
            graph: who knows whom.
            profiles: of the same people.
            elsewhere: what shoppers had in another shop.
            history: the events; its first rows are `users`.
            users: the shop's named users.
            half_life: the age at which what a friend or a shopper alike took counts half, in days or steps.
            popular_half_life: the same, of what is popular.
        """
        age = history.age()
        named = placed(latest_matrix(history, decay(age, half_life)), users.rows(graph.people.array))
        by_anybody = latest_matrix(history, decay(age, popular_half_life))
        count = np.bincount(by_anybody.indices, by_anybody.data, minlength=history.num_items)
        at = None if elsewhere is None else elsewhere.among(graph.people, np.diff(named.indptr) > 0)
        return cls(profiles, graph.edges, at, named, np.log1p(count).astype(np.float32))

    @cached_property
    def share(self) -> npt.NDArray[np.float64]:
        """The share of each item of all that is taken, above 0 for all, float64 [N]."""
        count: npt.NDArray[np.float64] = np.expm1(self.popular.astype(np.float64)) + 0.5
        share: npt.NDArray[np.float64] = count / count.sum()
        return share

    @cached_property
    def by_segment(self) -> sparse.csr_array:
        """How many of each segment took each item, aged, float32 csr [S, N]."""
        return sparse.csr_array(self.profiles.member.T @ self.taken)

    @cached_property
    def has_taken(self) -> npt.NDArray[np.bool_]:
        """Who took anything, bool [P]."""
        found: npt.NDArray[np.bool_] = np.diff(self.taken.indptr) > 0
        return found

    def told(self, source: str, asked: Asked, strength: Strength) -> npt.NDArray[np.bool_]:
        """Return of whom a source knows anything, bool [B]. It counts nothing."""
        if strength.weight <= 0:
            return np.zeros(len(asked.person), bool)
        if source == "profile":
            known = np.diff(self.by_segment.indptr) > 0
            return np.asarray((asked.segments @ known.astype(np.float32)) > 0)
        if source == "friends":
            reach = self.edges @ self.has_taken.astype(np.float32)
            if strength.further:
                reach = reach + self.edges @ reach
            return np.where(asked.person >= 0, reach[np.maximum(asked.person, 0)] > 0, False)
        if self.elsewhere is None:
            return np.zeros(len(asked.person), bool)
        return self.elsewhere.told(source, asked.there)

    def part(self, source: str, asked: Asked, strength: Strength) -> sparse.csr_array:
        """Return what a source adds to the scores, float32 csr [B, N], nothing below 0."""
        if strength.weight <= 0:
            return sparse.csr_array((len(asked.person), len(self.popular)), dtype=np.float32)
        if source == "profile":
            return sparse.csr_array(asked.segments @ self._believed(self.by_segment, strength))
        return self._believed(self._counts(source, asked, strength), strength)

    def segment_parts(self, asked: Asked, strength: Strength) -> sparse.csr_array:
        """Return what each segment of one newcomer adds, float32 csr [S, N]."""
        own = sparse.diags_array(asked.segments.toarray()[0])
        return sparse.csr_array(own @ self._believed(self.by_segment, strength))

    def scores(self, asked: Asked, strengths: Mapping[str, Strength]) -> Floats:
        """Return float32 [B, N]: what is popular and what the sources add."""
        total = np.tile(self.popular, (len(asked.person), 1))
        for source, strength in strengths.items():
            add(total, self.part(source, asked, strength))
        return total

    def _believed(self, counts: sparse.csr_array, strength: Strength) -> sparse.csr_array:
        found = sparse.csr_array(counts, copy=True)
        expected = strength.shrinkage * self.share[found.indices]
        found.data = (strength.weight * np.log1p(found.data / expected)).astype(np.float32)
        return found

    def _counts(self, source: str, asked: Asked, strength: Strength) -> sparse.csr_array:
        if source == "friends":
            return sparse.csr_array(self._close(asked.person, strength) @ self.taken)
        if self.elsewhere is None:
            return sparse.csr_array((len(asked.person), len(self.popular)), dtype=np.float32)
        if source == "transfer":
            return self.elsewhere.near_to(asked.there)
        return sparse.csr_array(self.elsewhere.alike(asked.there, len(self.has_taken)) @ self.taken)

    def _close(self, person: Rows, strength: Strength) -> sparse.csr_array:
        """Return how near others are, float32 csr [B, P]: friends by friends in common, and friends of friends."""
        friends = placed(self.edges, person)
        both = sparse.csr_array((friends @ self.edges).multiply(friends))
        close = friends + both
        close.data = close.data**strength.closeness
        if strength.further:
            degree = np.maximum(np.diff(self.edges.indptr), 1)
            around = sparse.csr_array(friends @ sparse.diags_array(strength.further / degree) @ self.edges)
            row = np.repeat(np.arange(len(person)), np.diff(around.indptr))
            around.data[around.indices == person[row]] = 0.0  # not themselves
            close = close + around
        return sparse.csr_array(close.astype(np.float32))


def add(total: Floats, part: sparse.csr_array) -> None:
    """Add a sparse part to scores, in place."""
    row = np.repeat(np.arange(part.shape[0]), np.diff(part.indptr))
    total[row, part.indices] += part.data  # each place once: products are summed


def without(history: History, hidden: npt.NDArray[np.bool_], until: float | None) -> History:
    """Return the events of those who are not hidden, bool [rows], up to a moment."""
    keep = ~hidden[history.user()]
    if until is None:
        return history.keep(keep)
    return replace(history.keep(keep & (history.time <= until)), now=until)
