"""What is seen of listings: words, ready vectors, photos; each may be missing. N listings, F features, K numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from shelfspace.inputs.fields import Records
from shelfspace.inputs.pretrained import PhotoVectors, TextVectors
from shelfspace.linear.features import ItemFeatures
from shelfspace.linear.retriever import Arrays
from shelfspace.shop.catalogue import Catalogue

Flags = npt.NDArray[np.bool_]

WORDS = "words"
READY = "vectors."
LONGEST = 5_000
"""Characters of a title or description that are read; the rest of a longer one is not."""


@dataclass(frozen=True)
class View:
    """One view of N listings: [N, F] sparse words or [N, K] dense numbers, and bool [N], where there is anything."""

    rows: Any  # a sparse array, or a float32 one
    present: Flags


@dataclass(frozen=True)
class Eyes:
    """What reads listings.

    reads: the columns whose words are read, and no other column;
    words: their TF-IDF; None where words are not read;
    ready: names of ready vectors;  frozen: encoders that others trained, by the name of the view.
    """

    reads: tuple[str, ...]
    words: ItemFeatures | None
    ready: tuple[str, ...]
    frozen: Mapping[str, PhotoVectors | TextVectors]

    @classmethod
    def of(
        cls,
        reads: Sequence[str],
        encoders: Sequence[str],
        catalogue: Catalogue,
        frozen: Mapping[str, PhotoVectors | TextVectors],
    ) -> "Eyes":
        """Choose what to read of a catalogue; words are learnt later."""
        words = ItemFeatures() if WORDS in encoders else None
        ready = tuple(sorted(catalogue.vectors)) if "vectors" in encoders else ()
        return cls(tuple(reads), words, ready, frozen)

    def learnt(self, catalogue: Catalogue, known: Flags) -> "Eyes":
        """Learn the words, and how rare they are, from the listings that are known, bool [N]."""
        if self.words is None:
            return self
        return replace(self, words=ItemFeatures().learn_words(self._said(catalogue), known))

    def views(self, catalogue: Catalogue) -> dict[str, View]:
        """Return every view, by its name."""
        return self.of_words(catalogue) | self.of_numbers(catalogue)

    def of_words(self, catalogue: Catalogue) -> dict[str, View]:
        """Return the view of the words alone, where words are read."""
        if self.words is None:
            return {}
        rows = self.words.features(self._said(catalogue))
        present: Flags = np.diff(rows.indptr).astype(bool)
        return {WORDS: View(rows, present)}

    def of_numbers(self, catalogue: Catalogue) -> dict[str, View]:
        """Return the views that learn no words: ready vectors, and what frozen encoders say; what lacks is absent."""
        found: dict[str, View] = {}
        for name in self.ready:
            none = np.zeros((len(catalogue), 0), np.float32)
            plain = np.nan_to_num(np.asarray(catalogue.vectors.get(name, none), np.float32))
            found[READY + name] = View(plain, np.count_nonzero(plain, axis=1) > 0)
        records = Records.of_catalogue(catalogue, np.zeros(len(catalogue), np.int64))
        for name, reader in self.frozen.items():
            dense = reader.read(records)
            found[name] = View(dense.values, dense.present)
        return found

    def state(self) -> dict[str, Any]:
        """Return all but the words and the encoders, fit for JSON."""
        frozen = {
            name: {"kind": "photo" if isinstance(reader, PhotoVectors) else "text", "state": reader.state()}
            for name, reader in self.frozen.items()
        }
        words = self.words is not None
        return {"reads": self.reads, "words": words, "ready": self.ready, "frozen": frozen}

    def arrays(self) -> Arrays:
        """Return the words."""
        return self.words.word_arrays() if self.words is not None else {}

    def files(self) -> dict[str, bytes]:
        """Return the files of the encoders."""
        return {
            f"{name}.{file}": data
            for name, reader in self.frozen.items()
            for file, data in reader.files().items()
        }

    def _said(self, catalogue: Catalogue) -> Catalogue:
        """Return the listings with the columns that are read and no other: what is foretold is never seen."""
        names = [name for name in self.reads if catalogue.column(name) is not None]
        table = catalogue.table.select(names)
        for name in set(names) & {"title", "description"}:
            cut = [text[:LONGEST] if text else text for text in table[name].to_pylist()]
            table = table.set_column(names.index(name), name, [cut])
        return replace(catalogue, table=table)
