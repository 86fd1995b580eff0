"""Which regions of a photo make an answer: the photo is hidden in part, and encoded again.

M masks, S the side of a photo, G that of a grid laid over it, D embedding_dim.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from PIL import Image

from shelfspace.encode.towers import Towers
from shelfspace.inputs.fields import Field, Records
from shelfspace.inputs.photos import Photos
from shelfspace.inputs.pretrained import PhotoVectors
from shelfspace.linear.vectors import unit_rows
from shelfspace.photos.decoding import decoded

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]
Masks = npt.NDArray[np.float64]
Score = Callable[[Masks], npt.NDArray[np.float64]]
"""From how much of each region is to be seen, [M, G, G] in 0 … 1, to the score of the photo, [M]."""

GRID, WINDOW = 8, 2
MASKS, SHOWN = 256, 0.5
_AT_ONCE = 64
_NO_COLUMNS = pa.table({})
_RAMP = np.array([[30, 60, 200], [60, 200, 220], [250, 230, 60], [220, 30, 30]], np.float64)


@dataclass(frozen=True)
class Hidden:
    """A photo whose regions can be hidden: what cannot be seen is the mean colour of the photo's edge.

    Raises:
        PhotoError: the photo cannot be read.
    """

    towers: Towers
    photo: Path

    def vectors(self, masks: Masks) -> Floats:
        """Return the vectors of the photo as each mask lets it be seen, float32 [M, D], unit length or 0."""
        readers = self.towers.readers["item"]
        squares = {
            name: decoded(self.photo, reader.side)
            for name, reader in readers.items()
            if isinstance(reader, PhotoVectors | Photos)
        }
        blocks = []
        for start in range(0, len(masks), _AT_ONCE):
            some = masks[start : start + _AT_ONCE]
            nothing = Records.of_users(_NO_COLUMNS, np.zeros(len(some)))
            fields: dict[str, Field] = {}
            for name, reader in readers.items():
                if isinstance(reader, PhotoVectors | Photos):
                    fields[name] = reader.seen(_masked(squares[name], some))
                else:
                    fields[name] = reader.read(nothing)
            blocks.append(unit_rows(self.towers.encoded(fields, len(some))))
        return np.concatenate(blocks)


def occluded(score: Score, *, grid: int = GRID, window: int = WINDOW) -> Masks:
    """Return how much of the score each region makes, float64 [G, G]: what is lost while a window lies over it.

    A region is the mean over the windows that it lies under.

    Args:
        score: of the photo under masks.
        grid: G.
        window: the side of a window, in regions.

    Cost: (G + window - 1)² + 1 photos are encoded: 82.

    Source: Zeiler and Fergus 2014.
    """
    starts = range(1 - window, grid)
    masks = np.ones((len(starts) ** 2 + 1, grid, grid))
    corners = [(row, column) for row in starts for column in starts]
    for mask, (row, column) in zip(masks, corners, strict=False):
        mask[max(0, row) : row + window, max(0, column) : column + window] = 0.0
    found = score(masks)
    lost, covered = found[-1] - found[:-1], 1.0 - masks[:-1]
    heat: Masks = np.tensordot(lost, covered, axes=1) / covered.sum(axis=0)
    return heat


def randomly_masked(
    score: Score, *, grid: int = GRID, masks: int = MASKS, shown: float = SHOWN, seed: int = 0
) -> Masks:
    """Return how much more the score is where a region is seen than where it is not, float64 [G, G].

    Args:
        score: of the photo under masks.
        grid: G.
        masks: M; half of them are the other half with what is seen and what is not exchanged.
        shown: the chance of a region to be seen.
        seed: of the masks.

    Cost: M photos are encoded.

    Source: Petsiuk, Das and Saenko 2018 (RISE), with the mean where a region is hidden as the baseline.
    """
    drawn = np.random.default_rng(seed).random((masks // 2, grid, grid))
    seen = np.concatenate([drawn < shown, drawn >= 1.0 - shown])
    found = score(seen.astype(np.float64))
    on, off = seen.astype(np.float64), 1.0 - seen
    heat: Masks = np.tensordot(found, on, axes=1) / np.maximum(on.sum(axis=0), 1)
    heat -= np.tensordot(found, off, axes=1) / np.maximum(off.sum(axis=0), 1)
    return heat


def overlaid(photo: Path, heat: Masks, side: int = 448) -> Image.Image:
    """Return the photo with the heat over it: blue counts against the answer or for nothing, red for it most."""
    square = decoded(photo, side).astype(np.float64)
    top = float(heat.max(initial=0.0))
    share = np.clip(_wide(heat[None] / top if top > 0 else np.zeros((1, *heat.shape)), side)[0], 0, 1)
    places = np.linspace(0, 1, len(_RAMP))
    colour = np.stack([np.interp(share, places, channel) for channel in _RAMP.T], axis=-1)
    return Image.fromarray((0.5 * square + 0.5 * colour).round().astype(np.uint8))


def _masked(square: Pixels, masks: Masks) -> Pixels:
    """Return a photo as each mask lets it be seen, uint8 [M, S, S, 3]."""
    plain = square.astype(np.float32)
    edge = np.concatenate([plain[0], plain[-1], plain[:, 0], plain[:, -1]]).mean(axis=0)
    seen = _wide(masks, len(square)).astype(np.float32)[..., None]
    found: Pixels = (edge + seen * (plain - edge)).round().astype(np.uint8)
    return found


def _wide(masks: Masks, side: int) -> Masks:
    """Return masks as wide as a photo, [M, S, S], linear between the middles of the regions."""
    grid = masks.shape[1]
    at = np.clip((np.arange(side) + 0.5) * grid / side - 0.5, 0, grid - 1)
    spread = np.maximum(0.0, 1.0 - np.abs(at[:, None] - np.arange(grid)))
    wide: Masks = spread @ masks @ spread.T
    return wide
