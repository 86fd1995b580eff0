"""Records as readers read them, and fields as encoders take them: bags, numbers, tokens in order, photos.

N rows, R rows asked, K numbers of a row, L features or tokens of the longest row, E features of all rows, P photos,
S their side.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shelfspace.errors import DataError
from shelfspace.inputs.ragged import gathered, indptr_of
from shelfspace.linear.retriever import Arrays
from shelfspace.shop.catalogue import Catalogue

Flags = npt.NDArray[np.bool_]
Kind = Literal["bag", "dense", "ordered", "squares"]
Content = Literal["text", "photo", "other"]
"""What a field shows of a record."""

Inputs = dict[str, npt.NDArray[Any]]
"""What a graph takes of a field, by the name of its input after the field's own."""

MANY = 2048
"""Rows that serving encodes at once, where a row is small."""

PIXELS_AT_ONCE = 16 * 224 * 224


@dataclass(frozen=True)
class Bag:
    """Weighted features of each row; a row without any is absent.

    indptr: int64 [N + 1], the features of row n are indptr[n]:indptr[n + 1];
    index: int32 [E], which feature, below num_features;  weight: float32 [E].

    Example:
        >>> bag = Bag.unit([0, 0, 2], [5, 3, 1], [3.0, 4.0, 7.0], num_rows=3, num_features=6)
        >>> bag.present.tolist(), bag.take(np.array([0])).weight.round(2).tolist()
        ([True, False, True], [0.6000000238418579, 0.800000011920929])
    """

    indptr: npt.NDArray[np.int64]
    index: npt.NDArray[np.int32]
    weight: npt.NDArray[np.float32]
    num_features: int
    rows_at_once: ClassVar[int] = MANY

    @classmethod
    def unit(
        cls,
        row: npt.ArrayLike,
        index: npt.ArrayLike,
        weight: npt.ArrayLike,
        *,
        num_rows: int,
        num_features: int,
    ) -> Self:
        """Put entries, whose rows do not fall, into bags of unit length: the squares of a row's weights sum to 1.

        The sum of a row's feature vectors, drawn independently, is then as long for a row of a hundred features
        as for a row of one. Weights are above 0. O(E).
        """
        row, plain = np.asarray(row, np.int64), np.asarray(weight, np.float64)
        squares = np.bincount(row, plain**2, minlength=num_rows)
        return cls(
            indptr_of(np.bincount(row, minlength=num_rows)),
            np.asarray(index).astype(np.int32),
            (plain / np.sqrt(squares[row])).astype(np.float32),
            num_features,
        )

    @property
    def present(self) -> Flags:
        """Return which rows have a feature, bool [N]."""
        flags: Flags = np.diff(self.indptr) > 0
        return flags

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def take(self, rows: npt.NDArray[np.integer]) -> Self:
        """Return these rows, in the order given. O(R + their features)."""
        indptr, place = gathered(self.indptr, rows)
        return type(self)(indptr, self.index[place], self.weight[place], self.num_features)

    def inputs(self) -> Inputs:
        """Return what a graph takes: `index` and `weight`, see `padded`."""
        index, weight = self.padded()
        return {"index": index, "weight": weight}

    def padded(self, length: int | None = None) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Return index and weight as rectangles, int64 and float32 [N, L]; what is not there is feature 0, weight 0.

        Args:
            length: L; of a longer row only the first features stay. None: the length of the longest row, at least 1.
        """
        lengths = np.diff(self.indptr)
        width = max(1, int(lengths.max(initial=0))) if length is None else length
        there = np.arange(width) < lengths[:, None]
        place = (self.indptr[:-1, None] + np.arange(width))[there]
        index, weight = np.zeros(there.shape, np.int64), np.zeros(there.shape, np.float32)
        index[there], weight[there] = self.index[place], self.weight[place]
        return index, weight


@dataclass(frozen=True)
class Dense:
    """Numbers of each row: float32 [N, K] values, 0 where the row is absent, and bool [N] present."""

    values: npt.NDArray[np.float32]
    present: Flags
    rows_at_once: ClassVar[int] = MANY

    @property
    def num_features(self) -> int:
        """K."""
        return int(self.values.shape[1])

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: npt.NDArray[np.integer]) -> Self:
        """Return these rows, in the order given."""
        return type(self)(self.values[rows], self.present[rows])

    def inputs(self) -> Inputs:
        """Return what a graph takes: `values` [N, K]."""
        return {"values": self.values}


@dataclass(frozen=True)
class Ordered:
    """Tokens of each row in their order: int32 [N, L] ids, -1 after the last; a row without any is absent."""

    ids: npt.NDArray[np.int32]
    num_features: int
    rows_at_once: ClassVar[int] = 256

    @property
    def present(self) -> Flags:
        """Return which rows have a token, bool [N]."""
        flags: Flags = np.asarray((self.ids >= 0).any(axis=1), bool)
        return flags

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: npt.NDArray[np.integer]) -> Self:
        """Return these rows, in the order given."""
        return type(self)(self.ids[rows], self.num_features)

    def inputs(self) -> Inputs:
        """Return what a graph takes: `ids` int64 [N, L], no wider than the longest row, at least 1."""
        longest = int((self.ids >= 0).sum(axis=1).max(initial=1))
        return {"ids": self.ids[:, : max(1, longest)].astype(np.int64)}


@dataclass(frozen=True)
class Squares:
    """A photo of each row: uint8 [P, S, S, 3] pixels, mapped from disk, and int64 [N], which is whose; -1: absent."""

    pixels: npt.NDArray[np.uint8]
    place: npt.NDArray[np.int64]

    @property
    def present(self) -> Flags:
        """Return which rows have a photo, bool [N]."""
        flags: Flags = self.place >= 0
        return flags

    @property
    def num_features(self) -> int:
        """S, the side of a photo."""
        return int(self.pixels.shape[1])

    @property
    def rows_at_once(self) -> int:
        """Return how many photos serving encodes at once: 16 of 224 pixels, more of smaller ones."""
        return min(MANY, max(1, PIXELS_AT_ONCE // self.num_features**2))

    def __len__(self) -> int:
        return len(self.place)

    def take(self, rows: npt.NDArray[np.integer]) -> Self:
        """Return these rows, in the order given; the pixels stay where they are."""
        return type(self)(self.pixels, self.place[rows])

    def inputs(self) -> Inputs:
        """Return what a graph takes: `pixels` uint8 [N, S, S, 3], 0 where there is none. Reads from disk."""
        side = self.num_features
        found = np.zeros((len(self), side, side, 3), np.uint8)
        found[self.present] = self.pixels[self.place[self.present]]
        return {"pixels": found}


Field = Bag | Dense | Ordered | Squares


def arrays_of(of: Field) -> Arrays:
    """Return a field as plain arrays, for a file."""
    if isinstance(of, Dense):
        return {"values": of.values, "present": of.present}
    if isinstance(of, Squares):
        return {**of.inputs(), "present": of.present}
    size = np.array([of.num_features], np.int64)
    if isinstance(of, Ordered):
        return {"ids": of.ids, "num_features": size}
    return {"indptr": of.indptr, "index": of.index, "weight": of.weight, "num_features": size}


def field_of(arrays: Mapping[str, npt.NDArray[Any]]) -> Field:
    """Return the field that `arrays_of` was given."""
    if "values" in arrays:
        return Dense(arrays["values"].astype(np.float32), arrays["present"].astype(bool))
    if "pixels" in arrays:
        place = np.where(arrays["present"].astype(bool), np.arange(len(arrays["present"])), -1)
        return Squares(arrays["pixels"].astype(np.uint8), place)
    if "ids" in arrays:
        return Ordered(arrays["ids"].astype(np.int32), int(arrays["num_features"][0]))
    return Bag(
        arrays["indptr"].astype(np.int64),
        arrays["index"].astype(np.int32),
        arrays["weight"].astype(np.float32),
        int(arrays["num_features"][0]),
    )


@dataclass(frozen=True)
class Records:
    """What readers read: N items or users with their columns and ready vectors.

    table: N rows, or no column at all;  vectors: float32 [N, K] by name, NaN rows where there is none;
    num_events: int64 [N], how many events of a row are in what is learnt from.

    Raises:
        DataError: a column or vectors of another number of rows.
    """

    table: pa.Table
    num_events: npt.NDArray[np.int64]
    vectors: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lengths = {
            name: len(column) for name, column in zip(self.table.column_names, self.table, strict=True)
        }
        for name, length in (lengths | {name: len(rows) for name, rows in self.vectors.items()}).items():
            if length != len(self):
                raise DataError(f"{name!r} has {length} rows, where there are {len(self)} records")

    @classmethod
    def of_catalogue(cls, catalogue: Catalogue, num_events: npt.ArrayLike) -> Self:
        """Return the items of a catalogue."""
        return cls(catalogue.table, np.asarray(num_events, np.int64), catalogue.vectors)

    @classmethod
    def of_users(cls, table: pa.Table, num_events: npt.ArrayLike) -> Self:
        """Return users by the columns of their profile."""
        return cls(table, np.asarray(num_events, np.int64))

    def __len__(self) -> int:
        return len(self.num_events)

    def column(self, name: str) -> pa.ChunkedArray | None:
        """Return a column, or None where there is none of that name."""
        return self.table[name] if name in self.table.column_names else None
