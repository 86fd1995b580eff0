"""Histories altered at random, so that two of one user are alike but not the same. S runs, E events, N items."""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from shelfspace.inputs.packing import Runs
from shelfspace.inputs.ragged import indptr_of

Rng = np.random.Generator
Near = npt.NDArray[np.int32]
Way = Callable[[Runs, Rng, float, Near], Runs]


def crop(runs: Runs, rng: Rng, share: float, near: Near) -> Runs:
    """Keep so large a share of each run, at least one event: events that follow one another, from anywhere in it."""
    del near
    lengths = runs.lengths()
    kept = np.minimum(np.maximum(1, np.round(share * lengths)), lengths).astype(np.int64)
    first = runs.indptr[:-1] + rng.integers(0, lengths - kept + 1)
    indptr = indptr_of(kept)
    return runs.take(np.repeat(first - indptr[:-1], kept) + np.arange(indptr[-1]), kept)


def mask(runs: Runs, rng: Rng, share: float, near: Near) -> Runs:
    """Do not show the item of so large a share of the events."""
    del near
    hidden = runs.hidden | (rng.random(len(runs.item)) < share)
    return Runs(runs.indptr, runs.item, runs.age, runs.kind, hidden)


def reorder(runs: Runs, rng: Rng, share: float, near: Near) -> Runs:
    """Shuffle so large a share of each run, events that follow one another: items change places, times stay."""
    del near
    lengths = runs.lengths()
    size = np.round(share * lengths).astype(np.int64)
    first = np.repeat(runs.indptr[:-1] + rng.integers(0, lengths - size + 1), lengths)
    place = np.arange(len(runs.item))
    inside = (place >= first) & (place < first + np.repeat(size, lengths))
    run = np.repeat(np.arange(len(runs)), lengths)
    key = np.where(inside, rng.random(len(place)), 0.0)
    shuffled = np.flatnonzero(inside)
    order = place.copy()
    order[shuffled] = shuffled[np.lexsort((key[shuffled], run[shuffled]))]
    return Runs(runs.indptr, runs.item[order], runs.age, runs.kind[order], runs.hidden[order])


def substitute(runs: Runs, rng: Rng, share: float, near: Near) -> Runs:
    """Put in place of so large a share of the items the one that is taken most with each."""
    chosen = (rng.random(len(runs.item)) < share) & (near[runs.item] >= 0)
    item = np.where(chosen, near[runs.item], runs.item).astype(np.int64)
    return Runs(runs.indptr, item, runs.age, runs.kind, runs.hidden)


def insert(runs: Runs, rng: Rng, share: float, near: Near) -> Runs:
    """Put before so large a share of the events the item that is taken most with theirs, at the same time."""
    chosen = (rng.random(len(runs.item)) < share) & (near[runs.item] >= 0)
    times = 1 + chosen.astype(np.int64)
    place = np.repeat(np.arange(len(runs.item)), times)
    grown = runs.take(place, np.add.reduceat(np.append(times, 0), runs.indptr[:-1]) * (runs.lengths() > 0))
    new = np.append(place[1:] == place[:-1], False) if len(place) else np.zeros(0, bool)
    item = np.where(new, near[grown.item], grown.item).astype(np.int64)
    return Runs(grown.indptr, item, grown.age, grown.kind, grown.hidden & ~new)


WAYS: Mapping[str, Way] = {
    "crop": crop,
    "mask": mask,
    "reorder": reorder,
    "substitute": substitute,
    "insert": insert,
}
