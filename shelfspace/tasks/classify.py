"""What a listing is, where it does not say: its category and other labels. N listings, K labels."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shelfspace.classifying.classifier import KEPT, Answers
from shelfspace.classifying.fitted import FittedClassify
from shelfspace.classifying.labels import LabelPath, paths_of, written
from shelfspace.errors import InputError, did_you_mean
from shelfspace.holding import Holding
from shelfspace.inputs.pretrained import PhotoVectors
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.ids import Ids
from shelfspace.tasks.against import catalogue_at
from shelfspace.tasks.labels import Label, Labels
from shelfspace.tasks.learnt import learnt_by
from shelfspace.tasks.ruled import blocked_items
from shelfspace.tasks.said import MAX_PHRASE

Parts = tuple[tuple[str, float], ...]


def classify(
    space: Holding,
    item: str | list[str] | None = None,
    *,
    column: str | None = None,
    k: int = 1,
    phrase: str | None = None,
    photo: str | Path | None = None,
    against: str | None = None,
    suspicious: bool = False,
    why: bool = False,
) -> Labels:
    """Return the category and other labels of listings, as far as they are sure.

    Without a subject the listings of the catalogue answer that lack a label. What is foretold of a listing that has one
    is by models that had not learnt from it.

    Args:
        space: an open space in which `classify` was fitted.
        item: an item's id; a list is a batch.
        column: one of the columns that were learnt; all of them without.
        k: how many labels, 1 to 20. One: only where it is sure enough, and of a path as far as it is sure; null where
            it is not. More: the likeliest whole labels, sure or not.
        phrase: the title of a listing that is not in the catalogue; with a photo, both count.
        photo: the file of its photo.
        against: another catalogue, whose listings are classified: its items file, or a settings file that maps
            its columns.
        suspicious: instead, the labels of the catalogue that are probably wrong, the most suspicious first, with what
            is likelier.
        why: add what each view adds to the log odds of the likeliest label against the next, with the words that
            speak most for it.

    Raises:
        InputError: the space has no fitted `classify`, `k` or a phrase is out of range, or several subjects are given.
        UnknownIdError: an item is not in the catalogue.
        ConfigError, DataError: the other catalogue cannot be read.

    Cost: its own catalogue's labels lie ready; a listing of another takes milliseconds, a new photo some 20 ms.

    Example:
        >>> space.classify(phrase="red wool scarf", k=3).to_frame()  # doctest: +SKIP
    """
    fitted = learnt_by(space, "classify", FittedClassify)
    columns = _columns(fitted, column)
    if not 1 <= k <= KEPT:
        raise InputError(f"k = {k} is out of range; give 1 to {KEPT}")
    items = [item] if isinstance(item, str) else list(item or [])
    new = (phrase or "").strip() or photo
    if phrase is not None and not new:
        raise InputError("the phrase is blank: give words, or a photo")
    if sum(map(bool, (items, new, against))) > 1:
        raise InputError("name items, or give a phrase or a photo, or another catalogue: one of these")
    if suspicious and (new or against):
        raise InputError(
            "labels are suspicious in the space's own catalogue: leave the phrase, the photo or the file out"
        )
    rows = np.array([space.catalogue.ids.row(text) for text in items], np.int64) if items else None
    notes = list(fitted.notes)
    if against is not None or new:
        asked = catalogue_at(against) if against is not None else _listing(phrase, photo)
        notes += _unseen_photo(fitted, photo)
        answers: Mapping[str, Answers] = fitted.classifier.answers(asked)
        notes += _failed(fitted)
        rows = np.arange(len(asked))
    else:
        asked, answers = space.catalogue, fitted.answers
    blocked = blocked_items(space) if asked is space.catalogue else np.zeros(len(asked), bool)
    if blocked.any():
        notes.append(f"{int(blocked.sum()):,} blocked listings are left out")
    found: list[Label] = []
    for name in columns:
        one = _Asked(fitted, asked, name, answers[name], why, ~blocked)
        found += one.suspicious(rows) if suspicious else one.labels(rows, k)
        if suspicious:
            continue
        num = int((answers[name].answer[one.rows(rows)] < 0).sum())
        if num and k == 1:
            notes.append(
                f"{name}: {num:,} listings have nothing that is sure enough; k = 3 shows what is likeliest"
            )
    return Labels.of(found, notes, why=why)


@dataclass(frozen=True)
class _Asked:
    """One column of the listings that are asked about."""

    fitted: FittedClassify
    catalogue: Catalogue
    column: str
    answers: Answers
    why: bool
    shown: npt.NDArray[np.bool_]

    def rows(self, rows: npt.NDArray[np.int64] | None) -> npt.NDArray[np.int64]:
        """Return these listings; those without a label where none are said."""
        if rows is not None:
            return rows[self.shown[rows]]
        return np.flatnonzero(np.array([path is None for path in self._given()], bool) & self.shown)

    def labels(self, rows: npt.NDArray[np.int64] | None, k: int) -> Iterator[Label]:
        """Yield the labels of each listing: the answer, or the k likeliest."""
        rows, given = self.rows(rows), self._given()
        ids, titles, answers = self.catalogue.ids.texts(rows), self.catalogue.titles(), self.answers
        classes = self.fitted.classifier.heads[self.column].classes
        parts = self._parts(rows)
        for n, row in enumerate(rows.tolist()):
            if k == 1:
                at = int(answers.answer[row])
                told = [(classes.prefixes[at] if at >= 0 else None, float(answers.sure[row]))]
            else:
                likely = zip(answers.label[row, :k].tolist(), answers.chance[row, :k].tolist(), strict=True)
                told = [(classes.paths[label], chance) for label, chance in likely]
            for rank, (path, score) in enumerate(told, start=1):
                why = parts[n] if rank == 1 else ()
                yield Label(
                    ids[n], titles[row], self.column, rank, written(path), score, written(given[row]), why
                )

    def suspicious(self, rows: npt.NDArray[np.int64] | None) -> Iterator[Label]:
        """Yield the labels that are probably wrong, the most suspicious first, with what is likelier."""
        odd, titles = self.fitted.suspects[self.column], self.catalogue.titles()
        paths = self.fitted.classifier.heads[self.column].classes.paths
        asked = np.ones(len(odd), bool) if rows is None else np.isin(odd.row, rows)
        shown = np.flatnonzero(asked & self.shown[odd.row])
        ids, parts = self.catalogue.ids.texts(odd.row[shown]), self._parts(odd.row[shown])
        for n, at in enumerate(shown.tolist()):
            likely, given = paths[int(odd.likely[at])], paths[int(odd.given[at])]
            yield Label(
                ids[n],
                titles[int(odd.row[at])],
                self.column,
                n + 1,
                written(likely),
                float(odd.chance[at]),
                written(given),
                parts[n],
            )

    def _given(self) -> Sequence[LabelPath | None]:
        if self.catalogue.column(self.column) is None:
            return [None] * len(self.catalogue)
        return paths_of(self.catalogue, self.column)

    def _parts(self, rows: npt.NDArray[np.int64]) -> list[Parts]:
        """Return what speaks for the likeliest label of each listing, the strongest first; nothing unless asked for."""
        if not self.why:
            return [()] * len(rows)
        some = _taken(self.catalogue, rows)
        words = self.fitted.classifier.telling(some, self.column, self.answers.label[rows])
        found = []
        for n, row in enumerate(rows.tolist()):
            named = zip(self.answers.names, self.answers.parts[row].tolist(), strict=True)
            there = [(name, amount) for name, amount in named if not np.isnan(amount)]
            said = [
                (f"{name}: {', '.join(words[n])}" if name == "words" and words[n] else name, amount)
                for name, amount in there
            ]
            found.append(tuple(sorted(said, key=lambda part: -abs(part[1]))))
        return found


def _listing(phrase: str | None, photo: str | Path | None) -> Catalogue:
    """Return a catalogue of the one listing that is asked about."""
    if phrase and len(phrase) > MAX_PHRASE:
        raise InputError(f"a phrase of {len(phrase):,} characters is too long; the limit is {MAX_PHRASE:,}")
    name = (phrase or "").strip()[:60] or str(photo)
    file = str(Path(photo).absolute()) if photo is not None else None
    table = pa.table({"title": pa.array([phrase], pa.string()), "image": pa.array([file], pa.string())})
    return Catalogue(Ids([name], "item"), table, np.zeros(1), np.zeros(1, np.int32))


def _taken(catalogue: Catalogue, rows: npt.NDArray[np.int64]) -> Catalogue:
    """Return some listings of a catalogue."""
    return Catalogue(
        Ids([str(n) for n in range(len(rows))], "item"),
        catalogue.table.take(pa.array(rows)),
        np.zeros(len(rows)),
        np.arange(len(rows), dtype=np.int32),
    )


def _columns(fitted: FittedClassify, column: str | None) -> list[str]:
    known = list(fitted.answers)
    if column is None:
        return known
    if column not in known:
        raise InputError(f"{column!r} was not learnt{did_you_mean(column, known)}; known: {known}")
    return [column]


def _unseen_photo(fitted: FittedClassify, photo: str | Path | None) -> list[str]:
    if photo is None or "photo" in fitted.classifier.eyes.frozen:
        return []
    return ["photos were not learnt from in this space, so this one is not looked at"]


def _failed(fitted: FittedClassify) -> Iterator[str]:
    """Say which photos could not be used."""
    for reader in fitted.classifier.eyes.frozen.values():
        for path, problem in list(reader.failed.items())[:10] if isinstance(reader, PhotoVectors) else ():
            yield f"the photo {path} cannot be used: {problem}"
