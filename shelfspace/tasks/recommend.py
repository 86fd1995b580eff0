"""What a shopper will want next."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Literal

import numpy as np
import numpy.typing as npt

from shelfspace.blend import Mode, Part
from shelfspace.errors import InputError, UnknownIdError, did_you_mean
from shelfspace.holding import Holding
from shelfspace.shop.history import History
from shelfspace.tasks.allowed import allowed_items
from shelfspace.tasks.joined import beside, joins_of
from shelfspace.tasks.results import TEXTS, Hit, Hits, Value, Why
from shelfspace.tasks.similar import checked_k

Seen = Literal["exclude", "include", "only"]

BLOCK_VALUES = 8_000_000
"""Scores held at once, for each retriever: 32 MB of float32."""


@dataclass(frozen=True)
class Event:
    """One thing a shopper did: `timestamp` as ISO text, a datetime, or a step where the shop counts steps."""

    item_id: str
    timestamp: str | datetime | float | None = None
    event: str | None = None


def recommend(
    space: Holding,
    user: str | list[str] | None = None,
    *,
    history: Sequence[str | Event] | None = None,
    k: int = 10,
    seen: Seen = "exclude",
    where: str | None = None,
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
        why: add what each score is made of: the model and the past item of each part; the parts sum to the score.
            Beside it `unless`: few past items, up to three, without which the answer would not be on the list (empty
            where none are found, null beyond the first 20 answers), and `paths`: how the past items that count most
            and the answer are joined. It asks some 50 times again for each shopper.

    Raises:
        UnknownIdError: an item of the history is not in the catalogue. (An unknown user is no error: the shop's
            popular items answer, and a note says so.)
        FilterError: `where` cannot be read.
        InputError: k is out of range, a time cannot be read, a history comes with several users, or the space was
            made from listings alone.

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
    notes: list[str] = []
    queries = _queries(space, users, history, notes)
    subjects = users or ["this shopper" if history else "anyone"]
    matches = allowed_items(space, where)
    mode: Mode = "new" if seen == "exclude" else "any"
    hits: list[Hit] = []
    joins = joins_of(space)
    for start, block in _blocks(queries, len(matches)):
        allowed = _allowed(block, matches, seen)
        scores, unanswered = _scored(space, block, allowed, mode, k)
        for n, (rows, values) in enumerate(_best(scores, k)):
            subject = subjects[start + n]
            if len(rows) < k:
                notes.append(_shortfall(subject, len(rows), k, int(allowed[n].sum()), seen))
            parts: list[tuple[Why, ...]] = [()] * len(rows)
            more: list[dict[str, Value]] = [{}] * len(rows)
            if why:
                popular: list[tuple[Why, ...]] = [
                    (Why("popularity", None, None, float(value)),) for value in values
                ]
                one = block.of_users([n])
                parts = popular if unanswered[n] else _why(space, one, rows, mode)
                ask = partial(_asked_again, space, allowed[n], mode, k)
                more = beside(joins, one, rows, parts, k, ask)
            texts = space.catalogue.ids.texts(rows)
            for rank, (row, text, value) in enumerate(zip(rows, texts, values, strict=True), start=1):
                hits.append(
                    Hit(subject, rank, text, space.titles[row], float(value), parts[rank - 1], more[rank - 1])
                )
    return Hits.of(hits, notes, why=why, more={"unless": TEXTS, "paths": TEXTS} if why else None)


def _scored(
    space: Holding, block: History, allowed: npt.NDArray[np.bool_], mode: Mode, k: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Return the scores [B, N], and which users are answered with what is popular, bool [B]."""
    scores = space.blend.scores(block, allowed, mode, at_least=k)
    unanswered = (block.lengths() == 0) & ~np.isfinite(scores).any(axis=1)
    if unanswered.any():  # no model of the blend knows what to show to somebody without a history
        taken = np.log1p(np.bincount(space.history.item, minlength=len(space.catalogue)))
        scores[unanswered] = np.where(allowed[unanswered] & (taken > 0), taken, -np.inf)
    return scores, unanswered


def _asked_again(
    space: Holding, allowed: npt.NDArray[np.bool_], mode: Mode, k: int, pasts: History
) -> npt.NDArray[np.float32]:
    """Return the scores of one user with other pasts, [B, N]; what may be answered stays as it was."""
    return _scored(space, pasts, np.tile(allowed, (len(pasts), 1)), mode, k)[0]


def _queries(
    space: Holding, users: list[str], history: Sequence[str | Event] | None, notes: list[str]
) -> History:
    known = space.history
    rows = space.users.rows(users) if users else np.zeros(0, np.int32)
    for text in (u for u, row in zip(users, rows, strict=True) if row < 0):
        near = did_you_mean(text, space.users.array.to_pylist()) if len(space.users) <= 50_000 else ""
        if not history:
            notes.append(f"user {text!r} is not known{near}; the shop's popular items answer")
    if not users and not history:
        notes.append("no user and no history; the shop's popular items answer")
    # an unknown user asks with an empty row: `of_users` needs one, and only known rows are filled from it
    asked = known.of_users(np.maximum(rows, 0)) if users else _empty(known)
    if users and (rows < 0).any():
        asked = replace(asked.keep(np.repeat(rows >= 0, asked.lengths())), who=rows)
    return _with_events(space, asked, history) if history else asked


def _empty(like: History) -> History:
    nobody = like.of_users(np.zeros(0, np.int64))
    return replace(nobody, indptr=np.zeros(2, np.int64), who=np.full(1, -1, np.int32))


def _with_events(space: Holding, asked: History, events: Sequence[str | Event]) -> History:
    """Append events to a history of one row, each not before the one it follows."""
    given = [Event(e) if isinstance(e, str) else e for e in events]
    items = [_item_row(space, e.item_id) for e in given]
    kinds = list(space.kinds)
    latest = asked.now if asked.now is not None else (asked.time[-1] if asked.num_events else 0.0)
    times, kind_rows = [], []
    for event in given:
        latest = _time(event.timestamp, asked) if event.timestamp is not None else _next(latest, asked)
        times.append(latest)
        if event.event is not None and event.event not in kinds:
            raise InputError(
                f"unknown event {event.event!r}{did_you_mean(event.event, kinds)}; known: {kinds}"
            )
        kind_rows.append(kinds.index(event.event) if event.event is not None else len(kinds) - 1)
    weights = np.asarray([space.kinds[kinds[row]] for row in kind_rows], np.float32)
    size = asked.num_events + len(given)
    longer = History.of(
        np.zeros(size, np.int64),
        np.concatenate([asked.item, items]),
        np.concatenate([asked.time, times]),
        weight=np.concatenate([asked.weight, weights]),
        kind=np.concatenate([asked.kind, kind_rows]),
        basket=np.concatenate([asked.basket, np.full(len(given), -1)]),
        num_users=1,
        num_items=asked.num_items,
        clock=asked.clock,
        now=None if asked.now is None else max([asked.now, *times]),
    )
    return replace(longer, who=asked.who)


def _item_row(space: Holding, text: str) -> int:
    try:
        return space.catalogue.ids.row(text)
    except UnknownIdError as problem:
        raise UnknownIdError(f"in the history: {problem}") from None


def _next(latest: float, asked: History) -> float:
    return latest + 1.0 if asked.clock == "steps" else latest


def _time(value: str | datetime | float, asked: History) -> float:
    if asked.clock != "calendar":
        try:
            return float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            raise InputError(f"timestamp {value!r}: this shop's times are steps; give a number") from None
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        if not isinstance(moment, datetime):
            moment = datetime.fromtimestamp(moment, UTC)
    except (ValueError, OverflowError, OSError):
        raise InputError(f"timestamp {value!r} is not a time; write it as 2011-12-09T12:50") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() / 86_400.0


def _blocks(queries: History, num_items: int) -> Iterator[tuple[int, History]]:
    size = max(1, min(4096, BLOCK_VALUES // max(1, num_items)))
    for start in range(0, len(queries), size):
        yield start, queries.of_users(np.arange(start, min(start + size, len(queries))))


def _allowed(block: History, matches: npt.NDArray[np.bool_], seen: Seen) -> npt.NDArray[np.bool_]:
    had = np.zeros((len(block), len(matches)), bool)
    if seen != "include":
        had[block.user(), block.item] = True
    if seen == "only":
        return had & matches
    return ~had & matches


def _best(
    scores: npt.NDArray[np.float32], k: int
) -> Iterator[tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]]:
    """Yield for each user the rows and scores of the k best, the best first, equal scores in the catalogue's order."""
    size = min(k, scores.shape[1])
    top = np.sort(np.argpartition(scores, -size, axis=1)[:, -size:], axis=1)
    for row_scores, row_top in zip(scores, top, strict=True):
        order = row_top[np.argsort(-row_scores[row_top], kind="stable")]
        order = order[np.isfinite(row_scores[order])]
        yield order.astype(np.int32), row_scores[order]


def _shortfall(subject: str, found: int, k: int, allowed: int, seen: Seen) -> str:
    if allowed > found:
        return f"{subject}: {found} of {k}: no model has a reason to show any of the other {allowed - found:,} items"
    rule = {"exclude": "are new to the shopper and ", "only": "were had before and ", "include": ""}[seen]
    return f"{subject}: {found} of {k}: no more items {rule}satisfy the filter"


def _why(space: Holding, query: History, rows: npt.NDArray[np.int32], mode: Mode) -> list[tuple[Why, ...]]:
    ids = space.catalogue.ids

    def said(part: Part) -> Why:
        if part.item < 0:
            return Why(part.retriever, None, None, part.amount)
        return Why(part.retriever, ids.text(part.item), space.titles[part.item], part.amount)

    return [tuple(map(said, parts)) for parts in space.blend.reasons(query, rows, mode)]
