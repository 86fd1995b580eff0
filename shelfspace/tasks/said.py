"""What is told of a listing that is not there, a phrase or a photo, and where it would lie in the space."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shelfspace.errors import InputError
from shelfspace.holding import Holding
from shelfspace.inputs.fields import Records
from shelfspace.linear.vectors import unit_rows
from shelfspace.photos.decoding import PhotoError, decoded
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.ids import Ids
from shelfspace.tasks.reasons import towers_of

MAX_PHRASE = 10_000

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Said:
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


def listed(space: Holding, said: Said) -> tuple[Catalogue, Floats]:
    """Return such a listing, and where it would lie, float32 [1, D], 0 where no word of it is known.

    Raises:
        InputError: the phrase is too long, the photo cannot be read, or the space reads no listings, or no photos.
    """
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
