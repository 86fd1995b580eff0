"""Which products are like this one, or like what a phrase says or a photo shows."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy import sparse

from shelfspace.errors import InputError
from shelfspace.holding import Holding
from shelfspace.inputs.fields import Records
from shelfspace.linear.vectors import unit_rows
from shelfspace.photos.decoding import PhotoError, decoded
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.ids import Ids
from shelfspace.tasks.allowed import allowed_items
from shelfspace.tasks.joined import joins_of
from shelfspace.tasks.reasons import Question, reasons, towers_of
from shelfspace.tasks.results import TEXTS, Hit, Hits, Why

MAX_K = 10_000
MAX_PHRASE = 10_000

Floats = npt.NDArray[np.float32]


def similar(
    space: Holding,
    item: str | list[str] | None = None,
    *,
    phrase: str | None = None,
    photo: str | Path | None = None,
    k: int = 10,
    where: str | None = None,
    why: bool = False,
) -> Hits:
    """Return the items nearest to an item in the space, by cosine; or to a phrase or a photo; or to all that is given.

    Args:
        space: an open space.
        item: an item's id; a list is a batch.
        phrase: words as a title may have them, in any language: what would be such a listing; with an item, both
            count alike.
        photo: a file: what would be a listing of this photo; with a phrase, of both, as the space joins them.
        k: how many answers, 1 to 10,000.
        where: a hard filter, such as `price<20 and category:shoes`; fewer than k may satisfy it, and a note says so.
        why: add what each score is made of: what shoppers do (`behaviour`), and the words and columns of what was asked
            and of the answer, half of the score each; the parts sum to the score. Beside it `paths`: how the item asked
            and the answer are joined, through relations and values that both have, the rarest first. Milliseconds an
            answer, or, where a text network reads the listings, some tenths of a second for each of the first 50.

    Raises:
        UnknownIdError: the item is not in the catalogue.
        FilterError: `where` cannot be read.
        InputError: k is out of range, nothing is given to be like, the phrase is too long, the photo cannot be read, or
            the space does not read listings, or not their photos.

    Example:
        >>> space.similar("sku-42", k=5, where="available")  # doctest: +SKIP
        >>> space.similar(phrase="red wool scarf")  # doctest: +SKIP
        >>> space.similar(phrase="in blue", photo="scarf.jpg")  # doctest: +SKIP
    """
    checked_k(k)
    items = [item] if isinstance(item, str) else list(item or [])
    said = _Said((phrase or "").strip(), Path(photo) if photo is not None else None)
    if not items and not said:
        raise InputError("name an item, or give a phrase or a photo")
    rows = np.asarray([space.catalogue.ids.row(text) for text in items], dtype=np.int32)
    allowed = allowed_items(space, where)
    queries, subjects, notes = np.asarray(space.vectors[rows], dtype=np.float32), items, []
    listing = None
    if said:
        listing, listed = _listed(space, said)
        if not listed.any():
            notes.append(f"no word of {said.subject!r} is known to the space")
        queries = unit_rows(queries + listed) if items else listed
        subjects = items or [said.subject]
    itself = sparse.csr_array(
        (np.ones(len(rows), bool), (np.arange(len(rows)), rows)), (len(queries), len(allowed))
    )
    found, scores = space.index.search(queries, k, allowed=allowed, exclude=itself)
    titles, hits = space.titles, []
    joins = joins_of(space)
    for n, subject in enumerate(subjects):
        others = [(int(r), float(s)) for r, s in zip(found[n], scores[n], strict=True) if r >= 0]
        if not queries[n].any():
            notes.append(f"{subject!r} has neither behaviour nor content yet, so nothing is near it")
            others = []
        elif len(others) < k:
            notes.append(f"{len(others)} of {k}: no other item of the catalogue satisfies the filter")
        texts = space.catalogue.ids.texts([r for r, _ in others])
        asked = int(rows[n]) if items else None
        parts: Sequence[tuple[Why, ...]] = [()] * len(others)
        if why:
            near, cosines = [r for r, _ in others], [score for _, score in others]
            parts = reasons(space, Question(asked, listing), queries[n], near, cosines)
        for rank, ((r, score), text) in enumerate(zip(others, texts, strict=True), start=1):
            more = {"paths": joins.told([asked] if asked is not None else [], r)} if why else {}
            hits.append(Hit(subject, rank, text, titles[r], score, parts[rank - 1], more))
    return Hits.of(hits, notes, why=why, more={"paths": TEXTS} if why else None)


def checked_k(k: int) -> None:
    """Raise InputError unless 1 <= k <= 10,000."""
    if not 1 <= k <= MAX_K:
        raise InputError(f"k = {k} is out of range; give 1 to {MAX_K:,}")


@dataclass(frozen=True)
class _Said:
    """What is told of a listing that is not there; false where nothing is."""

    phrase: str
    photo: Path | None

    def __bool__(self) -> bool:
        return bool(self.phrase) or self.photo is not None

    @property
    def subject(self) -> str:
        """What the answer calls it."""
        shown = [self.phrase[:60]] if self.phrase else []
        return " + ".join(shown + ([self.photo.name] if self.photo is not None else []))

    def listing(self, photo_columns: Collection[str]) -> Catalogue:
        """Return the listing, its photo in the columns that are read for one."""
        table = pa.table({"title": pa.array([self.phrase or None], pa.string())})
        if self.photo is not None:
            for name in photo_columns:
                table = table.append_column(name, pa.array([str(self.photo.absolute())]))
        return Catalogue(Ids(["said"], "item"), table, np.zeros(1), np.zeros(1, np.int32))


def _listed(space: Holding, said: _Said) -> tuple[Catalogue, Floats]:
    """Return such a listing, and where it would lie, float32 [1, D]."""
    if len(said.phrase) > MAX_PHRASE:
        raise InputError(
            f"a phrase of {len(said.phrase):,} characters is too long; the limit is {MAX_PHRASE:,}"
        )
    towers = towers_of(space)
    photo_columns = towers.photo_columns if towers is not None else ()
    if said.photo is not None:
        _check_photo(said.photo, photo_columns)
    listing = said.listing(photo_columns)
    if towers is not None:
        return listing, unit_rows(towers.items(Records.of_catalogue(listing, np.zeros(1))))
    if space.listed is None:
        raise InputError(
            "this space was made without listings to read, or by an older version: train it again with titles"
        )
    return listing, space.listed.vectors(listing)


def _check_photo(photo: Path, photo_columns: Collection[str]) -> None:
    if not photo_columns:
        raise InputError(
            "this space reads no photos: give the items a column `image`, and train with the recipe `catalogue`, or "
            'with a section [encoders.photo] use = "image"'
        )
    try:
        decoded(photo, 8)
    except PhotoError as problem:
        raise InputError(f"photo {str(photo)!r}: {problem}") from None
