"""What shops write down of their shoppers, as segments: people with one value of a column. P people, S segments."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from shelfspace.errors import InputError, did_you_mean
from shelfspace.inputs.columns import as_numbers
from shelfspace.shop.ids import Ids

LEAST = 5
"""A value that fewer people have makes no segment: it would name them."""
NUM_BINS = 5
FEW = 12
"""A column of numbers with more distinct values is cut into bins of alike many people."""

Cuts = Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Profiles:
    """Who is in which segment.

    segments: column and value of each;  member: float32 csr [P, S], 1 where somebody is of a segment;
    cuts: where columns of numbers are cut into bins.
    """

    segments: tuple[tuple[str, str], ...]
    member: sparse.csr_array
    cuts: Cuts = field(default_factory=dict)

    @classmethod
    def of(cls, users: pa.Table | None, people: Ids) -> Self:
        """Read the columns of `users` beside `user_id`; of somebody's several rows the first counts. O(P) a column."""
        segments: list[tuple[str, str]] = []
        cuts: dict[str, list[float]] = {}
        member, column = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        table = users if users is not None else pa.table({"user_id": pa.array([], pa.string())})
        for name in (n for n in table.column_names if n != "user_id"):
            row = people.rows(table["user_id"].cast(pa.string()))
            values = table[name].combine_chunks()
            owner, texts, cut = _values(values, row)
            if cut:
                cuts[name] = cut
            for value, who in _held(owner, texts):
                member.append(who)
                column.append(np.full(len(who), len(segments)))
                segments.append((name, value))
        place = (np.concatenate(member), np.concatenate(column))
        ones = np.ones(len(place[0]), np.float32)
        found = sparse.csr_array((ones, place), shape=(len(people), len(segments)))
        return cls(tuple(segments), found, cuts)

    @cached_property
    def columns(self) -> list[str]:
        """The columns that make segments."""
        return list(dict.fromkeys(name for name, _ in self.segments))

    def asked(self, profile: str) -> tuple[sparse.csr_array, list[str]]:
        """Read `age=25-34, "income=35,000 or less"`: the segments, float32 csr [1, S], and what is to be noted.

        Raises:
            InputError: it cannot be read, or names a column that makes no segments.
        """
        try:
            (fields,) = csv.reader([profile], skipinitialspace=True)
        except csv.Error as problem:
            raise InputError(f"cannot read the profile {profile[:60]!r}: {problem}") from None
        known = {(name, value.casefold()): n for n, (name, value) in enumerate(self.segments)}
        found, notes = [], []
        for said in filter(None, map(str.strip, fields)):
            name, equals, value = (part.strip() for part in said.partition("="))
            if not equals or not value:
                raise InputError(
                    f'cannot read {said[:60]!r} in the profile; write it as: age=25-34, "size=1,000 up"'
                )
            if name not in self.columns:
                near = did_you_mean(name, self.columns)
                raise InputError(f"profiles have no column {name[:60]!r}{near}; known: {self.columns}")
            if name in self.cuts:
                value = _binned(name, value, self.cuts[name])
            at = known.get((name, value.casefold()))
            if at is None:
                near = did_you_mean(value, [v for n, v in self.segments if n == name])
                notes.append(f"profile: nobody, or too few, have {name} = {value[:60]!r}{near}")
            else:
                found.append(at)
        row = np.zeros((1, len(self.segments)), np.float32)
        row[0, found] = 1.0
        return sparse.csr_array(row), notes

    def about(self) -> dict[str, Any]:
        """Return all but the matrix, as plain data."""
        return {
            "segments": [list(pair) for pair in self.segments],
            "cuts": {n: list(c) for n, c in self.cuts.items()},
        }

    @classmethod
    def restored(cls, about: Mapping[str, Any], member: sparse.csr_array) -> Self:
        """Take what `about` gave, and the matrix."""
        segments = tuple((str(name), str(value)) for name, value in about["segments"])
        if member.shape[1] != len(segments):
            raise ValueError(f"there are {member.shape[1]} segments and {len(segments)} names of them")
        return cls(segments, member, about["cuts"])


def _values(
    values: pa.Array, row: npt.NDArray[np.int32]
) -> tuple[npt.NDArray[np.int64], pa.Array, list[float]]:
    """Return who has which values, as texts, and where numbers are cut."""
    owner = np.arange(len(values))
    if pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
        owner = pc.list_parent_indices(values).to_numpy()
        values = pc.list_flatten(values)
    first = np.zeros(len(row), bool)
    first[np.unique(row, return_index=True)[1]] = True
    kept = first[owner] & (row[owner] >= 0) & pc.is_valid(values).to_numpy(zero_copy_only=False)
    owner, values = row[owner[kept]].astype(np.int64), as_numbers(values.filter(pa.array(kept)))
    if pa.types.is_timestamp(values.type) or pa.types.is_nested(values.type) or pa.types.is_date(values.type):
        return owner[:0], pa.array([], pa.string()), []
    if (
        pa.types.is_floating(values.type)
        or pa.types.is_integer(values.type)
        or pa.types.is_decimal(values.type)
    ):
        numbers = values.cast(pa.float64()).to_numpy()
        sound = np.isfinite(numbers)
        owner, numbers = owner[sound], numbers[sound]
        if len(np.unique(numbers)) > FEW:
            cut = np.unique(np.quantile(numbers, np.arange(1, NUM_BINS) / NUM_BINS)).tolist()
            labels = _labels(cut)
            return owner, pa.array([labels[n] for n in np.searchsorted(cut, numbers, side="right")]), cut
        return owner, pa.array([f"{number:g}" for number in numbers.tolist()], pa.string()), []
    return owner, pc.utf8_trim_whitespace(values.cast(pa.string())), []


def _held(owner: npt.NDArray[np.int64], texts: pa.Array) -> Iterator[tuple[str, npt.NDArray[np.int64]]]:
    """Yield each value that enough people have, and who."""
    coded = texts.dictionary_encode()
    code = coded.indices.to_numpy(zero_copy_only=False)
    for n, value in enumerate(coded.dictionary.to_pylist()):
        who = np.unique(owner[code == n])
        if value and len(who) >= LEAST:
            yield value, who


def _labels(cut: Sequence[float]) -> list[str]:
    between = [f"{low:g} to {high:g}" for low, high in pairwise(cut)]
    return [f"below {cut[0]:g}", *between, f"{cut[-1]:g} and more"]


def _binned(name: str, value: str, cut: Sequence[float]) -> str:
    labels = _labels(cut)
    if value in labels:
        return value
    try:
        number = float(value)
    except ValueError:
        raise InputError(f"{name} is a number; {value[:60]!r} is not") from None
    return labels[int(np.searchsorted(cut, number, side="right"))]
