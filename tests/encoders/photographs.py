"""A few photos of the rows of `records`: row 2 has none, and that of row 3 cannot be read."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pyarrow as pa
from PIL import Image

from shelfspace.inputs.fields import Records
from tests.contracts.reader_contract import records


@cache
def folder() -> Path:
    found = Path(mkdtemp(prefix="shelfspace-photos-"))
    rng = np.random.default_rng(0)
    for n in range(7):
        coarse = rng.integers(0, 256, (4, 3 + n % 3, 3), np.uint8)
        Image.fromarray(coarse).resize((60, 40), Image.Resampling.BICUBIC).save(found / f"{n}.png")
    (found / "3.png").write_text("no photo", "utf-8")
    return found


def with_photos(**changes: object) -> Records:
    paths = [None if n == 2 else str(folder() / f"{n}.png") for n in range(7)]
    return records(image=pa.array(paths, pa.string()), **changes)
