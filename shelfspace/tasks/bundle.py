"""What goes with a product or a basket, not what replaces it; and what a shopper takes on the next visit."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shelfspace.bundling.baskets import Baskets, Floats, Rows
from shelfspace.bundling.bundle import FittedBundle
from shelfspace.bundling.complements import PARTS, Scored
from shelfspace.bundling.rules import Rules
from shelfspace.errors import InputError, UnknownIdError
from shelfspace.holding import Holding
from shelfspace.tasks.allowed import allowed_items
from shelfspace.tasks.learnt import learnt_by
from shelfspace.tasks.results import Hit, Hits, Why
from shelfspace.tasks.ruled import blocked_items
from shelfspace.tasks.similar import checked_k

MORE = {
    "support": pa.int64(),
    "confidence": pa.float32(),
    "lift": pa.float32(),
    "lift_low": pa.float32(),
    "lift_high": pa.float32(),
    "smoothed": pa.float32(),
}

MOST_ITEMS = 1_000
"""Of a basket that is asked with."""

NOTHING = 1e-12
"""A score that is no more than rounding."""

FEW = 5
"""Baskets under which an answer says on how little it rests."""


def bundle(
    space: Holding,
    item: str | list[str] | None = None,
    *,
    basket: Sequence[str] | None = None,
    user: str | None = None,
    k: int = 10,
    where: str | None = None,
    why: bool = False,
) -> Hits:
    """Return what goes with a product, with a whole basket, or into a shopper's next basket.

    Besides the score each answer has the plain rule behind it: `support`, baskets with all that was asked and the
    answer; `confidence`, their share of the baskets with all that was asked; `lift`, that over the answer's share of
    all baskets, with its 95 % interval from `lift_low` to `lift_high` (null where there is no such basket); and
    `smoothed`, the share of what speaks for it that is not from the asked item's own baskets. For a shopper the baskets
    are their own.

    Args:
        space: an open space in which `bundle` was fitted.
        item: an item's id; a list is a batch, each for itself.
        basket: ids of items: what goes with all of these together.
        user: a shopper's id: the next basket, what they take again included.
        k: how many answers, 1 to 10,000.
        where: a hard filter, such as `price<20 and category:shoes`; fewer than k may satisfy it, and a note says so.
        why: add what each score is made of; the parts sum to it.

    Raises:
        InputError: the space has no fitted `bundle`, k is out of range, or not one of item, basket and user is given.
        UnknownIdError: an item or the user is not known, or no item of the basket.
        FilterError: `where` cannot be read.

    Cost: some milliseconds an item and 100 thousand items; a shopper as much again.

    Example:
        >>> space.bundle("sku-42", k=5).to_frame()  # doctest: +SKIP
        >>> space.bundle(basket=["sku-42", "sku-7"])  # doctest: +SKIP
        >>> space.bundle(user="user-7", why=True)  # doctest: +SKIP
    """
    checked_k(k)
    fitted = learnt_by(space, "bundle", FittedBundle)
    items = [item] if isinstance(item, str) else list(item or [])
    if sum(map(bool, (items, basket, user))) != 1:
        raise InputError("give one of these: items, a basket, or a user")
    asked = _Asked(space, fitted, allowed_items(space, where), k, why)
    notes = list(fitted.notes)
    if user:
        hits = list(asked.shopper(user, notes))
    elif basket:
        hits = list(asked.together(_known(space, basket, notes), notes))
    else:
        rows = [space.catalogue.ids.row(text) for text in items]
        hits = [hit for row in rows for hit in asked.item(row, notes)]
    return Hits.of(hits, notes, why=why, more=MORE)


@dataclass(frozen=True)
class _Asked:
    """A question, and what it is asked of."""

    space: Holding
    fitted: FittedBundle
    allowed: npt.NDArray[np.bool_]
    k: int
    why: bool

    @property
    def baskets(self) -> Baskets:
        """The shop's baskets."""
        return self.fitted.complements.baskets

    def item(self, row: int, notes: list[str]) -> Iterator[Hit]:
        """Yield what goes with one item."""
        subject, sold = self.space.catalogue.ids.text(row), int(self.baskets.sold[row])
        scored = self.fitted.complements.scored(row, self.space.vectors)
        best = self._best(scored.score, [row], subject, notes)
        if sold == 0:
            notes.append(f"{subject!r} was never sold: like products' baskets and the categories answer")
        elif sold < FEW:
            notes.append(f"{subject!r} is in {sold} of the baskets: most of its answer is from like products")
        rules = Rules.of(self.baskets.together([row])[best], sold, self.baskets.sold[best], len(self.baskets))
        whys = [tuple(_parts(scored, at)) for at in best.tolist()]
        yield from self._hits(subject, best, scored.score, rules, scored.smoothed, whys)

    def together(self, rows: Rows, notes: list[str]) -> Iterator[Hit]:
        """Yield what goes with all of a basket."""
        ids, titles = self.space.catalogue.ids, self.space.titles
        scored, each = self.fitted.complements.several(rows, self.space.vectors)
        subject = " + ".join(ids.texts(rows[:5])) + (f" + {len(rows) - 5} more" if len(rows) > 5 else "")
        best = self._best(scored.score, rows, subject, notes)
        holding = self.baskets.holding(rows)
        if not len(holding):
            notes.append(
                f"no basket holds all {len(rows)}: there is no rule for them, each adds what goes with it"
            )
        rules = Rules.of(
            self.baskets.counts(holding)[best], len(holding), self.baskets.sold[best], len(self.baskets)
        )
        names = ids.texts(rows)
        amounts = np.stack([one.score[best] for one in each])
        whys = [
            tuple(
                Why("goes with", names[n], titles[int(rows[n])], float(amounts[n, at]))
                for n in np.argsort(-amounts[:, at], kind="stable").tolist()
            )
            for at in range(len(best))
        ]
        yield from self._hits(subject, best, scored.score, rules, scored.smoothed, whys)

    def shopper(self, user: str, notes: list[str]) -> Iterator[Hit]:
        """Yield what a shopper takes on the next visit."""
        model = self.fitted.next_basket
        if model is None:
            raise InputError("no shopper is named in this shop's events: ask with a basket instead")
        query = self.space.past.of([user])
        if not query.num_events:
            self.space.users.row(user)  # somebody whom nobody knows is refused
        visit = model.visit(query)
        if not visit.again.any():
            notes.append(f"{user!r} has no purchases: what everybody takes answers")
        best = self._best(visit.score, [], user, notes)
        own = self.baskets.alike(query)
        rules = Rules.of(own.sold[best], len(own), self.baskets.sold[best], len(self.baskets))
        score = visit.score
        smoothed = np.divide(visit.beside + visit.popular, score, out=np.ones(len(score)), where=score > 0)
        whys: list[tuple[Why, ...]] = [()] * len(best)
        if self.why:
            beside, titles = model.beside(visit, best), self.space.titles
            blocked = blocked_items(self.space)
            names = self.space.catalogue.ids.texts(visit.past)
            for n, at in enumerate(best.tolist()):
                text = self.space.catalogue.ids.text(at)
                parts = [Why("taken again", text, titles[at], float(visit.again[at]))]
                for p in np.flatnonzero(beside[:, n]).tolist():
                    hidden, title = blocked[visit.past[p]], titles[int(visit.past[p])]
                    parts.append(
                        Why("goes with", None, None, float(beside[p, n]))
                        if hidden
                        else Why("goes with", names[p], title, float(beside[p, n]))
                    )
                parts.append(Why("popular", None, None, float(visit.popular[at])))
                whys[n] = tuple(sorted((p for p in parts if p.amount), key=lambda part: -part.amount))
        yield from self._hits(user, best, score, rules, smoothed, whys)

    def _best(self, score: Floats, without: Sequence[int] | Rows, subject: str, notes: list[str]) -> Rows:
        """Return the k best that may be answered and have a score, best first."""
        score = np.where(self.allowed & (score > NOTHING), score, -np.inf)
        score[without] = -np.inf
        size = min(self.k, len(score))
        top = np.sort(np.argpartition(-score, size - 1)[:size])
        best = top[np.argsort(-score[top], kind="stable")]
        best = best[np.isfinite(score[best])].astype(np.int64)
        if len(best) < self.k:
            notes.append(
                f"{subject}: {len(best)} of {self.k}: no other item is known to go with it and satisfies the filter"
            )
        return best

    def _hits(
        self,
        subject: str,
        best: Rows,
        score: Floats,
        rules: Rules,
        smoothed: Floats,
        whys: list[tuple[Why, ...]],
    ) -> Iterator[Hit]:
        ids = self.space.catalogue.ids.texts(best)
        for n, row in enumerate(best.tolist()):
            lift = [float(value[n]) for value in (rules.lift, rules.low, rules.high)]
            lifts = [None if np.isnan(value) else value for value in lift]
            more = dict(
                zip(
                    MORE,
                    (int(rules.support[n]), float(rules.confidence[n]), *lifts, float(smoothed[row])),
                    strict=True,
                )
            )
            why = whys[n] if self.why else ()
            yield Hit(subject, n + 1, ids[n], self.space.titles[row], float(score[row]), why, more)


def _parts(scored: Scored, row: int) -> Iterator[Why]:
    """Yield what a score is made of, the greatest first."""
    amounts = dict(zip(PARTS, scored.parts[:, row].tolist(), strict=True))
    for name, amount in sorted(amounts.items(), key=lambda part: -part[1]):
        if amount:
            yield Why(name, None, None, amount)


def _known(space: Holding, basket: Sequence[str], notes: list[str]) -> Rows:
    """Return the rows of a basket's items, each once; what is unknown is told and left out."""
    if len(basket) > MOST_ITEMS:
        raise InputError(f"a basket of {len(basket):,} items is too large; the limit is {MOST_ITEMS:,}")
    found: list[int] = []
    unknown: list[UnknownIdError] = []
    for text in dict.fromkeys(basket):
        try:
            found.append(space.catalogue.ids.row(text))
        except UnknownIdError as problem:
            unknown.append(problem)
    if not found:
        raise UnknownIdError(f"in the basket: {unknown[0]}")
    notes += [f"left out: {problem}" for problem in unknown]
    return np.array(found, np.int64)
