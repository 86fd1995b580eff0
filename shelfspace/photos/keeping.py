"""Photos as squares of pixels, decoded once for all runs and kept on disk. P photos kept, S side of a square."""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import numpy.typing as npt

from shelfspace.photos.decoding import Limits, PhotoError, Pixels, decoded, digest_of

Places = npt.NDArray[np.int64]
Told = Callable[[int, int], None]

WRITTEN_AT_ONCE = 64
_ASKED_AT_ONCE = 500


class KeptPhotos:
    """Squares of one side in one file, the place of each by what is in the photo's file. Several processes may use it.

    Args:
        size: S.
        folder: where they are kept.
        limits: what a photo may cost.

    Cost: 3 S² bytes a photo on disk, and decoding it once; of memory what is looked at.

    Example:
        >>> import io, tempfile
        >>> from PIL import Image
        >>> file = io.BytesIO()
        >>> Image.new("RGB", (4, 4), "red").save(file, "PNG")
        >>> kept = KeptPhotos(2, Path(tempfile.mkdtemp()))
        >>> place, failed = kept.places([file.getvalue(), b"no photo"])
        >>> place.tolist(), failed, kept.pixels()[0, 0, 0].tolist()
        ([0, -1], {1: 'not a photo of a known format'}, [255, 0, 0])
    """

    def __init__(self, size: int, folder: Path, limits: Limits | None = None) -> None:
        self.size, self.limits = size, limits or Limits()
        self.file, self.index = folder / f"{size}.pixels", folder / f"{size}.sqlite"

    def pixels(self) -> Pixels:
        """Return all squares, uint8 [P, S, S, 3], mapped from disk."""
        shape = (self._number(), self.size, self.size, 3)
        return np.memmap(self.file, np.uint8, "r", shape=shape) if shape[0] else np.zeros(shape, np.uint8)

    def places(
        self, photos: Sequence[Path | bytes], told: Told | None = None
    ) -> tuple[Places, dict[int, str]]:
        """Return the place of each photo among `pixels`, int64, -1 for what is none, and why each of those is none."""
        digests, failed = [b""] * len(photos), dict[int, str]()
        for n, photo in enumerate(photos):
            try:
                digests[n] = digest_of(photo, self.limits)
            except PhotoError as problem:
                failed[n] = str(problem)
        first = {digest: n for n, digest in reversed(list(enumerate(digests))) if digest}
        known = self._known(list(first))
        missing = [digest for digest in first if digest not in known]
        broken: dict[bytes, str] = {}
        for start in range(0, len(missing), WRITTEN_AT_ONCE):
            squares: dict[bytes, Pixels] = {}
            for digest in missing[start : start + WRITTEN_AT_ONCE]:
                try:
                    squares[digest] = decoded(photos[first[digest]], self.size, limits=self.limits)
                except PhotoError as problem:
                    broken[digest] = str(problem)
            self._keep(squares)
            if told is not None:
                told(min(start + WRITTEN_AT_ONCE, len(missing)), len(missing))
        known |= self._known(missing)
        failed |= {n: broken[digest] for n, digest in enumerate(digests) if digest in broken}
        return np.array([known.get(digest, -1) for digest in digests], np.int64), dict(sorted(failed.items()))

    def _keep(self, squares: dict[bytes, Pixels]) -> None:
        """Write squares behind those that are there; what a process that was killed left behind is written over."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.touch()
        with closing(self._open()) as store:
            store.execute("BEGIN IMMEDIATE")  # one process at a time
            there = self._asked(store, list(squares))
            new = [digest for digest in squares if digest not in there]
            (place,) = store.execute("SELECT COUNT(*) FROM photos").fetchone()
            with self.file.open("r+b") as file:
                file.seek(place * 3 * self.size**2)
                file.writelines(squares[digest].tobytes() for digest in new)
            store.executemany(
                "INSERT INTO photos VALUES (?, ?)", [(digest, place + n) for n, digest in enumerate(new)]
            )
            store.commit()

    def _known(self, digests: Sequence[bytes]) -> dict[bytes, int]:
        if not self.index.is_file():
            return {}
        with closing(self._open()) as store:
            return self._asked(store, digests)

    def _asked(self, store: sqlite3.Connection, digests: Sequence[bytes]) -> dict[bytes, int]:
        found: dict[bytes, int] = {}
        for start in range(0, len(digests), _ASKED_AT_ONCE):
            some = digests[start : start + _ASKED_AT_ONCE]
            marks = ",".join("?" * len(some))
            rows = store.execute(f"SELECT digest, place FROM photos WHERE digest IN ({marks})", some)
            found |= {bytes(digest): int(place) for digest, place in rows}
        return found

    def _number(self) -> int:
        if not self.index.is_file():
            return 0
        with closing(self._open()) as store:
            return int(store.execute("SELECT COUNT(*) FROM photos").fetchone()[0])

    def _open(self) -> sqlite3.Connection:
        store = sqlite3.connect(self.index, timeout=60.0, isolation_level=None)
        store.execute("CREATE TABLE IF NOT EXISTS photos (digest BLOB PRIMARY KEY, place INTEGER)")
        return store
