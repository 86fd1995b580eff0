"""What the indexes in a store share: the store proposes rows, and the scores are computed here from its vectors.

A saved version is never changed, as the files of a space are not: an index writes to a collection of its own,
named for the moment it was made, and its first change after `save` or `load` is made in a copy.

B queries, N the capacity, F rows asked for, D dimensions, k answers.
"""

import json
import re
import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shelfspace.disk import reading, replace
from shelfspace.errors import ConfigError, DataError, SpaceError, StoreError
from shelfspace.index.address import without_secrets
from shelfspace.index.checks import (
    checked_additions,
    checked_filters,
    checked_rows,
    checked_vectors,
    fit_flags,
)
from shelfspace.index.proposed import best_of, best_proposed
from shelfspace.index.protocol import Found, Rows, Vectors

Flags = npt.NDArray[np.bool_]
FILE, PRESENT = "store.json", "present.npy"
FEW = 4
"""Where at most this many times the rows asked for are allowed, all of those are fetched and looked at."""
BLOCK = 8_192
"""How many vectors travel at once."""
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,31}")


class Remote(ABC):
    """An index whose vectors lie in a store; see `Index`.

    A search asks the store for F rows of each query with their vectors, O(B F D) over the wire, twice as many
    each time until every query has k answers. Where few rows are allowed their vectors are fetched instead and
    looked at exactly, O(N D) at the worst. Memory: one flag a row.
    """

    most: ClassVar[int] = 2**31 - 1
    """How many rows the store gives to a query at most."""

    def __init__(self, dim: int, address: str, collection: str, expansion_search: int) -> None:
        if dim < 1:
            raise ConfigError(f"an index needs dim >= 1, not {dim}")
        if not NAME.fullmatch(collection):
            raise ConfigError(
                f"[index] {collection!r} cannot name a collection: letters, digits and _, at most 32, no digit first"
            )
        self.dim = dim
        self.shown = without_secrets(address)
        """The address as messages name it, without its password."""
        self._collection = collection
        self._expansion = expansion_search
        self._present: Flags = np.zeros(0, bool)
        self._name: str | None = None
        self._kept = False

    @classmethod
    @abstractmethod
    def at(cls, address: str, dim: int) -> Self:
        """Return an empty index for an address; nothing is connected to yet."""

    def __len__(self) -> int:
        return int(np.count_nonzero(self._present))

    def add(self, rows: npt.ArrayLike, vectors: npt.ArrayLike) -> None:
        """Put vectors at rows; see `Index.add`. O(M D) over the wire.

        Raises:
            StoreError: the store cannot be reached, or refuses.
        """
        good, array = checked_additions(rows, vectors, self.dim)
        if not len(good):
            return
        name = self._own()
        if good[-1] >= len(self._present):
            self._present = fit_flags(self._present, int(good[-1]) + 1)
        for start in range(0, len(good), BLOCK):
            part = good[start : start + BLOCK]
            self._put(name, part, array[start : start + BLOCK], replaces=bool(self._present[part].any()))
            self._present[part] = True

    def remove(self, rows: npt.ArrayLike) -> None:
        """Take rows out; see `Index.remove`.

        Raises:
            StoreError: the store cannot be reached, or refuses.
        """
        good = np.unique(checked_rows(rows))
        good = good[good < len(self._present)]
        good = good[self._present[good]]
        if not len(good):
            return
        name = self._own()
        for start in range(0, len(good), BLOCK):
            part = good[start : start + BLOCK]
            self._take_out(name, part)
            self._present[part] = False

    def search(
        self,
        queries: npt.ArrayLike,
        k: int,
        *,
        allowed: Flags | None = None,
        exclude: sparse.csr_array | None = None,
    ) -> Found:
        """Return about the k best rows and their exact scores; see `Index.search`.

        Raises:
            StoreError: the store cannot be reached, or refuses.
        """
        asked = checked_vectors(queries, self.dim, "queries")
        checked_filters(len(asked), k, allowed, exclude)
        flags = self._present if allowed is None else self._present & fit_flags(allowed, len(self._present))
        found = np.full((len(asked), k), -1, np.int32)
        scores = np.full((len(asked), k), -np.inf, np.float32)
        num_allowed, size = int(np.count_nonzero(flags)), len(self)
        if self._name is None or not num_allowed:
            return found, scores
        longest = int(np.diff(exclude.indptr).max(initial=0)) if exclude is not None else 0
        fetch = (k + min(k, longest)) * -(-size // num_allowed)
        if num_allowed < size:
            fetch = max(fetch, min(2 * fetch, self._expansion))
        short = np.arange(len(asked))
        while len(short) and FEW * fetch < num_allowed and fetch <= self.most:
            height = max(1, BLOCK // fetch)
            for start in range(0, len(short), height):
                lines = short[start : start + height]
                some = exclude[lines] if exclude is not None else None
                near = self._near(self._name, asked[lines], fetch)
                found[lines], scores[lines] = best_proposed(near, asked[lines], k, flags, some)
            short = short[found[short, -1] < 0]
            fetch *= 2
        if len(short):
            some = exclude[short] if exclude is not None else None
            found[short], scores[short] = best_of(self._blocks(flags), asked[short], k, some)
        return found, scores

    def save(self, folder: Path) -> None:
        """Write which collection of the store it is, `store.json`, and which rows are there, `present.npy`.

        The vectors stay in the store. From here on this version is not changed any more.

        Raises:
            StoreError: the store cannot be reached, or does not hold what was added.
        """
        name = self._name or self._own()
        held = self._count(name)
        if held != len(self):
            raise StoreError(
                f"{self.shown}: {name} holds {held} vectors, not {len(self)}; add them to a new index"
            )
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / PRESENT, self._present)
        about = {"collection": name, "dim": self.dim, "count": len(self)}
        replace(folder / FILE, json.dumps(about, indent=1) + "\n")
        self._kept = True

    def load(self, folder: Path) -> None:
        """Go on with a saved version; see `Index.load`. The store is asked whether it is there and complete.

        Raises:
            SpaceError: a file is missing or damaged, or the store does not hold that version whole.
            StoreError: the store cannot be reached.
        """
        path = folder / FILE
        with reading(path):
            about = json.loads(path.read_text(encoding="utf-8"))
            name, dim, count = str(about["collection"]), int(about["dim"]), int(about["count"])
        if not re.fullmatch(r"[A-Za-z_]\w{0,53}", name, re.A):
            raise SpaceError(f"{path} is damaged: {name!r} cannot name a collection")
        if dim != self.dim:
            raise SpaceError(f"{path} names vectors of {dim} numbers, not {self.dim}")
        with reading(folder / PRESENT):
            present = np.load(folder / PRESENT, allow_pickle=False)
            if present.dtype != np.bool_ or present.ndim != 1 or np.count_nonzero(present) != count:
                raise DataError(f"it does not flag the {count} rows that {FILE} speaks of")
        held = self._count(name)
        if held is None:
            raise SpaceError(
                f"{path}: there is no {name} at {self.shown}; restore it, or build the space again"
            )
        if held != count:
            raise SpaceError(f"{path}: {name} at {self.shown} holds {held} vectors, not {count}")
        self._present, self._name, self._kept = present, name, True

    def versions(self) -> list[str]:
        """Return the versions of this collection that the store holds, oldest first.

        Raises:
            StoreError: the store cannot be reached.
        """
        pattern = re.compile(re.escape(self._collection) + r"_\d{14}_[0-9a-f]{6}")
        return sorted(name for name in self._names() if pattern.fullmatch(name))

    def drop(self, version: str) -> None:
        """Delete a version from the store; spaces that were saved with it cannot be opened any more.

        Raises:
            DataError: it is not one of `versions`.
            StoreError: the store cannot be reached.
        """
        if version not in self.versions():
            raise DataError(f"there is no version {version!r} of {self._collection} at {self.shown}")
        self._discard(version)

    def _shown_as(self, address: str) -> Self:
        self.shown = without_secrets(address)
        return self

    def _own(self) -> str:
        """Return the collection that this index may change, made or copied where it has none."""
        if self._name is not None and not self._kept:
            return self._name
        moment = time.strftime("%Y%m%d%H%M%S", time.gmtime())
        name = f"{self._collection}_{moment}_{secrets.token_hex(3)}"
        self._make(name)
        if self._name is not None:
            self._copy(self._name, name)
        self._present = self._present.copy()
        self._name, self._kept = name, False
        return name

    def _copy(self, name: str, new: str) -> None:
        """Fill a new collection with what another, that of this index, holds."""
        for rows, vectors in self._blocks(self._present):
            self._put(new, rows, vectors, replaces=False)

    def _blocks(self, flags: Flags) -> Iterator[tuple[Rows, Vectors]]:
        """Give the rows that are allowed, rising, with their vectors, some thousands at a time."""
        rows = np.flatnonzero(flags).astype(np.int32)
        for start in range(0, len(rows), BLOCK):
            part = rows[start : start + BLOCK]
            yield part, self._vectors(self._name or "", part)

    def _ordered(self, name: str, rows: Rows, got: Rows, vectors: Vectors) -> Vectors:
        """Return the vectors of rows in their order, from those that the store gave in its own.

        Raises:
            StoreError: some of them are not there.
        """
        order = np.argsort(got)
        place = np.minimum(np.searchsorted(got[order], rows), max(len(got) - 1, 0))
        if len(got) != len(rows) or not np.array_equal(got[order][place], rows):
            raise StoreError(
                f"{self.shown}: {name} no longer holds all of its vectors; build the space again"
            )
        return vectors[order][place]

    @abstractmethod
    def _make(self, name: str) -> None:
        """Make an empty collection."""

    @abstractmethod
    def _put(self, name: str, rows: Rows, vectors: Vectors, *, replaces: bool) -> None:
        """Put vectors at rows, some of which may be there."""

    @abstractmethod
    def _take_out(self, name: str, rows: Rows) -> None:
        """Delete rows that are there."""

    @abstractmethod
    def _near(self, name: str, queries: Vectors, fetch: int) -> list[tuple[Rows, Vectors]]:
        """Return for each query at most `fetch` rows that are near, and their vectors."""

    @abstractmethod
    def _vectors(self, name: str, rows: Rows) -> Vectors:
        """Return the vectors of at most `BLOCK` rows, in their order."""

    @abstractmethod
    def _count(self, name: str) -> int | None:
        """Return how many rows a collection holds, None where it is not there."""

    @abstractmethod
    def _names(self) -> list[str]:
        """Return the names of all collections."""

    @abstractmethod
    def _discard(self, name: str) -> None:
        """Delete a collection."""
