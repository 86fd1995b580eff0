"""The reference index: every vector is looked at."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shelfspace.errors import ConfigError, SpaceError
from shelfspace.index.checks import (
    checked_additions,
    checked_filters,
    checked_rows,
    checked_vectors,
    fit_flags,
)
from shelfspace.index.protocol import Found
from shelfspace.index.topk import available_threads, top_k


class Exact:
    """Exact search by inner product, in blocks (see `topk`).

    A search costs O(B N D) multiplications, half a billion scores of 64 dimensions a second and core. An
    index takes 4 N D bytes, none of them in memory after `load`, which maps the file; adding to a mapped
    index copies it.

    Example:
        >>> index = Exact(2)
        >>> index.add([0, 3], [[1.0, 0.0], [0.6, 0.8]])
        >>> rows, scores = index.search([[1.0, 0.0]], 3)
        >>> rows.tolist(), scores.round(2).tolist()
        ([[0, 3, -1]], [[1.0, 0.6000000238418579, -inf]])
    """

    def __init__(self, dim: int, *, threads: int = 0) -> None:
        """Make an empty index for vectors of `dim` numbers; `threads` 0 means all cores it may use."""
        if dim < 1 or threads < 0:
            raise ConfigError(f"an index needs dim >= 1 and threads >= 0, not {dim} and {threads}")
        self.dim = dim
        self.threads = threads
        self._vectors: npt.NDArray[np.float32] = np.zeros((0, dim), np.float32)
        self._present: npt.NDArray[np.bool_] = np.zeros(0, bool)

    def __len__(self) -> int:
        return int(np.count_nonzero(self._present))

    @property
    def vectors(self) -> npt.NDArray[np.float32]:
        """Return float32 [N, D] by row, 0 where a row is not there."""
        return self._vectors

    @property
    def present(self) -> npt.NDArray[np.bool_]:
        """Return which rows are there, bool [N]."""
        return self._present

    def add(self, rows: npt.ArrayLike, vectors: npt.ArrayLike) -> None:
        """Put vectors at rows; see `Index.add`. O(M D), or O(N D) where it grows or leaves its file."""
        good, array = checked_additions(rows, vectors, self.dim)
        if not len(good):
            return
        old = len(self._vectors)
        size = max(old, int(good[-1]) + 1)
        if size > old or not self._vectors.flags.writeable:
            grown = np.zeros((size, self.dim), np.float32)
            grown[:old] = self._vectors
            self._vectors = grown
            self._present = fit_flags(self._present, size)
        self._vectors[good] = array
        self._present[good] = True

    def remove(self, rows: npt.ArrayLike) -> None:
        """Take rows out; see `Index.remove`."""
        good = checked_rows(rows)
        self._present[good[good < len(self._present)]] = False

    def search(
        self,
        queries: npt.ArrayLike,
        k: int,
        *,
        allowed: npt.NDArray[np.bool_] | None = None,
        exclude: sparse.csr_array | None = None,
    ) -> Found:
        """Return the k best rows and their scores; see `Index.search`. Equal scores are ordered by row."""
        asked = checked_vectors(queries, self.dim, "queries")
        checked_filters(len(asked), k, allowed, exclude)
        flags = self._present if allowed is None else self._present & fit_flags(allowed, len(self._present))
        return top_k(
            asked,
            self._vectors,
            k,
            allowed=None if flags.all() else flags,
            exclude=exclude,
            threads=self.threads or available_threads(),
        )

    def save(self, folder: Path) -> None:
        """Write `vectors.npy` and `present.npy`."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, array in (("vectors.npy", self._vectors), ("present.npy", self._present)):
            beside = folder / f"{name}.new"
            with beside.open("wb") as file:
                np.save(file, array)
            beside.replace(folder / name)  # the old file may be the one that is mapped

    def load(self, folder: Path) -> None:
        """Map `vectors.npy` into memory; see `Index.load`."""
        path = folder / "vectors.npy"
        vectors = _read(path, mapped=True)
        present = _read(folder / "present.npy", mapped=False)
        if vectors.shape != (len(present), self.dim):
            raise SpaceError(f"{path} is of shape {list(vectors.shape)}, not {[len(present), self.dim]}")
        if vectors.dtype != np.float32 or present.dtype != np.bool_:
            raise SpaceError(
                f"{path} and present.npy hold {vectors.dtype} and {present.dtype}, not float32 and bool"
            )
        self._vectors, self._present = vectors, present


def _read(path: Path, *, mapped: bool) -> npt.NDArray[Any]:
    try:
        return np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)  # type: ignore[no-any-return]
    except FileNotFoundError:
        raise SpaceError(f"{path} is missing") from None
    except (OSError, ValueError, EOFError) as problem:
        raise SpaceError(f"{path} is damaged: {problem}") from None
