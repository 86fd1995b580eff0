"""What a shopper will want next."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from math import isfinite
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shelfspace.blend import Mode, Part, Scored
from shelfspace.errors import InputError
from shelfspace.explaining.paths import Joins
from shelfspace.holding import Holding
from shelfspace.reranking.diversity import Diversify
from shelfspace.shop.history import History
from shelfspace.tasks.allowed import allowed_items
from shelfspace.tasks.joined import beside, joins_of
from shelfspace.tasks.lists import Listed, Lists
from shelfspace.tasks.newcomers import Newcomers
from shelfspace.tasks.pasts import Event, queries_of
from shelfspace.tasks.results import TEXTS, Hit, Hits, Value, Why
from shelfspace.tasks.ruled import blocked_items
from shelfspace.tasks.similar import checked_k
from shelfspace.tasks.where import Mask

Seen = Literal["exclude", "include", "only"]
Rows = npt.NDArray[np.int32]
Scores = npt.NDArray[np.float32]

BLOCK_VALUES = 8_000_000
"""Scores held at once, for each retriever: 32 MB of float32."""


def recommend(
    space: Holding,
    user: str | list[str] | None = None,
    *,
    history: Sequence[str | Event] | None = None,
    k: int = 10,
    seen: Seen = "exclude",
    where: str | None = None,
    phrase: str | None = None,
    profile: str | None = None,
    diversity: float = 0.0,
    diversify: Diversify = "mmr",
    explore: float = 0.0,
    seed: int | None = None,
    why: bool = False,
) -> Hits:
    """Return the items that a shopper is most likely to take next.

    Args:
        space: an open space.
        user: a user's id; a list is a batch; none for a shopper who is only their basket or session.
        history: what the shopper did, in order: item ids, or events with times; added to what the space knows of
            the user. Without a user and without a history the shop's popular items answer.
        k: how many answers, 1 to 10,000.
        seen: `exclude` leaves out what the shopper had before, `include` lets it come again, `only` asks what to
            buy again.
        where: a hard filter, such as `price<20 and category:shoes`; fewer than k may satisfy it, and a note says so.
        phrase: what a shopper without a history says they look for: the listings nearest to it answer.
        profile: what is known of a shopper without a history, such as `age=25-34, income=35-49K`, instead of what the
            users table says of them; where `newcomers` was fitted, those like them answer, and friends, and what they
            had in another shop.
        diversity: how much it counts that items of a list are unlike each other, 0 (not at all) to 1 (nothing else).
        diversify: by the nearest item of the list (`mmr`), or by what is new beside all of them together (`dpp`).
        explore: the chance that a place is left to chance, which draws from the best 3 k and from what else the list
            holds; the columns `list_id` and `propensity` (the exact chance of the item to stand at its place) make a
            log that `offpolicy` reads.
        seed: of what is left to chance; a shopper's draws do not depend on who else is asked for.
        why: add what each score is made of: the model and the past item of each part; the parts sum to the score.
            Beside it `unless`: the fewest past items, up to three, without which the answer would not be among the k
            best (empty where none are found, null beyond the first 20 answers and in lists that rules, diversity or
            chance arranged), and `paths`: how the past items that count most and the answer are joined. It asks some
            50 times again for each shopper.

    Pins, boosts and shares of the shop's rules, diversity and chance change the order, not the scores.

    Raises:
        UnknownIdError: an item of the history is not in the catalogue. (An unknown user is no error: the shop's
            popular items answer, and a note says so.)
        FilterError: `where` cannot be read.
        InputError: k or another setting is out of range, a time, phrase or profile cannot be read, a history comes with
            several users, or the space was made from listings alone.

    Example:
        >>> space.recommend("user-7", k=5)  # doctest: +SKIP
        >>> space.recommend(history=["sku-1", "sku-9"], where="price<20")  # doctest: +SKIP
    """
    checked_k(k)
    if not space.blend.used:
        raise InputError("this space was made from listings alone: there are no events to recommend by")
    users = [user] if isinstance(user, str) else list(user or [])
    if history is not None and len(users) > 1:
        raise InputError("a history belongs to one shopper; give one user with it, or none")
    known = space.past.of(users)
    newcomers = Newcomers.of(space, users, known, is_session=bool(history), phrase=phrase, profile=profile)
    queries = queries_of(space, users, known, history, newcomers.notes, newcomers.sources)
    subjects = users or ["this shopper" if history else "anyone"]
    lists = Lists(space, "recommend", k, diversity, diversify, explore, seed)
    asked = _Asked(space, newcomers, lists, allowed_items(space, where), seen, why, newcomers.notes)
    hits = [hit for start, block in _blocks(queries) for hit in asked.hits(start, block, subjects)]
    return Hits.of(hits, [*asked.notes, *lists.notes], why=why, more=asked.columns)


def _blocks(queries: History) -> Iterator[tuple[int, History]]:
    size = max(1, min(4096, BLOCK_VALUES // max(1, queries.num_items)))
    if len(queries) <= size:
        yield 0, queries
        return
    for start in range(0, len(queries), size):
        yield start, queries.of_users(np.arange(start, min(start + size, len(queries))))


@dataclass(frozen=True)
class _Asked:
    """What is asked of all users of one call. B users of a block, N items."""

    space: Holding
    newcomers: Newcomers
    lists: Lists
    matches: Mask
    seen: Seen
    why: bool
    notes: list[str] = field(default_factory=list)

    @property
    def mode(self) -> Mode:
        """Which weights of the blend."""
        return "new" if self.seen == "exclude" else "any"

    @property
    def columns(self) -> Mapping[str, pa.DataType]:
        """What is said of each answer beside its score."""
        told = {"unless": TEXTS, "paths": TEXTS} if self.why else {}
        return {**self.newcomers.columns, **self.lists.columns, **told}

    @cached_property
    def popular(self) -> Scores:
        """What answers somebody of whom nothing is known, float32 [N]."""
        return np.log1p(self.space.past.taken())

    @cached_property
    def joins(self) -> Joins:
        """What joins the items of the space."""
        return joins_of(self.space)

    def hits(self, start: int, block: History, subjects: Sequence[str]) -> Iterator[Hit]:
        """Yield the answers of a block of users, the first of whom is the `start`-th of all."""
        allowed = self._allowed(block)
        found = self.space.blend.scored(block, allowed, self.mode, at_least=self.lists.at_least)
        popular = set[int]()
        for n, length in enumerate(block.lengths().tolist()):
            if self.newcomers.sources[start + n]:
                found[n] = self.newcomers.scored(start + n, allowed[n])
            if not length and not len(found[n].rows):  # no model of the blend knows what to show
                found[n] = Scored.of(np.where(allowed[n] & (self.popular > 0), self.popular, -np.inf))
                popular.add(n)
        named = subjects[start : start + len(block)]
        for n, listed in enumerate(self.lists.of(named, found, allowed)):
            if len(listed.rows) < self.lists.k:
                self.notes.append(
                    _shortfall(named[n], len(listed.rows), self.lists.k, int(allowed[n].sum()), self.seen)
                )
            reasons = self._reasons(start + n, block, n, listed, popular=n in popular)
            more: list[dict[str, Value]] = [
                {**self.newcomers.more(start + n), **said} for said in listed.more
            ]
            if self.why:
                ask = partial(self._again, allowed[n])
                told = beside(self.joins, block.of_users([n]), listed.rows, reasons, self.lists.k, ask)
                # what is told of the best by score is not so of a list that rules, diversity or chance arranged
                untold: dict[str, Value] = {"unless": None} if self.lists.arranges else {}
                more = [{**one, **other, **untold} for one, other in zip(more, told, strict=True)]
            yield from self._of_one(named[n], listed, reasons, more)

    def _of_one(
        self,
        subject: str,
        listed: Listed,
        reasons: Sequence[tuple[Why, ...]],
        more: Sequence[dict[str, Value]],
    ) -> Iterator[Hit]:
        texts = self.space.catalogue.ids.texts(listed.rows)
        told = zip(listed.rows.tolist(), texts, listed.scores.tolist(), strict=True)
        for place, (row, text, value) in enumerate(told):
            parts = reasons[place] if reasons else ()
            # what was pinned and is no candidate has the sum of its reasons
            score = value if isfinite(value) else sum(part.amount for part in parts)
            said = parts if self.why else ()
            yield Hit(subject, place + 1, text, self.space.titles[row], score, said, more[place])

    def _scores(self, block: History, allowed: npt.NDArray[np.bool_]) -> Scores:
        return self.space.blend.scores(block, allowed, self.mode, at_least=self.lists.at_least)

    def _again(self, allowed: npt.NDArray[np.bool_], pasts: History) -> Scores:
        """Return the scores of one user with other pasts, [B, N]; what may be answered stays as it was."""
        scores = self._scores(pasts, np.tile(allowed, (len(pasts), 1)))
        nothing = (pasts.lengths() == 0) & ~np.isfinite(scores).any(axis=1)
        scores[nothing] = np.where(allowed & (self.popular > 0), self.popular, -np.inf)
        return scores

    def _allowed(self, block: History) -> npt.NDArray[np.bool_]:
        shape = len(block), len(self.matches)
        if self.seen == "only":
            allowed = np.zeros(shape, bool)
            allowed[block.user(), block.item] = self.matches[block.item]
            return allowed
        allowed = np.broadcast_to(self.matches, shape).copy()
        if self.seen == "exclude":
            allowed[block.user() if len(block) > 1 else 0, block.item] = False
        return allowed

    def _reasons(
        self, number: int, block: History, n: int, listed: Listed, *, popular: bool
    ) -> Sequence[tuple[Why, ...]]:
        """Return what the scores of the n-th user's list are made of; nothing where nobody needs it."""
        if not self.why and np.isfinite(listed.scores).all():
            return ()
        if self.newcomers.sources[number]:
            return self.newcomers.why(number, listed.rows)
        if popular:
            return [(Why("popularity", None, None, float(v)),) for v in self.popular[listed.rows]]
        return _why(self.space, block.of_users([n]), listed.rows, self.mode)


def _shortfall(subject: str, found: int, k: int, allowed: int, seen: Seen) -> str:
    if allowed > found:
        return f"{subject}: {found} of {k}: no model has a reason to show any of the other {allowed - found:,} items"
    rule = {"exclude": "are new to the shopper and ", "only": "were had before and ", "include": ""}[seen]
    return f"{subject}: {found} of {k}: no more items {rule}satisfy the filter"


def _why(space: Holding, query: History, rows: Rows, mode: Mode) -> list[tuple[Why, ...]]:
    ids, blocked = space.catalogue.ids, blocked_items(space)

    def said(part: Part) -> Why:
        if part.item < 0 or blocked[part.item]:
            return Why(part.retriever, None, None, part.amount)
        return Why(part.retriever, ids.text(part.item), space.titles[part.item], part.amount)

    return [tuple(map(said, parts)) for parts in space.blend.reasons(query, rows, mode)]
