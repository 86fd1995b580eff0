"""Weights chosen on the baskets of validation; then all of it fitted on everything. N items."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Self

import numpy as np
import numpy.typing as npt

from shelfspace.bundling.baskets import Baskets, Floats, Rows
from shelfspace.bundling.bundle import Bundle
from shelfspace.bundling.complements import Complements, Vectors, Weighing, joined
from shelfspace.bundling.kinds import Kinds
from shelfspace.bundling.next_basket import Habits, NextBasket
from shelfspace.errors import DataError
from shelfspace.linear.repeat import Repeat
from shelfspace.linear.vectors import ItemVectors
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import History

DRAWN = (0.05, 0.3, 1.0)
RARE = (0.0, 0.2, 0.5)
AGAIN = (0.05, 0.2, 1.0)
"""Half-lives, as shares of the time that the log spans."""
BESIDE = (0.0, 0.05, 0.15, 0.3)
SHARED = (0.0, 0.02, 0.1)
DEEPEST = 100
"""What is found further down does not count when weights are chosen."""
MOST_OTHERS = 5
"""Of a basket, so many items are asked with when weights are chosen."""


@dataclass(frozen=True)
class Case:
    """A basket of which one item is hidden; and one of the others, by which alone the rest is asked for."""

    others: Rows
    hidden: int
    one: int
    rest: Rows

    @classmethod
    def drawn(cls, items: Rows, rng: np.random.Generator) -> Self:
        """Hide one item of two or more."""
        mixed = rng.permutation(items)
        return cls(np.sort(mixed[1:]), int(mixed[0]), int(mixed[1]), np.delete(mixed, 1))


@dataclass(frozen=True)
class Window:
    """What is known before a moment, and what is asked after it.

    cases: of baskets;  users, visits: shoppers by row of the history and what their next basket held.
    """

    past: History
    cases: list[Case]
    users: Rows
    visits: list[Rows]


@dataclass(frozen=True)
class Learnt:
    """What is fitted; and, to be measured, the last window with what was fitted before it. None where it has no times.

    vectors: those by which like items were found, learnt before validation.
    """

    complements: Complements
    next_basket: NextBasket | None
    test: Window | None
    before: "Learnt | None"
    vectors: Vectors | None
    notes: tuple[str, ...]


def learnt_from(
    settings: Bundle, catalogue: Catalogue, history: History, *, num_named: int, seed: int
) -> Learnt:
    """Choose weights on the last but one tenth of the baskets, and fit on everything.

    Raises:
        DataError: nothing says what was bought together, or nothing ever was.
    """
    baskets = Baskets.of(history)
    if not (np.diff(baskets.members.indptr) > 1).any():
        raise DataError(
            f"none of the {len(baskets):,} {baskets.source} holds two items: nothing goes together"
        )
    notes = ["there are no baskets: items of one session count as bought together"]
    notes = notes if baskets.source == "sessions" else []
    weighing, habits = Weighing(substitutes=settings.substitutes, popular=settings.popular), Habits()
    size, begun = len(baskets), baskets.time
    cuts = [float(begun[int(size * share)]) for share in (0.8, 0.9)]
    test, before, vectors = None, None, None
    if history.clock == "none" or cuts[0] == begun[0] or cuts[1] == cuts[0]:
        notes.append("there is no time to hold out: the weights are as they come, and nothing is measured")
    elif settings.tune_cases or settings.test_cases:
        validation = window(history, cuts[0], cuts[1], settings.tune_cases, num_named=num_named, seed=seed)
        vectors = ItemVectors().learn(validation.past, catalogue).vectors
        complements = fitted(settings, weighing, catalogue, validation.past)
        if validation.cases:
            weighing = chosen_weighing(complements, validation.cases, vectors)
        if len(validation.users):
            habits = chosen_habits(complements.baskets, catalogue, validation)
        test = window(history, cuts[1], np.inf, settings.test_cases, num_named=num_named, seed=seed + 1)
        complements = fitted(settings, weighing, catalogue, test.past)
        before = Learnt(
            complements,
            next_basket_of(complements.baskets, habits, catalogue, test.past) if num_named else None,
            None,
            None,
            vectors,
            (),
        )
    complements = fitted(settings, weighing, catalogue, history)
    found = next_basket_of(complements.baskets, habits, catalogue, history) if num_named else None
    return Learnt(complements, found, test, before, vectors, tuple(notes))


def fitted(settings: Bundle, weighing: Weighing, catalogue: Catalogue, history: History) -> Complements:
    """Count baskets and kinds."""
    baskets = Baskets.of(history)
    return Complements(baskets, Kinds.of(catalogue, baskets), weighing, settings.num_like)


def window(history: History, begin: float, end: float, size: int, *, num_named: int, seed: int) -> Window:
    """Return what is known before `begin`, and at most `size` baskets and shoppers asked before `end`."""
    rng = np.random.default_rng(seed)
    past = replace(history.keep(history.time < begin), now=begin)
    every = Baskets.of(history)
    asked = every.between(begin, end)
    several = np.flatnonzero(np.diff(asked.members.indptr) > 1)
    several = np.sort(rng.permutation(several)[:size])
    cases = [Case.drawn(items, rng) for items in _rows_of(asked, several)]
    users, visits = _visits(every, history, begin, end, num_named)
    known = np.flatnonzero(past.lengths()[users] > 0) if len(users) else np.zeros(0, np.int64)
    known = np.sort(rng.permutation(known)[:size])
    return Window(past, cases, users[known], [visits[n] for n in known.tolist()])


def chosen_weighing(complements: Complements, cases: list[Case], vectors: Vectors) -> Weighing:
    """Return the weights by which hidden items of baskets come first; how much popularity counts is not chosen."""
    tried = [replace(complements.weighing, drawn=drawn, rare=rare) for drawn, rare in product(DRAWN, RARE)]
    gain = np.zeros(len(tried))
    for case in cases:
        asked = case.others[:MOST_OTHERS]
        counted = [complements.counted(int(row), vectors) for row in asked]
        for n, weighing in enumerate(tried):
            score = joined(counted, weighing)[0].score
            score[asked] = -np.inf
            gain[n] += discounted(score, np.array([case.hidden]))
    return tried[int(gain.argmax())]


def chosen_habits(baskets: Baskets, catalogue: Catalogue, window: Window) -> Habits:
    """Return the weights by which most of the next baskets' items come first."""
    span = max(float(np.ptp(baskets.time)), 1e-9) if len(baskets) else 1.0
    tried = [
        Habits(again=span * share, beside=beside, popular=popular)
        for share, beside, popular in product(AGAIN, BESIDE, SHARED)
    ]
    gain = np.zeros(len(tried))
    by_share = len(BESIDE) * len(SHARED)
    for start in range(0, len(tried), by_share):
        unit = Habits(again=tried[start].again, beside=1.0, popular=1.0)
        model = next_basket_of(baskets, unit, catalogue, window.past)
        for user, visit in zip(window.users.tolist(), window.visits, strict=True):
            parts = model.visit(window.past.of_users([user]))
            for n in range(start, start + by_share):
                score = parts.again + tried[n].beside * parts.beside + tried[n].popular * parts.popular
                gain[n] += discounted(score, visit, deepest=10) / min(len(visit), 10)
    return tried[int(gain.argmax())]


def discounted(score: Floats, relevant: Rows, *, deepest: int = DEEPEST) -> float:
    """Return the sum over relevant items of 1 / log2(2 + rank), rank from 0, ties half before; 0 from `deepest` on."""
    total = 0.0
    for value in score[relevant].tolist():
        rank = np.count_nonzero(score > value) + (np.count_nonzero(score == value) - 1) / 2
        total += 1.0 / np.log2(2.0 + rank) if rank < deepest else 0.0
    return total


def next_basket_of(baskets: Baskets, habits: Habits, catalogue: Catalogue, history: History) -> NextBasket:
    """Learn how often each item is taken again."""
    taken, _ = baskets.grouped(history)
    return NextBasket(Repeat(half_life=habits.again).fit(taken, catalogue), baskets, habits)


def _rows_of(baskets: Baskets, rows: npt.NDArray[np.int64]) -> Iterator[Rows]:
    members = baskets.members
    for row in rows.tolist():
        yield members.indices[members.indptr[row] : members.indptr[row + 1]].astype(np.int64)


def _visits(
    baskets: Baskets, history: History, begin: float, end: float, num_named: int
) -> tuple[Rows, list[Rows]]:
    """Return the named users who came between two moments, and what their first basket of it held."""
    taken, group = baskets.grouped(history)
    user = taken.user().astype(np.int64)
    kept = (taken.time >= begin) & (taken.time < end) & (user < num_named) & (group >= 0)
    user, group, item = user[kept], group[kept], taken.item[kept].astype(np.int64)
    users, first, code = np.unique(user, return_index=True, return_inverse=True)
    same = group == group[first][code]
    pairs = np.unique(code[same] * taken.num_items + item[same])
    owner = pairs // taken.num_items
    borders = np.searchsorted(owner, np.arange(1, len(users)))
    return users, np.split(pairs % taken.num_items, borders) if len(users) else []
