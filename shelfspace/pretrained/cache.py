"""Vectors of texts and photos that were encoded before, on disk. K numbers of a vector."""

import os
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

_ASKED_AT_ONCE = 500


def cache_folder() -> Path:
    """Return where encoders and vectors are kept: `SHELFSPACE_CACHE`, else the user's cache folder."""
    given = os.environ.get("SHELFSPACE_CACHE")
    plain = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(given) if given else plain / "shelfspace"


class VectorCache:
    """Vectors by key, of one encoder. Several processes may use it at once.

    Example:
        >>> import tempfile
        >>> cache = VectorCache("minilm", Path(tempfile.mkdtemp()))
        >>> cache.put({b"a": np.ones(2, np.float32)})
        >>> {key: vector.tolist() for key, vector in cache.get([b"a", b"b"]).items()}
        {b'a': [1.0, 1.0]}
    """

    def __init__(self, encoder: str, folder: Path | None = None) -> None:
        self.path = (folder or cache_folder()) / "vectors" / f"{encoder}.sqlite"

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Floats]:
        """Return the vectors that are kept, float32 [K] by key."""
        if not self.path.is_file():
            return {}
        found: dict[bytes, Floats] = {}
        with closing(self._open()) as store:
            for start in range(0, len(keys), _ASKED_AT_ONCE):
                some = keys[start : start + _ASKED_AT_ONCE]
                marks = ",".join("?" * len(some))
                rows = store.execute(f"SELECT key, vector FROM vectors WHERE key IN ({marks})", some)
                found |= {bytes(key): np.frombuffer(vector, np.float32) for key, vector in rows}
        return found

    def put(self, vectors: Mapping[bytes, Floats]) -> None:
        """Keep vectors."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with closing(self._open()) as store, store:
            store.execute(
                "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB) WITHOUT ROWID"
            )
            rows = ((key, np.asarray(vector, np.float32).tobytes()) for key, vector in vectors.items())
            store.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", rows)

    def _open(self) -> sqlite3.Connection:
        store = sqlite3.connect(self.path, timeout=60.0)
        store.execute("PRAGMA journal_mode=WAL")
        return store
