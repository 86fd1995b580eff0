"""People of a social graph and their segments, as far as a store changes them. P people, S segments."""

import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy import sparse

from shelfspace.errors import InputError
from shelfspace.folding.gathered import Profile
from shelfspace.people.graph import SocialGraph
from shelfspace.people.profiles import Profiles
from shelfspace.shop.ids import Ids


@dataclass(frozen=True)
class Known:
    """Who knows whom, and who is in which segment.

    kept: int64, the rows of before that stay, None: all of them.
    """

    graph: SocialGraph
    profiles: Profiles
    kept: npt.NDArray[np.int64] | None = None

    def folded(self, said: Mapping[str, Profile], forgotten: Callable[[str], bool]) -> "Known":
        """Return the same without who was forgotten, and with what others said of themselves since.

        Who says something and is not among the people is added to them, without friends.
        """
        people, member = self.graph.people, self.profiles.member
        stays = np.array([not forgotten(text) for text in people.array.to_pylist()], bool)
        kept = np.flatnonzero(stays).astype(np.int64)
        there = Ids(people.array.take(pa.array(kept)), "user")
        new = [text for text in said if text not in there]
        ids = Ids(pa.concat_arrays([there.array, pa.array(new, pa.string())]), "user")
        size = len(ids)
        edges = _padded(sparse.csr_array(self.graph.edges[kept][:, kept]), size, size)
        rows = _padded(sparse.csr_array(member[kept]), size, member.shape[1])
        if said:
            dense = rows.tolil()
            for text, profile in said.items():
                self._say(dense, ids.row(text), profile)
            rows = sparse.csr_array(dense, dtype=np.float32)
        graph = SocialGraph(ids, edges, self.graph.loops, self.graph.repeats, self.graph.unknown)
        return Known(graph, Profiles(self.profiles.segments, rows, self.profiles.cuts), kept)

    def rows_of(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return values of the people of before for those of now, 0 for who is new."""
        kept = np.arange(len(values)) if self.kept is None else self.kept
        found = np.zeros((len(self.graph.people), values.shape[1]), np.float32)
        found[: len(kept)] = values[kept]
        return found

    def _say(self, rows: Any, row: int, profile: Profile) -> None:
        """Put somebody into the segments that they name; of a patch the other columns stay as they were."""
        for column in self.profiles.columns:
            if not profile.whole and column not in profile.columns:
                continue
            for n, (name, _) in enumerate(self.profiles.segments):
                if name == column:
                    rows[row, n] = 0.0
            values = profile.columns.get(column)
            for value in values if isinstance(values, list) else [values]:
                for n in self._segments(column, value):
                    rows[row, n] = 1.0

    def _segments(self, column: str, value: Any) -> list[int]:
        """Return the segment of a value, none where too few had it when the segments were made."""
        if value is None:
            return []
        plain = isinstance(value, int | float) and not isinstance(value, bool)
        text = f"{value:g}" if plain and column not in self.profiles.cuts else str(value)
        text = text.lower() if isinstance(value, bool) else text
        line = io.StringIO()
        csv.writer(line).writerow([f"{column}={text}"])
        try:
            found, _ = self.profiles.asked(line.getvalue().strip())
        except InputError:
            return []
        return [int(n) for n in found.nonzero()[1]]


def _padded(matrix: sparse.csr_array, height: int, width: int) -> sparse.csr_array:
    indptr = np.append(matrix.indptr, np.full(height + 1 - len(matrix.indptr), matrix.indptr[-1]))
    return sparse.csr_array((matrix.data, matrix.indices, indptr), shape=(height, width))
