"""Which items are taken together: sparse products in blocks, and what is made of the counts.

G groups (baskets, sessions or users), N items, E events, P pairs of items that occur together.
"""

from collections.abc import Iterator
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shelfspace.errors import InputError
from shelfspace.shop.history import History

Window = Literal["basket", "session", "user"]


def cooccurrence(
    history: History,
    *,
    window: Window = "basket",
    gap: float = 30 / 1440,
    reach: int | None = None,
    step_half_life: float | None = None,
    day_half_life: float | None = None,
    age_half_life: float | None = None,
    minimum_support: int = 1,
    max_entries: int = 5_000_000,
) -> sparse.csr_array:
    """Count how often two items occur within one window, weighted by kind, distance and age.

    Without `reach` an item counts once in a group, with the greatest of its events, and a pair weighs the
    product of both: one sparse product. With `reach` every two events of a group that are at most so many
    events apart weigh the product of both, halved with each half-life of distance; they are enumerated
    offset by offset.

    An event weighs `history.weight`, which its kind decides, halved with each `age_half_life` of its age; a
    pair is as old as the mean of both.

    Args:
        history: the events; ages are counted from `history.now`.
        window: `basket`: one `History.basket`, events without one left out; `session`: one user until a gap
            longer than `gap`; `user`: all that a user took.
        gap: in the unit of `history.time`, days for a calendar.
        reach: the most events between which a pair is counted; None: the whole group.
        step_half_life: with `reach`, the distance in events that halves a pair.
        day_half_life: with `reach`, the time between both (in the unit of `history.time`) that halves a pair.
        age_half_life: the age (in the unit of `history.time`) that halves a pair.
        minimum_support: pairs seen less often, unweighted, are left out: groups, or with `reach` pairs of
            events.
        max_entries: pairs held at once before they are summed, some 30 bytes each, with `reach` 80.

    Returns:
        float32 [N, N], symmetric, without diagonal. The work is the sum of the squared group sizes, or E ·
        reach; memory is that of the answer and one block.

    Raises:
        InputError: distances without `reach`, or a number that cannot be meant.

    Example:
        >>> taken = History.of([0, 0, 1, 1], [0, 1, 1, 0], basket=[7, 7, 8, 8], num_users=2, num_items=2)
        >>> cooccurrence(taken).toarray().tolist()
        [[0.0, 2.0], [2.0, 0.0]]
    """
    halves = {"gap": gap, "step_half_life": step_half_life, "day_half_life": day_half_life}
    for name, value in (halves | {"age_half_life": age_half_life, "reach": reach}).items():
        if value is not None and value <= 0:
            raise InputError(f"cooccurrence: {name} = {value!r} must be above 0")
    if reach is None and not (step_half_life is None and day_half_life is None):
        raise InputError(
            "cooccurrence: step_half_life and day_half_life need reach, the most events between a pair"
        )
    group = groups(history, window=window, gap=gap)
    weight = history.weight.astype(np.float64)
    if age_half_life is not None:
        weight = weight * np.exp2(-history.age() / (2 * age_half_life))
    if reach is None:
        return pair_counts(
            _members(group, history.item, weight, history.num_items),
            minimum_support=minimum_support,
            max_entries=max_entries,
        )
    half_lives = (step_half_life or np.inf, day_half_life or np.inf)
    return _nearby(history, group, weight, reach, half_lives, minimum_support, max_entries)


def groups(history: History, *, window: Window, gap: float = 30 / 1440) -> npt.NDArray[np.int64]:
    """Number what each event belongs to, int64 [E], -1 where to nothing. O(E).

    Sessions are those of `counting.sessions`: a gap of exactly `gap` does not end one.
    """
    if window == "basket":
        return history.basket.astype(np.int64)
    user = history.user().astype(np.int64)
    if window == "user":
        return user
    starts = np.ones(history.num_events, bool)
    starts[1:] = (user[1:] != user[:-1]) | (np.diff(history.time) > gap)
    return np.cumsum(starts) - 1


def pair_counts(
    members: sparse.csr_array, *, minimum_support: int = 1, max_entries: int = 5_000_000
) -> sparse.csr_array:
    """Count the pairs of items that share a group, by products of blocks of items.

    Args:
        members: [G, N], what an item weighs in a group; nothing stored where it is not in it.
        minimum_support: pairs in fewer groups are left out.
        max_entries: the most pairs that a block may hold, before support is asked.

    Returns:
        float32 [N, N], symmetric, without diagonal: the sum over groups of the product of both weights,
        summed in float64. Time is the sum of the squared sizes of the groups, memory 12 bytes a pair left and
        24 bytes an entry of the block.
    """
    members = sparse.csr_array(members, dtype=np.float64)
    by_item = sparse.csr_array(members.T)
    num_items = members.shape[1]
    bound = np.minimum(_ones(by_item) @ np.diff(members.indptr), num_items)
    plain = bool((members.data == 1.0).all())
    ones = _ones(members)
    blocks = []
    for begin, end in _blocks(bound, max_entries):
        block = by_item[begin:end]
        weight = block @ members
        if minimum_support > 1:
            seen = weight if plain else _ones(block) @ ones
            weight = weight.multiply(seen >= minimum_support)
        blocks.append(_off_diagonal(weight.tocoo(), begin))
    return _stacked(blocks, num_items)


def ppmi(counts: sparse.csr_array, *, shift: float = 1.0, smoothing: float = 0.75) -> sparse.csr_array:
    """Turn counts into shifted positive pointwise mutual information (Levy and Goldberg, 2014).

    `max(0, log(P(i, j) / (P(i) · P(j)^smoothing)) - log(shift))`, where contexts are smoothed (their
    probability is the count to the power of `smoothing`, normalised), which tempers rare ones. Rows are
    items, columns contexts; with smoothing below 1 the result is not symmetric.

    Args:
        counts: [N, N], not negative.
        shift: the number of negatives that a skip-gram would draw; at least 1.
        smoothing: 0.75 as in the paper's sequel (Levy, Goldberg and Dagan, 2015); 1 for none.

    Returns:
        float32 [N, N], only what is above 0 stored. O(P).
    """
    counts = sparse.csr_array(counts, dtype=np.float64)
    items = counts.sum(axis=1)
    contexts = counts.sum(axis=0) ** smoothing
    contexts = np.where(counts.sum(axis=0) > 0, contexts, 0.0)
    row = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    expected = items[row] * contexts[counts.indices] / (contexts.sum() or 1.0)
    values = np.log(counts.data / np.where(expected > 0, expected, 1.0)) - np.log(shift)
    kept = (counts.data > 0) & (values > 0)
    entries = (values[kept].astype(np.float32), (row[kept], counts.indices[kept]))
    return sparse.csr_array(entries, shape=counts.shape)


def log_count(counts: sparse.csr_array) -> sparse.csr_array:
    """Return log(1 + count), float32 [N, N]: a thousand times as often is not a thousand times as near."""
    return sparse.csr_array(counts, dtype=np.float32).log1p()


def popularity_over_time(history: History, *, period: float) -> sparse.csr_array:
    """Sum the weights of each item's events by period, counted back from the moment of asking.

    The last row is the `period` that ends at `history.now` (or with the last event of all), whole; the first
    may be cut short by where the log begins. An event at the edge belongs to the earlier period.

    Args:
        history: the events; with a time.
        period: the length, in the unit of `history.time`: 7 for weeks.

    Returns:
        float32 [periods, N]. O(E).

    Raises:
        InputError: the history has no time, or the period is not above 0.
    """
    if history.clock == "none":
        raise InputError("popularity over time needs events with a timestamp")
    if period <= 0:
        raise InputError(f"popularity over time: period = {period!r} must be above 0")
    now = history.time.max(initial=0.0) if history.now is None else history.now
    past = history.time <= now
    ago = np.floor((now - history.time[past]) / period).astype(np.int64)
    periods = int(ago.max(initial=-1)) + 1
    entries = (history.weight[past], (periods - 1 - ago, history.item[past]))
    return sparse.csr_array(entries, shape=(periods, history.num_items), dtype=np.float32)


def _members(
    group: npt.NDArray[np.int64], item: npt.NDArray[np.int32], weight: npt.NDArray[np.float64], num_items: int
) -> sparse.csr_array:
    """Return [groups, N]: each item of a group once, with the greatest weight that it has there."""
    some = group >= 0
    _, row = np.unique(group[some], return_inverse=True)
    key = row.astype(np.int64) * num_items + item[some]
    order = np.argsort(key, kind="stable")
    distinct, start = np.unique(key[order], return_index=True)
    greatest = np.maximum.reduceat(weight[some][order], start) if len(start) else np.zeros(0)
    shape = (int(row.max(initial=-1)) + 1, num_items)
    return sparse.csr_array((greatest, (distinct // num_items, distinct % num_items)), shape=shape)


def _nearby(
    history: History,
    group: npt.NDArray[np.int64],
    weight: npt.NDArray[np.float64],
    reach: int,
    half_lives: tuple[float, float],
    minimum_support: int,
    max_entries: int,
) -> sparse.csr_array:
    """Count pairs of events at most `reach` apart in their group, block of items by block of items."""
    order = np.argsort(group, kind="stable")
    order = order[group[order] >= 0]
    group, item, time, weight = group[order], history.item[order], history.time[order], weight[order]
    by_item = np.argsort(item, kind="stable")
    events = np.bincount(item, minlength=history.num_items)
    first = np.concatenate([[0], np.cumsum(events)])
    offsets = [o for o in range(-reach, reach + 1) if o]
    blocks = []
    for begin, end in _blocks(events * len(offsets), max_entries):
        here = by_item[first[begin] : first[end]]
        shape = (end - begin, history.num_items)
        total, seen = sparse.csr_array(shape), sparse.csr_array(shape)
        at_once = max(1, max_entries // max(1, len(here)))
        for some in (offsets[i : i + at_once] for i in range(0, len(offsets), at_once)):
            one = np.tile(here, len(some))
            distance = np.repeat(np.array(some), len(here))
            other = one + distance
            kept = (other >= 0) & (other < len(group))
            kept[kept] = (group[one[kept]] == group[other[kept]]) & (item[one[kept]] != item[other[kept]])
            one, other, distance = one[kept], other[kept], distance[kept]
            halvings = np.abs(distance) / half_lives[0] + np.abs(time[one] - time[other]) / half_lives[1]
            place = (item[one] - begin, item[other])
            total += sparse.csr_array((weight[one] * weight[other] * np.exp2(-halvings), place), shape=shape)
            seen += sparse.csr_array((np.ones(len(one)), place), shape=shape)
        blocks.append(_off_diagonal(total.multiply(seen >= minimum_support).tocoo(), begin))
    return _stacked(blocks, history.num_items)


def _blocks(work: npt.NDArray[np.integer], most: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of rows whose work adds up to at most `most`, or of one row."""
    upto = np.concatenate([[0], np.cumsum(work, dtype=np.int64)])
    begin = 0
    while begin < len(work):
        end = max(begin + 1, int(np.searchsorted(upto, upto[begin] + most, side="right")) - 1)
        yield begin, end
        begin = end


def _ones(matrix: sparse.csr_array) -> sparse.csr_array:
    return sparse.csr_array((np.ones(matrix.nnz), matrix.indices, matrix.indptr), shape=matrix.shape)


def _off_diagonal(block: sparse.coo_array, begin: int) -> sparse.csr_array:
    kept = (block.row + begin != block.col) & (block.data != 0)
    entries = (block.data[kept].astype(np.float32), (block.row[kept], block.col[kept]))
    return sparse.csr_array(entries, shape=block.shape)


def _stacked(blocks: list[sparse.csr_array], num_items: int) -> sparse.csr_array:
    if not blocks:
        return sparse.csr_array((num_items, num_items), dtype=np.float32)
    return sparse.csr_array(sparse.vstack(blocks, format="csr"), dtype=np.float32)
