"""Which regions of a photo make an answer."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from shelfspace.errors import InputError
from shelfspace.explaining.regions import Hidden, occluded, overlaid
from shelfspace.holding import Holding
from shelfspace.photos.decoding import PhotoError
from shelfspace.tasks.allowed import allowed_items
from shelfspace.tasks.reasons import towers_of


@dataclass(frozen=True)
class HeatMap:
    """What the regions of a photo make of its cosine with an item.

    photo: the file;  item_id, title: the item;  score: the cosine of both;
    amounts: float64 [8, 8], of the photo made square (the shorter side padded), row by row from the top: how much of
    the score is lost while a region is hidden, below 0 where it rises; they do not sum to the score.
    """

    photo: Path
    item_id: str
    title: str
    score: float
    amounts: npt.NDArray[np.float64]

    def image(self, side: int = 448) -> Image.Image:
        """Return the photo with the amounts over it: red where most of the score is lost, blue where nothing is."""
        return overlaid(self.photo, self.amounts, side)


def heat_map(
    space: Holding, photo: str | Path, *, item: str | None = None, to: str | Path | None = None
) -> HeatMap:
    """Return which regions of a photo make it lie near an item.

    Args:
        space: an open space that reads photos.
        photo: a file.
        item: an item's id; without, the nearest to the photo.
        to: a .png or .jpg file to write the picture to.

    Raises:
        UnknownIdError: the item is not in the catalogue.
        InputError: the space reads no photos, the photo cannot be read, or the picture cannot be written.

    Cost: 82 photos are encoded, with a network of 224 pixels some two to three seconds of a core.

    Source: Zeiler and Fergus 2014 (occlusion by a sliding window).

    Example:
        >>> space.heat_map("shelf.jpg", to="why.png").item_id  # doctest: +SKIP
    """
    row = None if item is None else space.catalogue.ids.row(item)
    target = None if to is None else _target(Path(to))
    towers = towers_of(space)
    if towers is None or not towers.photo_columns:
        raise InputError(
            "this space reads no photos: give the items a column `image`, and train with the recipe `catalogue`"
        )
    hidden = Hidden(towers, Path(photo))
    try:
        seen = hidden.vectors(np.ones((1, 1, 1)))
    except PhotoError as problem:
        raise InputError(f"photo {str(photo)!r}: {problem}") from None
    if row is None:
        found, _ = space.index.search(seen, 1, allowed=allowed_items(space, None))
        if found[0, 0] < 0:
            raise InputError("no item may be answered")
        row = int(found[0, 0])
    vector = np.asarray(space.vectors[row], np.float32)
    amounts = occluded(lambda masks: (hidden.vectors(masks) @ vector).astype(np.float64))
    score = float(seen[0] @ vector)
    made = HeatMap(Path(photo), space.catalogue.ids.text(row), space.titles[row], score, amounts)
    if target is not None:
        made.image().save(target)
    return made


def _target(to: Path) -> Path:
    if to.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise InputError(f"{to}: the name must end in .png or .jpg")
    if not to.parent.is_dir():
        raise InputError(f"{to}: there is no folder {to.parent}")
    return to
