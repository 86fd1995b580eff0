"""Labels as listings give them: classes, and the paths that they are. N listings, C classes, P prefixes of paths."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy import sparse

from shelfspace.errors import ConfigError, DataError, did_you_mean
from shelfspace.shop.catalogue import Catalogue

LabelPath = tuple[str, ...]
Codes = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

NEVER = 2.0
"""A threshold that no chance reaches."""

SEPARATOR = " > "
"""Between the steps of a path, where it is written out."""


@dataclass(frozen=True)
class Classes:
    """What a column may say: paths from broad to narrow, in order; a plain label is a path of one step."""

    paths: tuple[LabelPath, ...]

    def __len__(self) -> int:
        return len(self.paths)

    @cached_property
    def prefixes(self) -> tuple[LabelPath, ...]:
        """Return every path that a class is or begins with, in order."""
        return tuple(sorted({path[:depth] for path in self.paths for depth in range(1, len(path) + 1)}))

    @cached_property
    def under(self) -> sparse.csr_array:
        """Return which prefixes each class has, float64 [C, P] of 0 and 1."""
        place = {prefix: n for n, prefix in enumerate(self.prefixes)}
        cells = [(n, place[p[: d + 1]]) for n, p in enumerate(self.paths) for d in range(len(p))]
        row, column = np.array(cells, np.int64).reshape(-1, 2).T
        return sparse.csr_array((np.ones(len(row)), (row, column)), shape=(len(self), len(self.prefixes)))

    @cached_property
    def depth(self) -> Codes:
        """Return the steps of each prefix, int64 [P]."""
        return np.array([len(prefix) for prefix in self.prefixes], np.int64)

    def sure(self, chance: Floats) -> Floats:
        """Return the chance of each prefix, float64 [N, P]: the sum of its classes'."""
        sums: Floats = np.asarray(chance @ self.under)
        return sums

    def longest(self, sure: Floats, threshold: float | Floats) -> Codes:
        """Return the longest prefix with at least this chance, int64 [N]; the likelier of two; -1 where there is none.

        Args:
            sure: float64 [N, P], as `sure` gave it.
            threshold: one for all, or float64 [N].
        """
        least = np.broadcast_to(np.asarray(threshold, np.float64), (len(sure),))[:, None]
        worth = np.where(sure >= least, 2.0 * self.depth + sure, -1.0)
        best: Codes = worth.argmax(axis=1)
        best[worth[np.arange(len(worth)), best] < 0] = -1
        return best


@dataclass(frozen=True)
class Given:
    """What the listings say in one column.

    classes: those that at least two listings have;
    code: int64 [N], the class of each listing, -1 where it says nothing, or what no other says;
    told: what each says, whole; None where it says nothing;  notes: what was left out.
    """

    classes: Classes
    code: Codes
    told: tuple[LabelPath | None, ...]
    notes: tuple[str, ...] = ()


def given_by(catalogue: Catalogue, column: str) -> Given:
    """Read the labels of a column.

    Raises:
        ConfigError: there is no such column; it names the nearest.
        DataError: fewer than two classes have two listings each, or the column holds lists.
    """
    told = paths_of(catalogue, column)
    size = Counter(path for path in told if path)
    if not size:
        raise DataError(f"no listing has a {column!r} to learn from")
    kept = sorted(path for path, number in size.items() if number > 1)
    if len(kept) < 2:
        raise DataError(
            f"{column!r} has {len(kept)} label that two listings share; there must be two such labels to tell apart"
            if len(kept) == 1
            else f"no two listings share a label of {column!r}, so there is nothing to learn from"
        )
    place = {path: n for n, path in enumerate(kept)}
    code = np.array([place.get(path, -1) if path else -1 for path in told], np.int64)
    notes = []
    if alone := len(size) - len(kept):
        notes.append(f"{column}: left out {alone:,} labels that one listing alone has")
    return Given(Classes(tuple(kept)), code, told, tuple(notes))


def paths_of(catalogue: Catalogue, column: str) -> tuple[LabelPath | None, ...]:
    """Return what each listing says in a column; blank is nothing.

    Raises:
        ConfigError, DataError: as `given_by`.
    """
    values = catalogue.column(column)
    if values is None:
        known = catalogue.table.column_names
        raise ConfigError(
            f"[classify] columns: the items have no column {column!r}{did_you_mean(column, known)}; known: {known}"
        )
    if column == "category":
        return tuple(_path(value or ()) for value in values.to_pylist())
    if pa.types.is_nested(values.type):
        raise DataError(f"{column!r} holds several values of a listing; only `category` may be a path")
    return tuple(_path((value,)) for value in values.cast(pa.string()).to_pylist())


def written(path: LabelPath | None) -> str | None:
    """Return a path as one text; None of nothing."""
    return SEPARATOR.join(path) if path else None


def _path(steps: Sequence[str | None]) -> LabelPath | None:
    plain = tuple(" ".join(step.split()) for step in steps if step and step.strip())
    return plain or None
