"""What makes a cosine: the fields and words of what was asked, and those of each answer. D embedding_dim, A answers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shelfspace.encode.learnt import Learnt
from shelfspace.encode.towers import Towers
from shelfspace.explaining.encoded import Encodable, asked_parts
from shelfspace.explaining.parts import BEHAVIOUR
from shelfspace.explaining.worded import Worded
from shelfspace.holding import Holding
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.ids import Ids
from shelfspace.tasks.results import Why

Floats = npt.NDArray[np.float32]
Amounts = npt.NDArray[np.float64]

ASKED, ANSWER = {"orders": 8, "exact": 6}, {"orders": 2, "exact": 4}
"""How Shapley values are found of what is asked (once a question), and of each answer."""

MOST_ANSWERS = 50
"""Answers whose own listings are looked at; of those behind them the question alone is."""

REST = "the rest"
"""What the listings do not account for, as where vectors were propagated over who took what."""

_LEAST = 1e-6

Named = tuple[str, int | None]
"""A part's name, and the item whose listing it is of."""


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
    one without is of a phrase or a photo, or of both sides. From the 51st answer on what was asked tells the whole.

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
    looked_at = rows[:MOST_ANSWERS]
    if towers is not None:
        asked, answering = _encoded(space, towers, question, query, answers, looked_at)
    else:
        asked, answering = _closed(space, question, query, answers, looked_at)
    found = []
    for n, score in enumerate(scores):
        parts: dict[Named, float] = {}
        share = 0.5 if n < len(answering) else 1.0
        for (named, item), amounts in asked:
            parts[named, item] = parts.get((named, item), 0.0) + share * float(amounts[n])
        for (named, item), amount in answering[n] if n < len(answering) else ():
            parts[named, item] = parts.get((named, item), 0.0) + share * amount
        rest = score - sum(parts.values())
        if abs(rest) > _LEAST:
            parts[REST, None] = rest
        found.append(_said(space, parts))
    return found


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
    answering: list[list[tuple[Named, float]]] = []
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
    items = [question.item, *rows] if question.item is not None else list(rows)
    worded: list[Worded | None] = [None] * len(items)
    said: Worded | None = None
    if (
        space.listed is not None and not space.listed.principal.size
    ):  # else other vectors are mixed with the words
        worded = list(Worded.of(space.listed, of_items(space, items)))
        said = Worded.of(space.listed, question.said)[0] if question.said is not None else None
    pieces: list[tuple[Floats, int | None, Worded | None]] = []
    if question.item is not None:
        pieces.append((np.asarray(space.vectors[question.item], np.float32), question.item, worded[0]))
    if question.said is not None and space.listed is not None:
        pieces.append((space.listed.vectors(question.said)[0], None, said))
    length = float(np.linalg.norm(np.sum([piece[0] for piece in pieces], axis=0)))
    asked = [
        part
        for vector, item, words in pieces
        for part in _parts(space, vector / np.float32(max(length, 1e-12)), item, words, answers)
    ]
    answering = [
        [(named, float(amounts[0])) for named, amounts in _parts(space, answer, row, words, query[None])]
        for answer, row, words in zip(answers[: len(rows)], rows, worded[-len(rows) :], strict=True)
    ]
    return asked, answering


def _parts(
    space: Holding, vector: Floats, item: int | None, worded: Worded | None, against: Floats
) -> Iterator[tuple[Named, Amounts]]:
    """Yield the parts of the products of one side's vector with those of the other."""
    start = 0
    for name, width in space.blocks.items():
        block = slice(start, start + width)
        start += width
        whole = against[:, block].astype(np.float64) @ vector[block]
        foretold = name == BEHAVIOUR and item is None and space.listed is not None
        if worded is None or (name == BEHAVIOUR and not foretold):
            yield (name, None), whole
            continue
        through = space.listed.ridge if foretold and space.listed is not None else None
        for part, amounts in zip(
            worded.parts, worded.amounts(against[:, block], whole, through), strict=True
        ):
            yield (part.named(), item), amounts


def of_items(space: Holding, rows: Sequence[int]) -> Catalogue:
    """Return some listings of the catalogue; one may be there twice."""
    ids = Ids([str(n) for n in range(len(rows))], "item")
    table = space.catalogue.table.take(pa.array(rows, pa.int64()))
    return Catalogue(ids, table, np.zeros(len(rows)), np.zeros(len(rows), np.int32))
