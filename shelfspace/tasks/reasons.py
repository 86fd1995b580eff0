"""What makes a cosine: the fields and words of what was asked, and those of each answer. D embedding_dim, A answers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shelfspace.encode.learnt import Learnt
from shelfspace.encode.towers import Towers
from shelfspace.explaining.encoded import Encodable, asked_parts
from shelfspace.explaining.parts import BEHAVIOUR
from shelfspace.explaining.worded import Worded
from shelfspace.holding import Holding
from shelfspace.shop.catalogue import Catalogue
from shelfspace.tasks.results import Why

Floats = npt.NDArray[np.float32]
Amounts = npt.NDArray[np.float64]

ASKED, ANSWER = {"orders": 8, "exact": 6}, {"orders": 2, "exact": 4}
"""How Shapley values are found of what is asked (once a question), and of each answer."""

REST = "the rest"
"""What the listings do not account for, as where vectors were propagated over who took what."""

_LEAST = 1e-6


@dataclass(frozen=True)
class Question:
    """What the answers are near to: an item, a listing that is not there, or both, which count alike."""

    item: int | None = None
    said: Catalogue | None = None


def towers_of(space: Holding) -> Towers | None:
    """Return the towers that made the space's vectors, where it was towers."""
    learnt = [part for part in space.blend.retrievers.values() if isinstance(part, Learnt)]
    return next(
        (part.towers for part in learnt if part.towers is not None and "learnt" in space.blocks), None
    )


def reasons(
    space: Holding, question: Question, query: Floats, rows: Sequence[int], scores: Sequence[float]
) -> list[tuple[Why, ...]]:
    """Return the parts of each score, the largest first; they sum to it.

    Half of a cosine is told by what was asked, half by the answer: a part with an `item_id` is of that item's listing,
    one without is of a phrase or a photo, or of both sides.

    Args:
        space: an open space.
        question: what was asked.
        query: its vector, float32 [D].
        rows: the A answers.
        scores: their cosines.

    Cost: where the vectors are in closed form, milliseconds an answer. Where towers made them, each listing is encoded
    again some twenty to sixty times, what was asked up to two hundred times; its photo once.
    """
    if not rows:
        return []
    answers = np.asarray(space.vectors[list(rows)], np.float32)
    towers = towers_of(space)
    if towers is not None:
        asked, answering = _encoded(space, towers, question, query, answers, rows)
    else:
        asked, answering = _closed(space, question, query, answers, rows)
    found = []
    for n, score in enumerate(scores):
        parts: dict[tuple[str, int | None], float] = {}
        for (named, item), amounts in asked:
            parts[named, item] = parts.get((named, item), 0.0) + float(amounts[n]) / 2
        for (named, item), amount in answering[n]:
            parts[named, item] = parts.get((named, item), 0.0) + amount / 2
        rest = score - sum(parts.values())
        if abs(rest) > _LEAST:
            parts[REST, None] = rest
        found.append(_said(space, parts))
    return found


Named = tuple[str, int | None]
"""A part's name, and the item whose listing it is of."""


def _said(space: Holding, parts: Mapping[Named, float]) -> tuple[Why, ...]:
    ids, titles = space.catalogue.ids, space.titles
    told = [
        Why(named, None if item is None else ids.text(item), None if item is None else titles[item], amount)
        for (named, item), amount in parts.items()
        if amount
    ]
    return tuple(sorted(told, key=lambda part: -abs(part.amount)))


def _encoded(
    space: Holding,
    towers: Towers,
    question: Question,
    query: Floats,
    answers: Floats,
    rows: Sequence[int],
) -> tuple[list[tuple[Named, Amounts]], list[list[tuple[Named, float]]]]:
    def of_item(row: int) -> Encodable:
        return Encodable(towers, space.catalogue.table.slice(row, 1), row)

    listings = [of_item(question.item)] if question.item is not None else []
    if question.said is not None:
        listings.append(Encodable(towers, question.said.table))
    asked, at = [], 0
    amounts = asked_parts(listings, answers, **ASKED)
    for listing in listings:
        some = amounts[at : at + len(listing.parts())]
        at += len(some)
        values = listing.values
        asked += [((part.named(values.get(part.column)), listing.item), amount) for part, amount in some]
    answering = []
    for row in rows:
        listing = of_item(row)
        values = listing.values
        found = asked_parts([listing], query[None], **ANSWER)
        answering.append(
            [((part.named(values.get(part.column)), row), float(amount[0])) for part, amount in found]
        )
    return asked, answering


def _closed(
    space: Holding, question: Question, query: Floats, answers: Floats, rows: Sequence[int]
) -> tuple[list[tuple[Named, Amounts]], list[list[tuple[Named, float]]]]:
    pieces: list[tuple[Floats, int | None, Catalogue | None]] = []
    if question.item is not None:
        own = np.asarray(space.vectors[question.item], np.float32)
        pieces.append((own, question.item, _of_item(space, question.item)))
    if question.said is not None and space.listed is not None:
        pieces.append((space.listed.vectors(question.said)[0], None, question.said))
    length = float(np.linalg.norm(np.sum([piece[0] for piece in pieces], axis=0)))
    asked = [
        part
        for vector, item, listing in pieces
        for part in _parts(space, vector / np.float32(max(length, 1e-12)), item, listing, answers)
    ]
    answering = [
        [
            (named, float(amounts[0]))
            for named, amounts in _parts(space, answer, row, _of_item(space, row), query[None])
        ]
        for answer, row in zip(answers, rows, strict=True)
    ]
    return asked, answering


def _parts(
    space: Holding, vector: Floats, item: int | None, listing: Catalogue | None, against: Floats
) -> Iterator[tuple[Named, Amounts]]:
    """Yield the parts of the products of one side's vector with those of the other."""
    worded = None
    if space.listed is not None and listing is not None and not space.listed.principal.size:
        worded = Worded.of(space.listed, listing)
    start = 0
    for name, width in space.blocks.items():
        block = slice(start, start + width)
        start += width
        whole = against[:, block].astype(np.float64) @ vector[block]
        through = (
            space.listed.ridge if name == BEHAVIOUR and item is None and space.listed is not None else None
        )
        if worded is None or (name == BEHAVIOUR and through is None):
            yield (name, None), whole
            continue
        for part, amounts in zip(
            worded.parts, worded.amounts(against[:, block], whole, through), strict=True
        ):
            yield (part.named(), item), amounts


def _of_item(space: Holding, row: int) -> Catalogue:
    own = space.catalogue
    return Catalogue(
        own.ids.__class__(own.ids.array.slice(row, 1), "item"),
        own.table.slice(row, 1),
        np.zeros(1),
        np.zeros(1, np.int32),
    )
