"""Ids change once, at the border: the shop's own text outside, int32 rows inside."""

from collections.abc import Iterable, Sequence
from copy import copy

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from rapidfuzz import process

from shelfspace.errors import UnknownIdError, did_you_mean

Rows = npt.NDArray[np.int32]

FEW = 256
"""So many ids are looked up one by one; more of them at once, which first reads all that are known."""

MAX_COMPARED = 50_000
"""Of more ids than these none is said to be near: an answer to a slip should take milliseconds."""

ALIKE = 60.0
"""From this ratio of Indel similarity on, in percent, an id is near to another."""


class Ids:
    """The ids of items or of users; row i of every array belongs to the i-th id.

    Example:
        >>> ids = Ids(["sku-1", "sku-2"], "item")
        >>> ids.row("sku-2"), ids.text(0)
        (1, 'sku-1')
    """

    def __init__(self, texts: pa.Array | Iterable[str], kind: str) -> None:
        array = texts if isinstance(texts, pa.Array) else pa.array(list(texts), pa.string())
        self.array: pa.Array = array.cast(pa.string())
        self.kind = kind
        self._lookup: dict[str, int] | None = None
        self._listed: list[str] | None = None
        self._tells = True

    def __len__(self) -> int:
        return len(self.array)

    def __contains__(self, text: object) -> bool:
        return text in self._rows_by_text()

    def text(self, row: int) -> str:
        """Return the id of a row."""
        return self._texts()[int(row)]

    def texts(self, rows: Sequence[int] | npt.NDArray[np.integer]) -> list[str]:
        """Return the ids of rows."""
        if len(rows) <= FEW:
            every = self._texts()
            return [every[row] for row in (rows.tolist() if isinstance(rows, np.ndarray) else rows)]
        taken: list[str] = self.array.take(pa.array(np.asarray(rows, dtype=np.int64))).to_pylist()
        return taken

    def row(self, text: str) -> int:
        """Return the row of an id.

        Raises:
            UnknownIdError: with the nearest known spelling.
        """
        row = self._rows_by_text().get(text)
        if row is None:
            raise UnknownIdError(f"unknown {self.kind} {text!r}{self.near(text)}")
        return row

    def near(self, text: str) -> str:
        """Return `; did you mean 'x'?` for the nearest known id, or an empty string. O(N), some 5 ms for 50,000."""
        if not self._tells or len(self) > MAX_COMPARED:
            return ""
        found = process.extract(text, list(self._rows_by_text()), score_cutoff=ALIKE, limit=20)
        return did_you_mean(text, [near for near, *_ in found])

    def rows(self, texts: pa.Array | pa.ChunkedArray | Sequence[str]) -> Rows:
        """Return the row of each id, -1 where it is not known."""
        if not isinstance(texts, pa.Array | pa.ChunkedArray):
            if len(texts) <= FEW:
                known = self._rows_by_text()
                return np.array([known.get(text, -1) for text in texts], np.int32)
            texts = pa.array(list(texts), pa.string())
        found = pc.index_in(texts, value_set=self.array)
        rows: Rows = pc.fill_null(found, -1).to_numpy(zero_copy_only=False).astype(np.int32)
        return rows

    def _texts(self) -> list[str]:
        if self._listed is None:
            self._listed = self.array.to_pylist()
        return self._listed

    def _rows_by_text(self) -> dict[str, int]:
        if self._lookup is None:
            self._lookup = {text: row for row, text in enumerate(self._texts())}
        return self._lookup

    def extended(self, texts: Sequence[str]) -> "Ids":
        """Return these ids and others behind them, which are not among these. O(N)."""
        longer = Ids(pa.concat_arrays([self.array, pa.array(list(texts), pa.string())]), self.kind)
        known = self._rows_by_text()
        longer._lookup = known | {text: len(self) + n for n, text in enumerate(texts)}
        return longer

    def silent(self) -> "Ids":
        """Return the same ids, of which none is told to who asks for another: whom a shop knows is its own affair."""
        same = copy(self)
        same._tells = False
        return same

    def find(self, text: str) -> int | None:
        """Return the row of an id, None where it is not known."""
        return self._rows_by_text().get(text)
