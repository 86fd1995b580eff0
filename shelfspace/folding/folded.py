"""A space with what a store holds beyond it: the same weights over a longer past and other listings."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from shelfspace.folding.catalogues import Stock
from shelfspace.folding.gathered import REPEATED, Gathered
from shelfspace.folding.learnt import Tasks
from shelfspace.folding.models import Refit
from shelfspace.folding.pasts import Longer, Users, longer, repeated
from shelfspace.folding.profiles import Fields
from shelfspace.index import Index, open_index
from shelfspace.space import Space
from shelfspace.tasks.reasons import towers_of

Told = Callable[[str, int, int], None]

UNKNOWN_ITEM = "of items that are not in the catalogue"


@dataclass(frozen=True)
class Folded:
    """A space after folding, and what went into it.

    left_out: how many events were not taken, by the reason;  notes: what could not be brought up to date.
    """

    space: Space
    stock: Stock
    users: Users
    past: Longer
    left_out: Counter[str]
    notes: tuple[str, ...]


def folded(
    space: Space,
    found: Gathered,
    index: Path | None,
    fingerprint: Callable[[str], str],
    told: Told | None = None,
) -> Folded:
    """Fold what was gathered from a store into a space. Nothing that was trained changes, and torch is not loaded.

    Args:
        space: the space.
        found: what the store holds beyond it.
        index: the folder in which its index lies, to be changed in a copy; None: it is built anew.
        fingerprint: the store's, by which it knows who was forgotten.
        told: progress.

    Cost: that of fitting the closed-form models once more, with the settings that they have.
    """
    if told is not None:
        told("reading listings", 0, 1)
    stock = Stock.of(space, found)
    left_out = found.left_out.copy()
    known = stock.catalogue.ids.rows(found.events.item) >= 0
    if not known.all():
        left_out[UNKNOWN_ITEM] += int((~known).sum())
        found.events.keep(known.tolist())
    again = repeated(space, stock.catalogue.ids, found.events)
    if again.any():
        left_out[REPEATED] += int(again.sum())
        found.events.keep((~again).tolist())
    profiled = [text for text, one in found.profiles.items() if one.columns]
    users = Users.of(space.users, found.events, profiled, found.forgotten, fingerprint)
    past = longer(space, users, stock.catalogue.ids, found.events)
    vectors = stock.placed(towers_of(space) or space.listed, space.vectors)
    notes = _notes(space, stock, vectors)
    refit = Refit(space, past.history, stock, vectors, Fields(users, found.profiles))
    blend, more = refit.blend(space.blend, told)
    notes += more
    forgotten = cache(lambda text: bool(found.forgotten) and fingerprint(text) in found.forgotten)
    tasks = Tasks(past.history, stock, users, found.profiles, forgotten)
    learnt, more = tasks.folded(space.tasks, told)
    notes += more
    made = replace(
        space,
        catalogue=stock.catalogue,
        users=users.ids,
        history=past.history,
        vectors=vectors,
        index=_index(space, index, vectors, stock),
        blend=blend,
        tasks=learnt,
        gone=stock.gone,
        seq=found.seq,
        followed=None,
        near=None,
    )
    return Folded(made, stock, users, past, left_out, tuple(dict.fromkeys(notes)))


def _index(space: Space, folder: Path | None, vectors: npt.NDArray[np.float32], stock: Stock) -> Index:
    """Return an index of the vectors; the one of the space stays as it is, since it answers meanwhile."""
    index = open_index(space.address, vectors.shape[1])
    if folder is None:
        index.add(np.arange(len(vectors), dtype=np.int32), np.asarray(vectors))
        return index
    index.load(folder)
    if stock.changed is not None:
        index.add(stock.changed.rows, vectors[stock.changed.rows])
    return index


def _notes(space: Space, stock: Stock, vectors: npt.NDArray[np.float32]) -> list[str]:
    if stock.changed is None:
        return []
    if towers_of(space) is None and space.listed is None:
        return [
            "nothing reads listings in this space: new items are near to nothing, and changed ones stay where they were"
        ]
    lost = int((~vectors[stock.changed.rows].any(axis=1)).sum())
    return [
        f"{lost:,} new or changed listings say nothing that the space knows: they are near to nothing"
    ] * bool(lost)
