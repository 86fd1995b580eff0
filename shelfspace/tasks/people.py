"""Shoppers beside shoppers: who is alike, and who may know whom. B asked, P people."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy import sparse

from shelfspace.errors import InputError
from shelfspace.holding import Holding
from shelfspace.people.fitted import FittedPeople, People
from shelfspace.people.friends import Closeness, scored
from shelfspace.people.profiles import Profiles
from shelfspace.people.tastes import Tastes, placed, unit
from shelfspace.shop.ids import Ids
from shelfspace.tasks.results import Hit, Hits, Value, Why
from shelfspace.tasks.ruled import blocked_items
from shelfspace.tasks.similar import checked_k

Kind = Literal["alike", "friends"]
Floats = npt.NDArray[np.float32]

TOLD = 10
"""Things in common that are told one by one."""
BLOCK_VALUES = 2_000_000
MORE = {"common_items": pa.int32(), "common_friends": pa.int32()}


def people(
    space: Holding,
    user: str | list[str],
    *,
    kind: Kind = "alike",
    k: int = 10,
    why: bool = False,
) -> Hits:
    """Return shoppers who are like this one, or whom this one may know.

    Args:
        space: an open space.
        user: a user's id; a list is a batch.
        kind: `alike`: by where they lie in the space (the sum of what they took, aged and weighed by rarity), what they
            took alike, and their profiles. `friends`: by friends in common, short ways, taste and profile; never those
            who are friends already.
        k: how many answers, 1 to 10,000.
        why: add what each score is made of: friends and items in common, fields of the profile, and signs of the whole;
            the parts sum to the score.

    Raises:
        UnknownIdError: the user is not known.
        InputError: k is out of range, the kind is unknown, or friends are asked for and `people` was not fitted, or the
            shop's relations join no users.

    Cost: `alike` U · D for each; `friends` some ten passes over the friendships for each.

    Example:
        >>> space.people("user-7", k=5)  # doctest: +SKIP
        >>> space.people("user-7", kind="friends", why=True)  # doctest: +SKIP
    """
    checked_k(k)
    asked: _Alike | _Friends
    if kind == "alike":
        asked = _Alike.of(space)
    elif kind == "friends":
        asked = _Friends.of(space)
    else:
        raise InputError(f"kind = {kind!r} is unknown; known: 'alike', 'friends'")
    users = [user] if isinstance(user, str) else list(user)
    rows = np.array([asked.people.row(text) for text in users], np.int64)
    hits: list[Hit] = []
    notes: list[str] = []
    size = max(1, BLOCK_VALUES // max(1, len(asked.people)))
    for start in range(0, len(rows), size):
        block = rows[start : start + size]
        scores = asked.scores(block)
        for n, row in enumerate(block.tolist()):
            subject, best = users[start + n], _best(scores[n], k)
            notes += asked.notes(row, subject)
            if len(best) < k:
                notes.append(f"{subject}: {len(best)} of {k}: nothing speaks for anybody else")
            ids = asked.people.texts(best)
            for rank, (other, text) in enumerate(zip(best.tolist(), ids, strict=True), start=1):
                parts = tuple(asked.parts(row, other)) if why else ()
                hits.append(
                    Hit(subject, rank, text, text, float(scores[n, other]), parts, asked.common(row, other))
                )
    return Hits.of(hits, notes, why=why, named="user_id", more=MORE)


@dataclass(frozen=True)
class _Alike:
    """Shoppers by what they took and what they are; U users of the space."""

    space: Holding
    people: Ids
    settings: People
    tastes: Tastes
    profiles: Profiles
    segments: sparse.csr_array

    @classmethod
    def of(cls, space: Holding) -> "_Alike":
        fitted = space.tasks.get("people")
        if not isinstance(fitted, FittedPeople):
            nobody = Profiles.of(None, space.users)
            return cls(space, space.users, People(), space.tastes, nobody, nobody.member)
        member = placed(fitted.profiles.member, fitted.graph.people.rows(space.users.array))
        return cls(space, space.users, fitted.settings, space.tastes, fitted.profiles, unit(member))

    def scores(self, rows: npt.NDArray[np.int64]) -> Floats:
        """Return float32 [B, U], -inf for themselves and for those with whom they have nothing in common."""
        tastes, vectors = self.tastes.items, self.tastes.vectors
        near = vectors[rows] @ vectors.T
        same = (tastes[rows] @ tastes.T).toarray()
        profile = (self.segments[rows] @ self.segments.T).toarray()
        total = self.settings.space * near + self.settings.items * same + self.settings.profile * profile
        total[~((near > 0) | (same > 0) | (profile > 0))] = -np.inf
        total[np.arange(len(rows)), rows] = -np.inf
        return np.asarray(total, np.float32)

    def parts(self, row: int, other: int) -> Iterator[Why]:
        """Yield what the score is made of."""
        vectors = self.tastes.vectors
        near = self.settings.space * float(vectors[row] @ vectors[other])
        if near:
            yield Why("near in the space", None, None, near)
        yield from _took(self.space, self.tastes.items, row, other, self.settings.items)
        yield from _fields(self.profiles, self.segments, row, other, self.settings.profile)

    def common(self, row: int, other: int) -> Mapping[str, Value]:
        """Return how much they have in common."""
        return {"common_items": _num_common(self.tastes.items, row, other), "common_friends": None}

    def notes(self, row: int, subject: str) -> list[str]:
        """Say what is not known of somebody."""
        if self.tastes.items[[row]].nnz:
            return []
        has = (
            "only the profile says who is like them"
            if self.segments[[row]].nnz
            else "there is no profile either"
        )
        return [f"{subject} took nothing yet, and {has}"]


@dataclass(frozen=True)
class _Friends:
    """Whom somebody may know; P people of the graph."""

    space: Holding
    people: Ids
    fitted: FittedPeople
    known: Closeness

    @classmethod
    def of(cls, space: Holding) -> "_Friends":
        fitted = space.tasks.get("people")
        if not isinstance(fitted, FittedPeople):
            raise InputError(
                f"`people` was not fitted in this space: run `shelfspace fit {space.folder or 'RUN'} people`, "
                "or train with a section [people]"
            )
        if not fitted.graph.num_edges:
            raise InputError("nobody has friends here: no row of [relations] joins two users")
        return cls(space, fitted.graph.people, fitted, fitted.closeness(space.tastes.items, space.users))

    def scores(self, rows: npt.NDArray[np.int64]) -> Floats:
        """Return float32 [B, P], -inf for themselves, their friends, and those for whom nothing speaks."""
        return scored(self.known.signs(rows), self.fitted.weights, self.known.strangers(rows))

    def parts(self, row: int, other: int) -> Iterator[Why]:
        """Yield what the score is made of."""
        weights = self.fitted.weights
        friends, amounts = self.known.through(row, other, weights)
        told = zip(self.people.texts(friends), amounts.tolist(), strict=True)
        yield from _strongest("friend in common", [(text, None, amount) for text, amount in told])
        yield from _took(self.space, self.known.tastes, row, other, weights.get("taste", 0.0))
        yield from _fields(self.fitted.profiles, self.known.segments, row, other, weights.get("profile", 0.0))
        signs = self.known.signs(np.array([row]))
        for name in ("three_steps", "embedding", "friends_taste", "degree"):
            amount = weights.get(name, 0.0) * float(signs[name][0, other])
            if amount:
                yield Why(_SAID[name], None, None, amount)

    def common(self, row: int, other: int) -> Mapping[str, Value]:
        """Return how much they have in common."""
        return {
            "common_items": _num_common(self.known.tastes, row, other),
            "common_friends": _num_common(self.known.edges, row, other),
        }

    def notes(self, row: int, subject: str) -> list[str]:
        """Say what is not known of somebody."""
        if self.known.edges[[row]].nnz:
            return []
        return [f"{subject} has no friends yet; taste and profile alone suggest some"]


_SAID = {
    "three_steps": "friends of their friends",
    "embedding": "near in the graph",
    "friends_taste": "tastes of friends",
    "degree": "how many friends they have",
}


def _best(scores: Floats, k: int) -> npt.NDArray[np.int64]:
    """Return the best rows, equal scores in the order of the ids."""
    top = np.sort(np.argpartition(scores, -min(k, len(scores)))[-k:])
    order = top[np.argsort(-scores[top], kind="stable")]
    return order[np.isfinite(scores[order])].astype(np.int64)


def _took(space: Holding, tastes: sparse.csr_array, row: int, other: int, weight: float) -> Iterator[Why]:
    """Yield the items that both took, by what they add to the cosine."""
    if not weight:
        return
    both = sparse.csr_array(tastes[[row]].multiply(tastes[[other]]))
    ids, blocked = space.catalogue.ids.texts(both.indices), blocked_items(space)
    told = [
        (None, None, amount) if blocked[item] else (text, space.titles[item], amount)
        for item, text, amount in zip(both.indices.tolist(), ids, (weight * both.data).tolist(), strict=True)
    ]
    yield from _strongest("item in common", told)


def _fields(
    profiles: Profiles, segments: sparse.csr_array, row: int, other: int, weight: float
) -> Iterator[Why]:
    both = sparse.csr_array(segments[[row]].multiply(segments[[other]]))
    for segment, amount in zip(both.indices.tolist(), both.data.tolist(), strict=True):
        if weight:
            column, value = profiles.segments[segment]
            yield Why(f"{column} = {value}", None, None, weight * amount)


def _strongest(part: str, told: Sequence[tuple[str | None, str | None, float]]) -> Iterator[Why]:
    """Yield the strongest one by one, and the others as one."""
    ordered = sorted((one for one in told if one[2]), key=lambda one: -one[2])
    for text, title, amount in ordered[:TOLD]:
        yield Why(part, text, title, amount)
    if ordered[TOLD:]:
        yield Why(f"{len(ordered) - TOLD:,} more {part}", None, None, sum(one[2] for one in ordered[TOLD:]))


def _num_common(rows: sparse.csr_array, row: int, other: int) -> int:
    return len(np.intersect1d(rows[[row]].indices, rows[[other]].indices))
