"""Which past items, had they not been, would take an answer off the list.

C answers, H past items of one user, N items.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from shelfspace.shop.history import History

Rows = npt.NDArray[np.int32]
Scores = npt.NDArray[np.float32]
Ask = Callable[[History], Scores]
"""From histories to the scores of all items, float32 [B, N], -inf where an item cannot be answered."""

MOST_TRIED = 32
"""Of a long past the items that the reasons name first are left out one by one, and no more of them."""

LARGEST = 3


def counterfactuals(
    past: History,
    answers: Rows,
    k: int,
    ask: Ask,
    tried: Sequence[int],
    *,
    largest: int = LARGEST,
    at_once: int = 64,
) -> list[tuple[int, ...]]:
    """Return for each answer few past items without which it is not among the k best; empty where none are found.

    One item is looked for by leaving each of `tried` out; several by adding, one after another, the item whose absence
    alone brings the answer nearest to falling off, and asking again: each set that is returned was asked.

    Args:
        past: the history of one user.
        answers: int32 [C], the rows that were answered.
        k: how long the list is.
        ask: what scores; what may be answered stays as it was, so that a past item does not take the place.
        tried: the past items looked at, the likeliest first; at most 32.
        largest: the size of a set, up to 3.
        at_once: how many histories are asked at once.

    Cost: at most 32 + 2 C questions.

    Sources: Ghazimatin et al. 2020 (PRINCE), Tran, Ghazimatin and Saha Roy 2021 (ACCENT).
    """
    items = np.array(list(dict.fromkeys(tried))[:MOST_TRIED], np.int32)
    found: list[tuple[int, ...]] = [()] * len(answers)
    if not len(items) or not len(answers):
        return found

    def margins_of(sets: Sequence[tuple[int, ...]]) -> npt.NDArray[np.float64]:
        blocks = (sets[start : start + at_once] for start in range(0, len(sets), at_once))
        return np.concatenate([_margins(ask(left_out(past, block)), answers, k) for block in blocks])

    margins = margins_of([(int(item),) for item in items])
    nearest = np.argsort(margins, axis=0, kind="stable")
    for n in range(len(answers)):
        if margins[nearest[0, n], n] < 0:
            found[n] = (int(items[nearest[0, n]]),)
    for size in range(2, min(largest, len(items)) + 1):
        open_ = [n for n in range(len(answers)) if not found[n]]
        if not open_:
            break
        sets = [tuple(items[nearest[:size, n]].tolist()) for n in open_]
        margin = margins_of(sets)
        for at, n in enumerate(open_):
            if margin[at, n] < 0:
                found[n] = sets[at]
    return found


def left_out(past: History, sets: Sequence[tuple[int, ...]]) -> History:
    """Return the user's history once for each set of items, without all events of these."""
    copies = past.of_users(np.zeros(len(sets), np.int64))
    owner = copies.user()
    kept = np.ones(copies.num_events, bool)
    for n, items in enumerate(sets):
        kept[owner == n] = ~np.isin(past.item, items)
    return copies.keep(kept)


def _margins(scores: Scores, answers: Rows, k: int) -> npt.NDArray[np.float64]:
    """Return by how much each answer is above the first that is not on the list, [B, C], as a share of the best one.

    Below 0: the answer is not on the list. What ties with the last stays on it if it comes first in the catalogue.
    """
    own = scores[:, answers].astype(np.float64)
    rank = np.zeros(own.shape, np.int64)
    for n, answer in enumerate(answers.tolist()):
        rank[:, n] = (scores > scores[:, [answer]]).sum(axis=1)
        rank[:, n] += (scores[:, :answer] == scores[:, [answer]]).sum(axis=1)
    on = (rank < k) & np.isfinite(own)
    next_ = (
        np.partition(scores, -k - 1, axis=1)[:, -k - 1] if scores.shape[1] > k else np.full(len(own), -np.inf)
    )
    floor = np.where(np.isfinite(next_), next_, 0.0)[:, None]
    there = np.where(np.isfinite(own), own, 0.0)
    unit = np.maximum(np.abs(there).max(axis=1, keepdims=True), 1e-30)
    return np.where(on, np.maximum(there - floor, 0.0) / unit, -1.0)
