"""Ids change once, at the border: the shop's own text outside, int32 rows inside."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shelfspace.errors import UnknownIdError, did_you_mean

Rows = npt.NDArray[np.int32]


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

    def __len__(self) -> int:
        return len(self.array)

    def __contains__(self, text: object) -> bool:
        return text in self._rows_by_text()

    def text(self, row: int) -> str:
        """Return the id of a row."""
        return str(self.array[int(row)].as_py())

    def texts(self, rows: Sequence[int] | npt.NDArray[np.integer]) -> list[str]:
        """Return the ids of rows."""
        taken: list[str] = self.array.take(pa.array(np.asarray(rows, dtype=np.int64))).to_pylist()
        return taken

    def row(self, text: str) -> int:
        """Return the row of an id.

        Raises:
            UnknownIdError: with the nearest known spelling.
        """
        row = self._rows_by_text().get(text)
        if row is None:
            near = did_you_mean(text, self._rows_by_text()) if len(self) <= 50_000 else ""
            raise UnknownIdError(f"unknown {self.kind} {text!r}{near}")
        return row

    def rows(self, texts: pa.Array | pa.ChunkedArray | Sequence[str]) -> Rows:
        """Return the row of each id, -1 where it is not known."""
        if not isinstance(texts, pa.Array | pa.ChunkedArray):
            texts = pa.array(list(texts), pa.string())
        found = pc.index_in(texts, value_set=self.array)
        rows: Rows = pc.fill_null(found, -1).to_numpy(zero_copy_only=False).astype(np.int32)
        return rows

    def _rows_by_text(self) -> dict[str, int]:
        if self._lookup is None:
            self._lookup = {text: row for row, text in enumerate(self.array.to_pylist())}
        return self._lookup
