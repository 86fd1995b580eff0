"""A version of a space, and what came after it: events at once, listings when they have been read.

N items of the version, more with what was put since.
"""

import threading
import time
from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shelfspace.encode.learnt import Learnt
from shelfspace.encode.towers import Towers
from shelfspace.linear.vectors import Listed
from shelfspace.live.blending import Blending
from shelfspace.live.grown import Rows
from shelfspace.live.layered import Layered
from shelfspace.live.listings import Changed, changed, listing_of
from shelfspace.live.near import NearLists, read_lists
from shelfspace.live.past import Followed, View, kind_weights
from shelfspace.live.placing import placed
from shelfspace.live.prepared import near_path
from shelfspace.live.wording import worded
from shelfspace.searching.fitted import FittedSearch
from shelfspace.space import Space
from shelfspace.store.records import Record
from shelfspace.store.store import Store
from shelfspace.tasks.reasons import towers_of

DAY = 86_400.0

MOST_UNHEARD = 100_000
"""Events of items that nobody knows are kept so many, for the case that the item comes."""

COUNTED_EVERY = 2.0
"""Seconds between two times that popularity is counted anew."""

GROWING = frozenset({"similar", "recommend", "search"})
"""The tasks that answer with listings that came later; the others do after the next update."""


class Following:
    """A version of a space and what came after it.

    space: what answers the tasks in `GROWING`;  plain: what answers the others, of the version's own items.

    Events are taken in at once. Of listings the stock is; what they say is read by `renew`, which publishes a new
    `space`: an answer is made from one that does not change under it, but for the flags of items that are gone.
    """

    def __init__(self, space: Space, folder: Path, store: Store) -> None:
        """Begin with a space and the folder of what was prepared for it."""
        space = _discreet(space)
        self.base, self.folder, self.store = space, folder, store
        self.num_base = len(space.catalogue)
        self.catalogue = space.catalogue
        self.kinds = list(space.kinds)
        self.followed = Followed(space.history, space.users, kind_weights(space.kinds), store.fingerprint)
        self.blending = Blending(space, folder)
        self._counted = -np.inf
        self.deleted: set[str] = set()
        self.listings: dict[str, dict[str, Any]] = {}
        self.forgot = False
        self._unheard: dict[str, list[Record]] = {}
        self._num_unheard = 0
        self._vectors = Rows(np.asarray(space.vectors))  # a plain array: a map of a file is slow to pick from
        self._gone = Rows(self._gone_at_first(), own=True)
        self._later: npt.NDArray[np.int32] = np.zeros(0, np.int32)
        self._layered = Layered(space.index)
        lists = near_path(folder)
        self._near = (
            NearLists(read_lists(lists), self._vectors.held, self._later) if lists.is_file() else None
        )
        search = space.tasks.get("search")
        self._search = search if isinstance(search, FittedSearch) else None
        meaning = self._search.searcher.meaning if self._search else None
        self._meant = Rows(meaning.vectors) if meaning is not None else None
        self._titles = list(space.titles)
        self._lock = threading.Lock()
        self._publish()

    def take(self, records: Iterable[Record]) -> None:
        """Take in what was written, in its order."""
        with self._lock:
            for record in records:
                if record.kind == "event":
                    self._event(record)
                elif record.kind == "item" and record.item_id is not None:
                    self._item(record)
                elif record.action == "forget":
                    self.followed.forget(str(record.body["fingerprint"]), record.seq)
                    self.blending.pasts.clear()
                    self.forgot = True

    def renew(self) -> bool:
        """Read the listings that wait, let popularity move, and purge who was forgotten; True where anything changed.

        Cost: some ten milliseconds for 100,000 items, and what it takes to encode the listings.
        """
        with self._lock:
            listings, self.listings = self.listings, {}
        if time.monotonic() - self._counted >= COUNTED_EVERY:
            self._counted = time.monotonic()
            self.blending.move(len(self.catalogue))
        if not listings and not self.forgot:
            return False
        if self.forgot:
            self.forgot = False
            self._purge()
        if listings:
            self._read(listings)
        else:
            self._publish()
        return True

    def knows(self, item_id: str) -> bool:
        """Return whether an item is in the catalogue, or will be when it has been read."""
        return item_id in self.listings or self.catalogue.ids.find(item_id) is not None

    def waits(self) -> bool:
        """Return whether there is something for `renew` to do."""
        if self.listings or self.forgot:
            return True
        moved = any(moving.moved for moving in self.blending.moving)
        return moved and time.monotonic() - self._counted >= COUNTED_EVERY

    def _event(self, record: Record) -> None:
        if record.item_id is None:
            return
        row = self.catalogue.ids.find(record.item_id)
        if row is None:
            if self._num_unheard < MOST_UNHEARD:
                self._unheard.setdefault(record.item_id, []).append(record)
                self._num_unheard += 1
            return
        said, user = record.body, record.user_id
        named = said.get("event")
        quantity = said.get("quantity")
        if (named is not None and named not in self.kinds) or (quantity is not None and quantity < 0):
            return  # a kind that the space was not made with, or a return
        kind = self.kinds.index(named) if named is not None else max(0, len(self.kinds) - 1)
        time = self._time(record)
        if user is not None and self.followed.holds(user, row, time):
            return  # the space was made with it
        asks_before = user is not None and any(moving.part.once for moving in self.blending.moving)
        before = self.followed.latest(str(user), row) if asks_before else None
        basket = said.get("session_id") or said.get("basket_id")
        self.followed.add(record.seq, user, row, time, kind, basket)
        for moving in self.blending.moving:
            moving.add(row, time, float(self.followed.weights[kind]), before)

    def _time(self, record: Record) -> float:
        """Return when an event was, in days or steps; where it does not say, when it was kept."""
        given = record.body.get("timestamp")
        if self.base.history.clock == "calendar":
            return float(given if given is not None else record.at) / DAY
        if given is not None:
            return float(given)
        times = self.followed.columns(record.user_id)[1] if record.user_id is not None else np.zeros(0)
        return float(times[-1]) + 1.0 if len(times) else float(self.base.history.now or 0.0)

    def _item(self, record: Record) -> None:
        item_id = str(record.item_id)
        row = self.catalogue.ids.find(item_id)
        if record.action == "delete":
            self.deleted.add(item_id)
            self.listings.pop(item_id, None)
            self._mark(row, gone=True)
            return
        before = {} if record.action == "put" else self._listing(item_id, row)
        listing = {**before, **record.body}
        self.deleted.discard(item_id)
        self.listings[item_id] = listing
        self._mark(row, gone=listing.get("available") is False)

    def _listing(self, item_id: str, row: int | None) -> Mapping[str, Any]:
        if item_id in self.listings:
            return self.listings[item_id]
        return listing_of(self.catalogue, row) if row is not None else {}

    def _mark(self, row: int | None, *, gone: bool) -> None:
        if row is not None and row < self._gone.size:
            self._gone.put([row], gone)

    def _read(self, listings: dict[str, dict[str, Any]]) -> None:
        """Put listings into the catalogue and find their places."""
        history = self.base.history
        at = history.now if history.now is not None else -np.inf
        catalogue, what = changed(self.catalogue, listings, at)
        size, rows = len(catalogue), what.rows
        old = np.zeros((len(rows), self.base.vectors.shape[1]), np.float32)
        old[~what.is_new] = self._vectors.held[rows[~what.is_new]]
        vectors = self._placed(towers_of(self.base) or self.base.listed, what, old)
        self._vectors.put(rows, vectors)
        for name, held in self.blending.learnt.items():
            part = self.base.blend.retrievers[name]
            assert isinstance(part, Learnt)
            before = np.zeros((len(rows), held.held.shape[1]), np.float32)
            before[~what.is_new] = held.held[rows[~what.is_new]]
            held.put(rows, self._placed(part.towers, what, before))
        self._later = np.union1d(self._later, rows).astype(np.int32)
        layered = copy(self._layered)
        layered.add(rows, vectors)
        self._layered = layered
        if self._search is not None:
            self._search = worded(self._search, what, size, self._meant)
        titles = list(self._titles) + [""] * (size - len(self._titles))
        for row, title in zip(rows.tolist(), what.after.titles(), strict=True):
            titles[row] = title
        texts = what.after.ids.array.to_pylist()
        with self._lock:  # what is written meanwhile is about the catalogue before or after, not between
            stock = {text: self.listings.get(text, listings[text]).get("available") for text in texts}
            self._gone.put(rows, [text in self.deleted or stock[text] is False for text in texts])
            self._titles, self.catalogue = titles, catalogue
            self._hear(what)
            self._publish()

    def _hear(self, what: Changed) -> None:
        """Take in the events of items that nobody knew until now."""
        for text in what.after.ids.array.to_pylist():
            for record in self._unheard.pop(text, ()):
                self._num_unheard -= 1
                self._event(record)

    def _placed(
        self, reads: Towers | Listed | None, what: Changed, old: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        if reads is None:
            return old
        taken = np.zeros(len(what.rows), bool)
        known = what.rows < self.num_base
        taken[known] = self._taken_at_first[what.rows[known]]
        return placed(reads, what, old, taken)

    def _purge(self) -> None:
        """Take the events of the forgotten out of the base."""
        base = self.followed.base
        rows = self.followed.rows(self.base.users.array.to_pylist())
        hidden = np.zeros(len(base), bool)
        hidden[: len(rows)] = rows < 0
        if hidden.any():
            self.followed.base = base.keep(~np.repeat(hidden, base.lengths()))
            self.base = replace(self.base, history=self.followed.base)

    def _publish(self) -> None:
        """Make the spaces that answer from now on."""
        size, held = len(self.catalogue), self._gone.held
        views = View(self.followed, size), View(self.followed, self.num_base)
        self.space = replace(
            self.base,
            catalogue=self.catalogue,
            history=replace(self.base.history, num_items=size),
            vectors=self._vectors.held,
            index=self._layered,
            blend=self.blending.blend(size, self._later, self._vectors.held),
            gone=held,
            followed=views[0],
            near=self._near.beside(self._later, self._vectors.held) if self._near is not None else None,
            tasks={**self.base.tasks, **({"search": self._search} if self._search is not None else {})},
        )
        self.space.__dict__["titles"] = self._titles
        self.plain = replace(self.base, gone=held[: self.num_base], followed=views[1])
        self.plain.__dict__["titles"] = self._titles[: self.num_base]

    def _gone_at_first(self) -> npt.NDArray[np.bool_]:
        gone = np.zeros(self.num_base, bool) if self.base.gone is None else self.base.gone.copy()
        column = self.base.catalogue.column("available")
        self._taken_at_first = self.base.past.taken() > 0
        if column is None or not pa.types.is_boolean(column.type):
            return gone
        sold_out: npt.NDArray[np.bool_] = ~column.fill_null(True).to_numpy()
        return gone | sold_out


def _discreet(space: Space) -> Space:
    """Return a space that names no shopper to who asks for another."""
    graphs = [
        graph for fitted in space.tasks.values() if (graph := getattr(fitted, "graph", None)) is not None
    ]
    for graph in graphs:
        if hasattr(graph, "people"):
            object.__setattr__(graph, "people", graph.people.silent())
    return replace(space, users=space.users.silent())
