"""What every reader does, the two that read no column, and all of them by name.

N rows, K numbers of a ready vector.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np
import numpy.typing as npt

from shelfspace.errors import DataError
from shelfspace.inputs.fields import Bag, Content, Dense, Field, Kind, Records
from shelfspace.inputs.photos import Photos
from shelfspace.inputs.phrases import Phrases
from shelfspace.inputs.pretrained import PhotoVectors, TextVectors
from shelfspace.inputs.quantities import Numbers
from shelfspace.inputs.tags import Tags
from shelfspace.inputs.tokenised import Tokenised
from shelfspace.inputs.words import Words
from shelfspace.photos.keeping import Told

Flags = npt.NDArray[np.bool_]


class Reader(Protocol):
    """From records to one field. Learn it once; it then reads rows that came later, too."""

    kind: ClassVar[Kind]
    """Whether it gives a Bag, a Dense, an Ordered or Squares."""

    @property
    def num_features(self) -> int:
        """Features of a bag, or numbers of a row; at least 1."""
        ...

    def learn(self, records: Records, known: Flags) -> Self:
        """Learn vocabulary and scale from the known rows, bool [N], and from no other."""
        ...

    def read(self, records: Records) -> Field:
        """Return the field of every row, known or not; a row that has none is absent."""
        ...

    def state(self) -> dict[str, Any]:
        """Return the settings and what was learnt, fit for JSON."""
        ...

    def restore(self, state: dict[str, Any]) -> Self:
        """Become the reader whose `state` it was; a reader made without arguments can."""
        ...


@runtime_checkable
class HasFiles(Protocol):
    """A reader with files of its own that must travel with it: an encoder, a tokenizer."""

    def files(self) -> dict[str, bytes]:
        """Return the files by name."""
        ...

    def take_files(self, read: Callable[[str], bytes]) -> Self:
        """Take what `files` gave."""
        ...


@dataclass(kw_only=True)
class Ids:
    """A row's own number: a bag of one, where the row had events when it was learnt; absent where it had none.

    A row that came later, or that has had events only since, is absent: its vector was never trained.

    Example:
        >>> import pyarrow as pa
        >>> rows = Records.of_users(pa.table({}), [3, 0, 1])
        >>> Ids().learn(rows, np.ones(3, bool)).read(rows).present.tolist()
        [True, False, True]
    """

    kind: ClassVar[Kind] = "bag"
    trained: Flags = field(init=False, repr=False, default_factory=lambda: np.zeros(0, bool))

    @property
    def num_features(self) -> int:
        """The rows learnt from; 1 where there are none."""
        return max(1, len(self.trained))

    def learn(self, records: Records, known: Flags) -> Self:
        """Note which of the known rows, bool [N], have events."""
        self.trained = known & (records.num_events > 0)
        return self

    def read(self, records: Records) -> Bag:
        """Return each row's number."""
        row = np.flatnonzero(self.trained[: len(records)] & (records.num_events[: len(self.trained)] > 0))
        ones = np.ones(len(row))
        return Bag.unit(row, row, ones, num_rows=len(records), num_features=self.num_features)

    def state(self) -> dict[str, Any]:
        """Return what was learnt, fit for JSON."""
        return {"num_rows": len(self.trained), "cold": np.flatnonzero(~self.trained).tolist()}

    def restore(self, state: dict[str, Any]) -> Self:
        """Take what `state` gave."""
        self.trained = np.ones(state["num_rows"], bool)
        self.trained[np.array(state["cold"], np.int64)] = False
        return self


@dataclass(kw_only=True)
class Ready:
    """Anybody's vectors of a catalogue, by name, at unit length; absent where a row is 0 or not finite throughout.

    Args:
        name: the name in `vectors.NAME`; vectors that the shop lacks are absent everywhere.

    Cost: O(N K) time; 4 N K bytes.

    Raises:
        DataError: vectors of another width than those learnt from.
    """

    name: str = ""
    kind: ClassVar[Kind] = "dense"
    width: int = field(init=False, repr=False, default=1)

    @property
    def num_features(self) -> int:
        """K; 1 where the shop lacks the vectors."""
        return self.width

    def learn(self, records: Records, known: Flags) -> Self:
        """Note how wide the vectors are."""
        self.width = max(1, records.vectors[self.name].shape[1]) if self.name in records.vectors else 1
        return self

    def read(self, records: Records) -> Dense:
        """Return the vectors of every row, float32 [N, K]."""
        vectors = records.vectors.get(self.name)
        if vectors is None or not vectors.shape[1]:
            return Dense(np.zeros((len(records), self.width), np.float32), np.zeros(len(records), bool))
        if vectors.shape[1] != self.width:
            raise DataError(
                f"vectors {self.name!r} have {vectors.shape[1]} numbers; learnt were such of {self.width}"
            )
        finite = np.asarray(np.isfinite(vectors).all(axis=1), bool)
        plain = np.where(finite[:, None], vectors, 0.0).astype(np.float64)
        length = np.linalg.norm(plain, axis=1, keepdims=True)
        return Dense((plain / np.where(length > 0, length, 1.0)).astype(np.float32), length[:, 0] > 0)

    def state(self) -> dict[str, Any]:
        """Return the name and what was learnt, fit for JSON."""
        return {"name": self.name, "width": self.width}

    def restore(self, state: dict[str, Any]) -> Self:
        """Take what `state` gave."""
        vars(self).update(state)
        return self


@runtime_checkable
class Slow(Protocol):
    """A reader that may take long over rows it has not seen before, and says how far it is."""

    told: Told | None


def content_of(reader: Reader) -> Content:
    """Return what a reader reads: `content` of its class, where it has one."""
    found: Content = getattr(reader, "content", "other")
    return found


def photo_columns(readers: Iterable[Reader]) -> list[str]:
    """Return the columns of a record that are read for photos, each once."""
    return sorted({str(getattr(r, "column", "image")) for r in readers if content_of(r) == "photo"})


READERS: dict[str, type] = {
    "ids": Ids,
    "words": Words,
    "phrases": Phrases,
    "tags": Tags,
    "numbers": Numbers,
    "ready": Ready,
    "text": TextVectors,
    "photo": PhotoVectors,
    "pixels": Photos,
    "tokenised": Tokenised,
}
